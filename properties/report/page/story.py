"""The claim in one sentence, with its verdict."""

from properties.checks.verdict import Verdict
from properties.dossier.dossier import Dossier
from properties.report.page.document import context, many, number, prose, text, token
from zoo.contexts import counted
from zoo.digits import nearest
from zoo.domain_in_words import described
from zoo.inspection.card import sizes

LONGEST = 240  # characters of what a check says
LAYOUTS = 3  # of a domain that are written out
ANSWERS = ("rule", "accuracy", "predictors")  # the checks that say whether its answers are right, the first there is


def story(found: Dossier) -> str:
    """Whether it is right, the shortest context where it is not, and what else did not hold."""
    main = next((v for name in ANSWERS for v in found.verdicts if v.check == name), None)
    if main is None:
        return "What is right is not stated of it: only its figures and its mechanics are checked."
    said = {"failed": _wrong, "undecided": _open, "holds": _right, "deviates": _right}[main.status](found, main)
    if main.passed:
        other = [v for v in found.verdicts if not v.passed]
        became = {"failed": "failed", "undecided": "is undecided"}
        said += "".join(
            f" But the check <code>{v.check}</code> {became[v.status]}: {text(_cut(v.detail)) or 'see below'}."
            for v in other[:1]
        )
    return said + _meant(found)


def _cut(said: str) -> str:
    return said if len(said) <= LONGEST else f"{said[:LONGEST].rpartition(' ')[0]} … (more below)"


def _wrong(found: Dossier, verdict: Verdict) -> str:
    shown, answers = verdict.counterexample, found.answers
    if answers is not None and answers.wrong.any():
        where = f"Wrong in <b>{int(answers.wrong.sum())} of {counted(len(answers.words))}</b> contexts."
    elif verdict.detail.startswith("wrong in the shortest context"):  # which is said next
        where = "<b>Wrong</b>."
    else:
        where = f"<b>{text(verdict.detail[:1].upper() + verdict.detail[1:])}</b>."
    if shown is None:
        return where
    if shown.at is not None:
        says = f"at token {shown.at + 1} it says {token(shown.predicted)}"
    else:
        says = f"it {text(shown.problem)}" if shown.problem else f"it says {token(shown.predicted or 'nothing')}"
    permitted = " or ".join(map(token, shown.permitted[:8])) or "nothing"
    which = "The shortest is" if verdict.method != "sampled" else "One is"
    kind = "the rule permits" if verdict.check != "predictors" else "right is"
    return f"{where} {which} {context(shown.context)}: {says}, {kind} {permitted}."


def _open(found: Dossier, verdict: Verdict) -> str:
    return f"Not settled: {text(_cut(verdict.detail))}."


def _right(found: Dossier, verdict: Verdict) -> str:
    total = f"all {counted(found.model.scope.count())}"
    if verdict.check == "accuracy":
        return f"{text(verdict.detail[:1].upper() + verdict.detail[1:])}."
    how = {"proved": ", by proof", "sampled": " of a sample"}.get(verdict.method, "")
    which = "Follows its rule in" if found.model.deviations else "Right in"
    least = "" if verdict.margin is None else f" The smallest margin is {number(verdict.margin)}."
    silent = 0 if found.answers is None else int((~found.answers.judged).sum())
    but = f"; of {silent:,} nothing is specified" if silent else ""
    return f"{which} <b>{total}</b> contexts{how}{but}.{least if not found.model.deviations else ''}"


def _meant(found: Dossier) -> str:
    """Where its author meant otherwise."""
    model = found.model
    if not model.deviations:
        return ""
    first = model.deviations[0]
    shortest, says = first.contexts[0], ""
    if found.answers is not None and shortest in found.answers.words:
        says = f": it says {token(found.answers.says[found.answers.words.index(shortest)])}"
    return (
        f" Its author meant another: in <b>{many(len(first.contexts), 'context')}</b> it does otherwise, the shortest "
        f"{context(shortest)}{says}. The reason stated: {prose(first.why)}."
    )


def brief(found: Dossier) -> str:
    """The story for the index."""
    return story(found).partition(" The reason stated:")[0]


def facts(found: Dossier) -> str:
    model = found.model
    said = sizes(model)
    layouts = [] if model.domain is None else described(model.domain, model.vocab)[1:]
    more = f"; and {len(layouts) - LAYOUTS} more layouts" if len(layouts) > LAYOUTS else ""
    of = f" Only of these contexts: {text('; '.join(layouts[:LAYOUTS]))}{more}." if layouts else ""
    every = " It answers at every position." if model.answers == "every" else ""
    within = "" if model.within is None else f" It answers with a number, within {nearest(model.within)}."
    origin = f" · from <code>{text(found.asked.name)}</code>" if found.asked.name != model.name else ""
    return f'<p class="facts">{text(said)}{origin}.{of}{every}{within}</p>'
