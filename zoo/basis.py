"""Named directions, so that a hand-built matrix reads as sentences: written as such, and printed back."""

from collections.abc import Iterable, Sequence

import numpy as np

from zoo.errors import ModelError, shown
from zoo.transformer.arrays import Array


class Basis:
    """One-hot rows by name, in declared order: `Basis(pos=range(5), tok="ab", scratch=1)` has 8 dimensions.

    Each keyword is a family of directions with its labels, or how many there are. `basis["pos"]` is all rows of a
    family [family, d], `basis["pos", 3]` one row [d], `basis["pos", 1:3]` and `basis["tok", ["b", "a"]]` some of them
    [some, d]; slices are of places, as of any list. A family of one is called by its name alone. ModelError for what
    are no labels, and for a direction that there is not.
    """

    def __init__(self, /, **families: Iterable[object] | int) -> None:
        self.labels = {name: _labels(name, given) for name, given in families.items()}
        self.names: list[str] = []
        self._start: dict[str, int] = {}
        for name, labels in self.labels.items():
            self._start[name] = len(self.names)
            self.names += [name] if len(labels) == 1 else [f"{name} {label}" for label in labels]

    def __repr__(self) -> str:
        """As it is made, in one line; labels that are very many, as how many."""
        families = []
        for name, labels in self.labels.items():
            text = "".join(map(str, labels))
            numbers = labels == list(range(len(labels))) or len(text) > 100
            one = len(labels) if numbers else text if len(text) == len(labels) else labels
            families.append(f"{name}={one!r}")
        return f"Basis({', '.join(families)})"

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, key: str | tuple[str, object]) -> Array:
        family, *label = (key,) if not isinstance(key, tuple) else key if key else ("",)
        if len(label) > 1:
            raise ModelError(f"{family!r} has {len(label)} labels, but should have one, a slice or a list of them")
        if not isinstance(family, str) or family not in self.labels:
            raise ModelError(f"there are no directions {family!r}, but {', '.join(self.labels)}")
        rows: Array = np.zeros((len(self.labels[family]), len(self)))
        np.fill_diagonal(rows[:, self._start[family] :], 1)
        some = label[0] if label else slice(None)
        if isinstance(some, slice):
            return np.asarray(rows[some])
        if isinstance(some, list):
            return np.asarray(rows[[self._place(family, one) for one in some]])
        return np.asarray(rows[self._place(family, some)])

    def _place(self, family: str, label: object) -> int:
        """Where a direction stands in its family."""
        if label not in self.labels[family]:
            raise ModelError(f"there is no direction {family} {label!r}, but {self.labels[family]}")
        return self.labels[family].index(label)


def _labels(family: str, given: object) -> list[object]:
    """Those of a family of directions. ModelError where they are none."""
    if isinstance(given, int) and not isinstance(given, bool) and given > 0:
        return list(range(given))
    if not isinstance(given, Iterable) or not (labels := list(given)):
        raise ModelError(f"the directions {family} are {shown(given)}, but should be labels, or how many there are")
    try:
        twice = len(set(labels)) < len(labels)
    except TypeError:  # what has no hash
        raise ModelError(f"the directions {family} are {shown(given)}, but should be labels, as texts") from None
    if twice:
        raise ModelError(f"the directions {family} have a label twice, but should differ")
    return labels


def move(source: Array, target: Array) -> Array:
    """The matrix that sends each row of source to the same row of target: [k, d_in], [k, d_out] -> [d_in, d_out].

    It is the sum of their outer products; single directions [d] are sent one to one. ModelError where one has more.
    """
    source, target = (_rows(directions) for directions in (source, target))
    if len(source) != len(target):
        raise ModelError(f"{len(source)} directions are sent to {len(target)}, but should be as many")
    matrix = np.zeros((source.shape[1], target.shape[1]))
    k, d_in = np.nonzero(source)  # one-hot rows would make a matrix product do n_ctx times the work
    np.add.at(matrix, d_in, source[k, d_in][:, None] * target[k])
    return matrix


def _rows(directions: object) -> Array:
    """[k, d] of k directions, or of one [d]. ModelError where they are none."""
    try:
        rows = np.atleast_2d(np.asarray(directions, np.float64))
    except (TypeError, ValueError):
        rows = np.zeros((0, 0, 0))
    if rows.ndim != 2:
        raise ModelError(f"{shown(directions)} is moved, but should be directions [k, d], as a Basis gives them")
    return rows


def describe(matrix: Array, rows: Sequence[str], columns: Sequence[str]) -> str:
    """The nonzero entries of a matrix [rows, columns] as sentences, one a line: "tok b -> -1 value".

    Neighbouring rows of one family that do the same share a line, "pos 0..3 -> 20 pos 0", as do those of which each
    does it one step further: "pos 1..4 -> 1024 pos 0..3".
    """
    if np.shape(matrix) != (len(rows), len(columns)):
        raise ModelError(
            f"the matrix is {list(np.shape(matrix))}, but {len(rows)} rows, {len(columns)} columns are named"
        )
    entries = {r: [(int(c), float(matrix[r, c])) for c in np.flatnonzero(matrix[r])] for r in range(len(rows))}
    lines, r = [], 0
    while r < len(rows):
        steps, wide = max(_alike(entries, r, moved, rows, columns) for moved in (0, 1)), 1
        if _alike(entries, r, 1, rows, columns) == steps:
            wide = steps
        terms = [f"{value:g} {_span(columns, c, wide)}" for c, value in entries[r]]
        if terms:
            lines.append(f"{_span(rows, r, steps)} -> {' + '.join(terms).replace('+ -', '- ')}")
        r += steps
    return "\n".join(lines)


def _alike(
    entries: dict[int, list[tuple[int, float]]], r: int, moved: int, rows: Sequence[str], columns: Sequence[str]
) -> int:
    """How many rows from r on are that one, each moved on by so many columns more, within the same families."""
    steps = 1
    while r + steps < len(rows) and _family(rows[r]) == _family(rows[r + steps]):
        further = [(c + moved * steps, value) for c, value in entries[r]]
        if further != entries[r + steps] or any(
            _family(columns[c]) != _family(columns[c + moved * steps]) for c, _ in entries[r]
        ):
            break
        steps += 1
    return steps


def _family(name: str) -> str:
    return name.rpartition(" ")[0] or name


def _span(names: Sequence[str], start: int, steps: int) -> str:
    return names[start] if steps == 1 else f"{names[start]}..{names[start + steps - 1].rpartition(' ')[2]}"
