"""Everything that a report says of one model, section by section: a `Dossier`.

What could not be found, or was not looked for, is there as `Missing`, which says why.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from typing import Any, TypeVar

import numpy as np

from properties.checks.settle import affordable, proof_of
from properties.checks.table import checks
from properties.checks.verdict import How, Requested, Verdict
from properties.counting import count
from properties.dossier.answers import MOST, answers, questions
from properties.dossier.dossier import Caught, Dossier, Missing, Mutants, Source
from properties.dossier.page import held_by_page
from properties.dossier.tree import read
from properties.proof import certificate
from properties.proof.bands import Bands
from properties.robustness import mutants
from properties.robustness.bearing import bearing
from properties.robustness.comparison import compare
from properties.robustness.edges import validity_edge
from reference import Fold
from zoo import registry
from zoo.black_box import TRIES, BlackBox
from zoo.cost.ladder import ladder
from zoo.cost.operations import flops, parameters
from zoo.distill import checked_program
from zoo.errors import ModelError, ZooError
from zoo.inspection.context_map import BINS, Run, orders, runs
from zoo.inspection.maps import drawable, factors
from zoo.inspection.sentences import sentences
from zoo.model import Model
from zoo.progress import busy, steps
from zoo.transformer.arrays import Array

SECONDS = 20.0  # of the processor, for a certificate where nothing was proved before, and for a count
WORK = 4 * 10**9  # operations that all mutants together may take; beyond, some are drawn
EDGE, BOXES = 256, 1000  # tokens up to which a family's edge is sought, and how many sets of each length are tried
DEEP = 64  # the same of one where attention reads what attention wrote, which takes seconds beyond
FEWEST = 50  # mutants that are drawn
FEW_TRIES = 2000  # contexts that a black box is tried on where it is to be quick
APART = 81  # contexts of a length that have a cell of the map each
ROWS, RUNS = 24, 700  # of the map
T = TypeVar("T")


def gather(asked: Requested, model: Model, others: Sequence[Model], quick: bool = False) -> Dossier:
    """Everything of a model; a line shows which section is worked on."""
    found = Dossier(asked, model, others, quick)
    sections = SECTIONS if quick else SECTIONS | SLOW
    for title, section in steps(list(sections.items()), model.name):
        with busy(title):
            section(found)
    return found


def _tried(find: Callable[[], T]) -> T | Missing:
    """What is found, or the sentence that says why it cannot be."""
    try:
        return find()
    except ZooError as error:
        return Missing(str(error))


def _checks(found: Dossier) -> None:
    model = found.model
    certified = not isinstance(model, BlackBox) and not affordable(model)
    how = How(certified=certified, tries=FEW_TRIES if found.quick else TRIES)
    found.verdicts = [run(model, how) for _, run in steps(checks(model), "checks")]
    for claim in model.claims:
        again = claim.recomputed(model)
        found.claims.append((claim, again, claim.holds(again)))
    found.lemmas = [(lemma.text, lemma.holds(model)) for lemma in model.lemmas]


def _contexts(found: Dossier) -> None:
    model = found.model
    found.answers = answers(model)
    if found.answers is not None:
        states = found.answers.states
        found.rows = _rows(orders(model), states)
    stated = questions(model)
    if isinstance(model, BlackBox) or affordable(model) or not stated:
        return
    proof = proof_of(model, stated[0], How(certified=True))
    if proof.splits is not None:
        found.settled = proof.splits.settled
        found.bands = proof.splits.bands or Bands(model.vocab, found.settled)


def _rows(order: Mapping[int, Array], states: Sequence[str]) -> dict[int, list[Run]]:
    """Of all lengths, or of many the shortest and then ever fewer up to the longest, as fine as there is room for."""
    every = sorted(order)
    if len(every) > ROWS:
        every = sorted(
            {*every[: ROWS // 2], *(every[i] for i in np.linspace(0, len(every) - 1, ROWS // 2).astype(int))}
        )
    for apart, bins in ((APART, BINS), (APART // 3, BINS // 2), (0, BINS // 4), (0, BINS // 16)):
        rows = {length: list(runs(order[length], states, apart, bins)) for length in every}
        if sum(map(len, rows.values())) <= RUNS:
            break
    return rows


def _rule(found: Dossier) -> None:
    model = found.model
    stated = [(one.function, one.kind) for one in questions(model)]
    found.sources = [source for function, _ in stated for source in _sources(function)]
    if isinstance(model, BlackBox) or not stated:
        found.rule = Missing("its rule is only asked about the contexts that are tried" if stated else found.rule.why)  # type: ignore[union-attr]
        found.program = Missing("there are no weights to distil a program from")
        return
    many = Missing("it has more leaves than anybody reads")
    found.rule = _tried(lambda: read(model, *stated[0], found.answers, found.settled) or many)
    if model.deviations:
        found.meant = _tried(lambda: read(model, model.deviations[0].meant, "rule", None) or many)
    found.program = _tried(lambda: checked_program.write(model, "python"))
    if found.answers is None:
        found.program = Missing("it has too many contexts for a program to be distilled from all of them")


def _sources(function: Any) -> Iterator[Source]:
    """Where there is a text; of a fold, its parts."""
    if type(function) is Fold:
        for part in (function.step, function.answer):
            yield from _sources(part)
        return
    name = certificate.name_of(function)
    said = (inspect.getdoc(function) or "").partition("\n\n")[0].replace("\n", " ")
    try:
        text = inspect.getsource(function)
    except (OSError, TypeError):
        text = ""
    yield Source(name, said if inspect.isroutine(function) else "", text)


def _counts(found: Dossier) -> None:
    """Where it is wrong somewhere, how often; where contexts are listed, they are counted on the page."""
    model = found.model
    stated = model.rule is not None and not isinstance(model, BlackBox)
    wrong = any(verdict.check in ("rule", "accuracy") and verdict.status != "holds" for verdict in found.verdicts)
    if stated and found.answers is None and (wrong or model.accuracy is not None):
        found.counts = _tried(lambda: count(model, max_seconds=SECONDS))


def _weights(found: Dossier) -> None:
    model = found.model
    if isinstance(model, BlackBox):
        found.maps = Missing("a black box: only its answers are known")
        return
    found.sentences = list(sentences(model))
    found.maps = (
        list(factors(model))
        if drawable(model)
        else Missing("the products of its heads' weights are too large to compute, and are not drawn")
    )
    found.flops, found.parameters = flops(model.transformer, model.scope.lengths[-1]), parameters(model.transformer)


def _mutants(found: Dossier) -> None:
    model = found.model
    if not mutants.checked(model):
        found.mutants = Missing("nothing is stated of its weights that could catch a change")
        return

    def stories() -> Mutants:
        mutants.refuse_failing(model)
        total = mutants.number(model.transformer)
        each = model.scope.count() * flops(model.transformer, model.scope.lengths[-1])
        most = max(FEWEST, WORK // each)
        found = list(mutants.stories(model, int(min(total, most))))
        return Mutants(found, total, list(_caught(model, found)) if len(found) == total else ())

    found.mutants = _tried(stories)


def _caught(model: Model, stories: Sequence[mutants.Story]) -> Iterator[Caught]:
    """For the matrices of each layer, a head at a time."""
    shares: dict[str, dict[tuple[int, ...], list[bool]]] = {}
    for story in stories:
        if story.mutant.index:
            cells = shares.setdefault(story.mutant.place, {})
            cells.setdefault(story.mutant.index, []).append(story.outcome != "equal")
    for i, layer in enumerate(model.transformer.layers):
        for name, array in layer.arrays():
            if name.startswith("w_"):
                place, share = f"layer {i} {name}", np.zeros(array.shape)
                for index, hits in shares.get(place, {}).items():
                    share[index] = sum(hits) / len(hits)
                if array.ndim == 2:
                    yield Caught(place, share, array)
                else:
                    yield from (Caught(f"{place} of head {h}", share[h], one) for h, one in enumerate(array))


def _bearing(found: Dossier) -> None:
    model = found.model
    if isinstance(model, BlackBox):
        found.bearing = Missing("a black box has no weights to change")
        return
    each = flops(model.transformer, model.scope.lengths[-1])
    breaks = 2 * parameters(model.transformer).nonzero * model.scope.count() * each <= WORK
    build = registry.family(found.asked.name)
    most = EDGE if len(model.transformer.attentions) < 2 else min(EDGE, DEEP)
    find_edge = partial(validity_edge, most=most, boxes=BOXES)
    found.bearing = _tried(lambda: list(bearing(model, build, find_edge, breaks)))


def _cost(found: Dossier) -> None:
    found.rungs = _tried(lambda: ladder(found.model))


def _beside(found: Dossier) -> None:
    """Models that read the same tokens, and are small enough to be run in every context."""
    model = found.model
    if isinstance(model, BlackBox) or found.answers is None:
        found.beside = Missing("it has too many contexts to be run beside others in each of them")
        return
    for other in found.others:
        if other.name != model.name and not isinstance(other, BlackBox) and _alike(model, other):
            verdict = _tried(lambda other=other: compare(model, other, other.name, every=True))  # type: ignore[misc]
            if isinstance(verdict, Verdict):
                found.beside.append(replace(verdict, check=other.name))  # type: ignore[union-attr]
    found.beside.sort(key=lambda one: (len(one.failures), one.check))  # type: ignore[union-attr]


def _alike(model: Model, other: Model) -> bool:
    few = other.scope.count() <= MOST and affordable(other)
    same = all(getattr(model, what) == getattr(other, what) for what in ("vocab", "answers", "names", "within"))
    return few and same and model.scope.common(other.scope) is not None


def _evidence(found: Dossier) -> None:
    model = found.model
    found.versions = {name: version(name) for name in ("handmade-zoo", "numpy")}
    if isinstance(model, BlackBox):
        found.certificate = Missing("a certificate is of a proof, which needs weights")
        return
    found.digest = certificate.digest(model.transformer)
    if found.status == "failed":
        found.certificate = Missing("there is none, as a check failed")
        return
    found.certificate = _tried(lambda: _certified(found))


def _certified(found: Dossier) -> dict[str, Any] | Missing:
    model = found.model
    function = certificate.function_of(model)
    if affordable(model):
        proof, written = certificate.certify(model, function, max_seconds=SECONDS)
    else:
        question = next((one for one in questions(model) if one.function is function), None)
        if question is None:
            raise ModelError("there is no certificate, as its accuracy is counted and not proved")
        proof, written = certificate.certify(model, function, proof_of(model, question, How(certified=True)))
    return Missing(certificate.why_none(model, proof)) if written is None else written


SECTIONS: dict[str, Callable[[Dossier], None]] = {
    "verdicts": _checks,
    "contexts": _contexts,
    "rule": _rule,
    "counts": _counts,
    "weights": _weights,
    "beside other models": _beside,
    "evidence": _evidence,
    "page": held_by_page,
}
SLOW: dict[str, Callable[[Dossier], None]] = {
    "which weights matter": _mutants,
    "how much it bears": _bearing,
    "cost": _cost,
}
