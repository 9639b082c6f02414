"""The rule as its decision tree: which tokens it reads, what it permits there, and by how much the model has it."""

from itertools import accumulate

from properties.dossier.dossier import Dossier, Missing
from properties.dossier.tree import Pattern
from properties.report.page.document import (
    chip,
    clipped,
    folded,
    many,
    missing,
    number,
    section,
    shortened,
    table,
    text,
    trace,
)
from zoo.contexts import counted
from zoo.model import Model

SHOWN, MOST = 12, 72  # patterns at once, and folded
LONGEST = 12_000  # characters of a source or program
ROOM = 40_000  # characters of all patterns
POSITIONS = 12  # of a pattern; of one that reads further back, the words alone are shown


def rule(found: Dossier) -> str:
    if isinstance(found.rule, Missing):
        return section("rule", "The rule", missing(found.rule) + _sources(found))
    patterns = sorted(found.rule.patterns, key=lambda one: (one.lengths[0], one.at or 0, str(one.known)))
    rows = [_row(found.model, one) for one in patterns]
    sizes = accumulate(sum(map(len, row)) for row in rows)
    most = min(MOST, sum(size <= ROOM for size in sizes))
    heads = ["the context", "it permits", "#tokens", "#contexts", "#smallest margin", "", ""]
    first = min(SHOWN, most)
    body = table(heads, rows[:first], "The rule's patterns")
    if len(rows) > first:
        left = f"<p>… and {len(rows) - most} more</p>" if len(rows) > most else ""
        more = table(heads, rows[first:most], "More patterns") if most > first else ""
        body += folded(many(len(rows) - first, "more pattern"), more + left)
    leaves = len(found.rule.leaves)
    lead = (
        "The plain-Python rule was run on contexts of unknown tokens: "
        f"{leaves:,} {'leaf' if leaves == 1 else 'leaves'}, {many(len(rows), 'pattern')}. "
        "A dot is a token that it never looks at, … stands for any earlier ones."
    )
    return section("rule", "The rule, as the proof reads it", body + _sources(found), lead)


def _row(model: Model, one: Pattern) -> list[str]:
    span = f"{one.lengths[0]}" if len(one.lengths) == 1 else f"{one.lengths[0]} to {one.lengths[-1]}"
    note = chip("failed", f"{one.wrong} wrong") if one.wrong else ""
    note = note or (chip("deviates", f"{one.deviating} not as meant") if one.deviating else "")
    says = " or ".join(_cell(model, (name,)) for name in one.permitted[:8]) or "nothing specified"
    return [
        f'<span class="pat">{_drawn(model, one)}</span>',
        f'<span class="pat">{says}</span>',
        span,
        counted(one.contexts),
        number(one.margin),
        note,
        trace(one.example, f"trace {text(shortened(one.example))}") if len(one.example) <= 20 else trace(one.example),
    ]


def _drawn(model: Model, one: Pattern) -> str:
    """Squares for the tokens, counted from the last, or words where it reads from far away, or counts."""
    words = [f"{_place(back, one.at)} {_either(model, tokens)}" for back, tokens in one.known]
    spoken = ", ".join([*words, *([one.more] if one.more else [])]) or "any context"
    if one.at is not None or one.more or (one.known and one.known[0][0] < -POSITIONS):
        return f'<span class="words">{text(spoken)}</span>'
    known, longest = dict(one.known), max(one.lengths)
    first = max(1, *(-back for back in known)) if known else 1
    shown = longest if len(one.lengths) == 1 and longest <= POSITIONS else min(first + 1, longest)
    cells = []
    for k in range(shown, 0, -1):
        if -k in known:
            cells.append(_cell(model, known[-k]))
        else:
            cells.append(f"<i>{'…' if k == shown and longest > shown else '·'}</i>")
    return f'<span class="vh">{text(spoken)}</span><span aria-hidden="true">{"".join(cells)}</span>'


def _place(back: int, at: int | None) -> str:
    """Counted from the end; where each position answers, from the one that does."""
    if at is None:
        return f"[{back}]"
    return "itself" if back == 0 else f"{abs(back)} {'before' if back < 0 else 'after'}"


def _cell(model: Model, tokens: tuple[str, ...]) -> str:
    if len(tokens) > 1:
        return f'<i class="w">{text(_either(model, tokens))}</i>'
    names = model.vocab if tokens[0] in model.vocab else model.names
    tone = min(2, names.index(tokens[0])) if tokens[0] in names else 2
    return f'<i class="k{tone}">{text(tokens[0])}</i>'


def _either(model: Model, tokens: tuple[str, ...]) -> str:
    rest = [token for token in model.vocab if token not in tokens]
    if len(rest) < len(tokens):
        return "not " + "|".join(rest) if len(rest) <= 8 else f"all but {len(rest)} tokens"
    return "|".join(tokens) if len(tokens) <= 8 else f"one of {len(tokens)} tokens"


def _sources(found: Dossier) -> str:
    body = "".join(
        folded(f"The source of <code>{text(one.name)}</code>", f"<pre>{text(clipped(one.text, LONGEST))}</pre>")
        for one in found.sources
        if one.text
    )
    if isinstance(found.program, Missing):
        return body
    return body + folded(
        "The smallest program that gives the same answers", f"<pre>{text(clipped(found.program, LONGEST))}</pre>"
    )
