"""What is claimed of a model, and what was found: claims, verdicts, figures, and how many contexts are right."""

from properties.checks.table import CHECKS
from properties.checks.verdict import Verdict
from properties.counting import Count
from properties.dossier.dossier import Dossier, Missing
from properties.report.page.document import (
    NONE,
    chip,
    context,
    facts,
    folded,
    listed,
    many,
    missing,
    number,
    prose,
    section,
    shortened,
    table,
    text,
    trace,
)
from zoo.black_box import BlackBox
from zoo.contexts import counted
from zoo.digits import exact, percent_at_least, percent_at_most

LONGEST = 400  # characters of what a check says
LISTED = 16_000  # characters of wrong contexts


def verdicts(found: Dossier) -> str:
    """Answers first; the mechanics of the program are folded where they hold."""
    mechanics = [v for v in found.verdicts if CHECKS[v.check].kind == "mechanics"]
    answers = [v for v in found.verdicts if v not in mechanics]
    body = facts(_stated(found)) + "<h3>Verdicts</h3>" + _table(found, answers, "Verdicts")
    if mechanics:
        fine = sum(v.passed for v in mechanics)
        hold = "check of the mechanics holds" if len(mechanics) == 1 else "checks of the mechanics hold"
        title = f"{fine} of {len(mechanics)} {hold}: that the program is the model"
        body += folded(title, _table(found, mechanics, "Mechanics"), fine < len(mechanics))
    body += _figures(found) + _lemmas(found) + _counts(found) + _wrong(found)
    lead = "Each claim is settled in every context or by proof, unless it says “sampled”."
    return section("checks", "What is claimed, and what was found", body, lead)


def _stated(found: Dossier) -> list[tuple[str, str]]:
    model, said = found.model, []
    for kind, function in [("Rule", model.rule), *(("Equal to", one) for one in model.predictors)]:
        if function is not None:
            name = str(getattr(function, "__name__", type(function).__name__))
            doc = next((one.said for one in found.sources if one.name == name), "")
            said.append((kind, f"<code>{text(name)}</code>" + (f": {prose(doc)}" if doc else "")))
    if model.accuracy is not None:
        said.append(("Accuracy", f"right in at least {exact(100 * model.accuracy)} % of what is judged"))
    if model.margin is not None:
        said.append(("Margin", f"what is permitted wins by at least {exact(model.margin)} in every context"))
    if model.cycle is not None:
        within = many(model.cycle.within, "token")
        said.append(
            ("Generation", f"ends in {context(model.cycle.tokens)} repeated, within {within}, from every context")
        )
    for one in model.deviations:
        name = str(getattr(one.meant, "__name__", "another rule"))
        where = f"fails in the {many(len(one.contexts), 'stated context')}, as {prose(one.why)}"
        said.append(("Meant", f"<code>{text(name)}</code>: it {where}"))
    if isinstance(model, BlackBox):
        said += [("Its author says", f"{text(key)}: {text(value)}") for key, value in model.words.items()]
    return [*said, ("Source", text(model.source) or "not stated")]


def _table(found: Dossier, some: list[Verdict], label: str) -> str:
    rows = []
    for one in some:
        claim = (CHECKS[one.check].run.__doc__ or "").split("\n")[0]
        more = ""
        if one.detail and (one.status != "holds" or one.check != "claims"):
            detail = one.detail if len(one.detail) <= LONGEST else f"{one.detail[:LONGEST]}…"
            more = f'<p class="find">{text(detail[:1].upper() + detail[1:])}</p>'
        if one.counterexample is not None:
            button = trace(one.counterexample.context) if not isinstance(found.model, BlackBox) else ""
            more += f'<p class="find">{_sentence(one)} {button}</p>'
        status = f'<span class="nw">{chip(one.status)}</span>'
        rows.append(
            [
                f"<code>{one.check}</code>",
                status,
                f'<span class="nw">{one.looked_at or NONE}</span>',
                number(one.margin),
                f'<span class="claim">{text(claim)}</span>{more}',
            ]
        )
    return table(["check", "verdict", "looked at", "#margin", "what is claimed, what was found"], rows, label)


def _sentence(one: Verdict) -> str:
    """A counterexample in words, without anybody's help."""
    assert one.counterexample is not None
    said = one.counterexample.sentence()
    short = said if len(said) <= LONGEST else f"{said[: LONGEST // 2]} … {said[-LONGEST // 2 :]}"
    return f"{text(short[:1].upper() + short[1:])}."


def _figures(found: Dossier) -> str:
    if not found.claims:
        return ""
    wrong = sum(not fine for *_, fine in found.claims)
    rows = [
        [
            text(claim.text),
            f"<code>{text(_cut(claim.claimed))}</code>",
            f"<code>{text(_cut(again))}</code>",
            chip("holds", "the same") if fine else chip("failed", "differs"),
        ]
        for claim, again, fine in found.claims
    ]
    title = f"{many(len(rows), 'published figure')}, computed again" + (f": {wrong} differ" if wrong else "")
    return folded(title, table(["figure", "claimed", "computed", ""], rows), bool(wrong))


def _lemmas(found: Dossier) -> str:
    if not found.lemmas:
        return ""
    rows = [[text(said), chip("holds") if holds else chip("failed", "does not hold")] for said, holds in found.lemmas]
    return folded(f"{many(len(rows), 'lemma')} of the argument, computed", table(["lemma", ""], rows), True)


def _cut(value: object, most: int = 60) -> str:
    said = str(value)
    return said if len(said) <= most else f"{said[:most]}…"


def _counts(found: Dossier) -> str:
    """How many contexts are right, where not all are."""
    if isinstance(found.counts, Missing):
        return f"<h3>How many are right</h3>{missing(found.counts)}"
    rows = []
    if isinstance(found.counts, Count):
        for one in found.counts.lengths:
            rows.append([f"{one.length:,}", _big(one.right), _big(one.wrong), _big(one.open), _big(one.skipped)])
        least, most = found.counts.accuracy
        share = f"At least {percent_at_least(least)} and at most {percent_at_most(most)} of what is judged is right."
    elif found.answers is not None and found.answers.wrong.any():
        before, answers = 0, found.answers
        for length, number_ in ((n, found.model.scope.count(n)) for n in found.model.scope.lengths):
            some = slice(before, before + number_)
            wrong, judged = int(answers.wrong[some].sum()), int(answers.judged[some].sum())
            rows.append([str(length), str(judged - wrong), str(wrong), "0", str(number_ - judged)])
            before += number_
        wrong, judged = int(answers.wrong.sum()), int(answers.judged.sum())
        share = f"{wrong} of {judged} contexts that are judged {'is' if wrong == 1 else 'are'} wrong."
    if not rows:
        return ""
    rows = rows[:12] + rows[-1:] if len(rows) > 13 else rows
    body = table(["#tokens", "#right", "#wrong", "#open", "#nothing specified"], rows, "How many contexts are right")
    return f"<h3>How many are right</h3><p>{share}</p>{body}"


def _big(count: int) -> str:
    return f"{count:,}" if count < 10**9 else counted(count)


def _wrong(found: Dossier) -> str:
    """Every wrong or deviating context that is known, with what is said there."""
    answers = found.answers
    if answers is None or not (answers.wrong.any() or answers.deviates.any()):
        return ""
    kind, some = ("wrong", answers.wrong) if answers.wrong.any() else ("deviating", answers.deviates)
    which = [int(i) for i in some.nonzero()[0]]
    blind = isinstance(found.model, BlackBox)
    lines = (
        f"<li>{context(answers.words[i])} says {text(answers.says[i])}"
        + (f", permitted {text(answers.permits[i])}" if kind == "wrong" else "")
        + ("" if blind else f" {trace(answers.words[i], 'trace')}")
        + "</li>"
        for i in which
    )
    body, left_out = listed(lines, LISTED)
    more = f"<p>… and {left_out} more</p>" if left_out else ""
    title = f"The {kind} context" if len(which) == 1 else f"All {many(len(which), f'{kind} context')}"
    return folded(title, f'<ul class="list">{body}</ul>{more}')


def offered(found: Dossier) -> str:
    """Buttons of what is worth a look."""
    return "".join(trace(one, f'{name}: <span class="m">{text(shortened(one))}</span>') for name, one in found.notable)
