"""Tables of verdicts: a line for each model, or a line for each check."""

from collections import Counter
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Column
from rich.text import Text

from properties.checks.table import CHECKS
from properties.checks.verdict import Requested, Verdict
from properties.report.console import grid, side_by_side
from zoo.black_box import BlackBox
from zoo.digits import at_least
from zoo.model import Model

Result = tuple[Requested, Model, list[Verdict]]
STYLES = {"holds": "green", "deviates": "yellow", "undecided": "yellow", "failed": "bold red"}
GLYPHS = {"holds": "\N{CHECK MARK}", "deviates": "~", "undecided": "?", "failed": "\N{BALLOT X}"}
PLAIN = {"\N{CHECK MARK}": "+", "\N{BALLOT X}": "x"}  # where a terminal has no such characters
GRAVEST = ["failed", "undecided", "deviates", "holds"]
# What so many of them do: one, or several.
DO = {
    "holds": ("holds", "hold"),
    "deviates": ("deviates as stated", "deviate as stated"),
    "undecided": ("undecided", "undecided"),
    "failed": ("failed", "failed"),
}
ANSWERS = ("rule", "predictors")  # whose contexts are those of the model, the first that there is


def tallied(statuses: Iterable[str]) -> dict[str, str]:
    """Of each status that there is "41 hold", "1 deviates as stated": what holds comes first."""
    counts = Counter(statuses)
    return {status: f"{counts[status]} {words[counts[status] != 1]}" for status, words in DO.items() if counts[status]}


def models(out: Console, results: Sequence[Result]) -> None:
    """What became of each: the gravest of its verdicts, and to what it is due."""
    numbers = (Column(name, justify="right", no_wrap=True) for name in ("contexts", "margin", "checks"))
    table = grid(
        *(Column(name, no_wrap=True) for name in ("model", "verdict")), *numbers, Column("note", overflow="fold")
    )
    for _, model, verdicts in results:
        status = min((str(verdict.status) for verdict in verdicts), key=GRAVEST.index, default="holds")
        good = sum(verdict.passed for verdict in verdicts)
        checks = str(good) if good == len(verdicts) else f"{good} of {len(verdicts)}"
        glyph = GLYPHS[status] if out.encoding.startswith("utf") else PLAIN.get(GLYPHS[status], GLYPHS[status])
        word = Text(f"{glyph} {status}", style=STYLES[status])
        table.add_row(model.name, word, _contexts(verdicts), _smallest(verdicts), checks, _note(model, verdicts))
    out.print(table)


def _contexts(verdicts: list[Verdict]) -> str:
    """How many its answers were looked at in; where no answer is stated, how many the other checks looked at."""
    for check in (*ANSWERS, *CHECKS):
        for verdict in verdicts:
            if verdict.check == check and verdict.looked_at:
                return verdict.looked_at.removesuffix(" sampled")
    return "-"


def _note(model: Model, verdicts: list[Verdict]) -> str:
    """Which checks did not hold, the gravest first, and how many did on a sample."""
    named = [verdict.check for status in GRAVEST[:-1] for verdict in verdicts if verdict.status == status]
    notes = [", ".join(named)] if named else []
    if some := sum(verdict.status == "holds" and verdict.method == "sampled" for verdict in verdicts):
        notes.append(f"{some} sampled")
    return "; ".join([*notes, *(["black box"] if isinstance(model, BlackBox) else [])])


def checks(out: Console, results: Sequence[Result], asked_for: Sequence[str] = ()) -> None:
    """Checks x models, as many models side by side as there is room for."""
    names = list(dict.fromkeys([*asked_for, *(verdict.check for *_, verdicts in results for verdict in verdicts)]))
    names.sort(key=lambda name: list(CHECKS).index(name) if name in CHECKS else -1)
    columns: list[tuple[str, list[str | Text]]] = []
    for _, model, verdicts in results:
        columns.append((model.name, [*(_cell(verdicts, name) for name in names), _smallest(verdicts)]))
    side_by_side(out, "check", [*((name, "") for name in names), ("smallest margin", "bold")], columns, "left")


def _cell(verdicts: list[Verdict], check: str) -> Text:
    """What a check looked at: "all 62", "39 of 120", a sample, or nothing but its own inputs."""
    for verdict in verdicts:
        if verdict.check == check:
            computed = verdict.detail.partition(":")[0] if verdict.status == "holds" else ""
            seen = computed if verdict.method == "computed" else verdict.looked_at
            text = seen if verdict.status == "holds" else f"{verdict.status.upper()} {seen}".rstrip()
            return Text(text, style=STYLES[verdict.status])
    return Text("-", style="dim")


def _smallest(verdicts: list[Verdict]) -> str:
    margins = [verdict.margin for verdict in verdicts if verdict.margin is not None]
    return at_least(min(margins)) if margins else "-"
