"""What the map shows of a proof: for some lengths, the sets of contexts that were settled, as wide as their shares."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from properties.dossier.dossier import Dossier
from properties.proof.bands import Band
from properties.report.page.document import number, shortened
from zoo.contexts import Context, counted

LENGTHS = 10  # rows
LISTED = 20  # wrong contexts of a length that have a cell each
OPEN = "u"  # beside the states of `zoo.inspection.context_map`


@dataclass(frozen=True)
class Cell:
    """Where it begins and how wide it is, as shares of its row; one of its contexts, as far as it is known."""

    start: Fraction
    width: Fraction
    state: str
    title: str
    known: dict[int, int] | None


def lengths(found: Dossier) -> list[int]:
    """Those of which anything is known."""
    settled = [] if found.bands is None else list(found.bands.rows)
    return sorted({*settled, *map(len, _wrong(found))})


def rows(found: Dossier, most: int) -> dict[int, list[Cell]]:
    """Of the shortest lengths, and then of ever fewer up to the longest, so many sets at most.

    Where there are more, a cell is all that end alike.
    """
    every, wrong = lengths(found), _wrong(found)
    if not every:
        return {}
    chosen = {every[round((len(every) - 1) * (i / (LENGTHS - 1)) ** 3)] for i in range(LENGTHS)} | set(every[:4])
    by_length: dict[int, list[Band]] = {length: [] for length in sorted(chosen | {len(c) for c in wrong[:1]})}
    if found.bands is not None:
        for one in found.settled:
            if one.box.length in by_length:
                by_length[one.box.length].append(found.bands.single(one))
        for length, single in by_length.items():
            if not 0 < len(single) <= most and length in found.bands.rows:
                by_length[length] = found.bands.of(length, most)
    return {length: list(_cells(found, length, bands, wrong)) for length, bands in by_length.items()}


def _wrong(found: Dossier) -> list[Context]:
    """What is known to be answered wrong, shortest first."""
    checks = [one for one in found.verdicts if one.check in ("rule", "predictors", "accuracy")]
    shown = [one.counterexample.context for one in checks if one.counterexample is not None]
    listed = [context for one in checks if one.status == "failed" for context in one.failures]
    return sorted(dict.fromkeys([*shown, *listed]), key=len)


def _cells(found: Dossier, length: int, bands: Sequence[Band], wrong: Sequence[Context]) -> Iterator[Cell]:
    """Ordered by what may stand last, then before it; then what is wrong, and what was not settled."""
    model, start = found.model, Fraction(0)
    total = model.scope.count(length) * (length if model.answers == "every" else 1)
    wrong = [context for context in wrong if len(context) == length]
    for one in sorted(bands, key=lambda one: (one.at or 0, _by_last(one, model.vocab))):
        width = Fraction(one.contexts, total)
        inside = [context for context in wrong if one.boxes == 1 and context in one.least]
        wrong = [context for context in wrong if context not in inside]
        state = _state(one, model.names) if one.margin > 0 and not inside else "b"
        says = "nothing is specified" if one.kind == "skipped" else f"right by {number(one.margin)} at least"
        said = f"{_which(one, model.vocab)}: {one.answer or ''} {'wrong' if state == 'b' else says}"
        yield Cell(start, width, state, said, _known(one.least, model.vocab))
        start += width
    left = total * (1 - start)
    for context in wrong[:LISTED]:
        tokens = model.encode(context).tolist()
        known = {i - length: token for i, token in enumerate(tokens)}
        width = min(1 - start, max(Fraction(1, total), Fraction(1, 100)))  # to be seen
        yield Cell(start, width, "b", f"{shortened(context)}: wrong", known)
        start += width
    if start < 1 and left > len(wrong):
        yield Cell(start, 1 - start, OPEN, f"{counted(int(left) - len(wrong))} others: not settled", None)


def _state(one: Band, names: Sequence[str]) -> str:
    if one.answer in names:
        return str(min(names.index(one.answer), 2))
    return "n" if one.kind == "skipped" else "1"


def _which(one: Band, vocab: Sequence[str]) -> str:
    """A set in words, or what those that were put together have in common."""
    at = "" if one.at is None else f", at token {one.at + 1}"
    if one.boxes == 1:
        return one.least.describe(vocab) + at
    return f"{one.boxes:,} sets of {one.end.describe(vocab)}{at}"


def _known(box: Any, vocab: Sequence[str]) -> dict[int, int]:
    """Numbers of tokens of one of its contexts, by position from the end; of those that may be any, none."""
    first = box.first(vocab).tolist()
    places = range(box.length) if box.counts or box.ending is not None else sorted(box.sets)
    return {at - box.length: first[at] for at in places}


def _by_last(one: Band, vocab: Sequence[str]) -> list[int]:
    """In the order of the map: by what may stand last, then before it."""
    if one.boxes > 1:
        return [0 if its is None else min(map(vocab.index, its)) for its in one.key[0]]
    return [min(map(vocab.index, one.least.sets[at])) for at in sorted(one.least.sets, reverse=True)[:12]]
