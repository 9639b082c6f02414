"""Certificates by forgers: every field changed in every way that keeps it readable, and splits grown to lie."""

import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import pairwise, product
from typing import Any

from hypothesis import settings

from properties.selftest.examples import NIGHTLY
from properties.selftest.recheck.truth import Json, Truth, confirmed

Path = tuple[Any, ...]
Forgery = tuple[str, Callable[[], Json]]  # made when it is asked for: there are thousands
# What a number may become, and what anything may.
NUDGES: list[Callable[[Any], Any]] = [
    lambda x: -x,
    lambda x: x + 1,
    lambda x: x - 1,
    lambda x: x * 2 + 1e-3,
    lambda x: x / 2,
    lambda x: x - 1e-3 * (1 + abs(x)),
    lambda x: x + 1e-3 * (1 + abs(x)),
    lambda x: math.nextafter(x, math.inf),
    lambda x: str(x),
    lambda x: [x],
]
NUMBERS = [0, -0.0, -5, 1, 5e-324, 1e-300, -1e-300, 1e308, -1e308, math.nan, math.inf, -math.inf, 10**400, -(10**400)]
OTHERS: list[Any] = [
    None,
    True,
    False,
    "",
    "NaN",
    "Infinity",
    "1",
    "float32",
    "float64",
    "proved",
    "run",
    "skipped",
    [],
    {},
    [1],
]


def copied(made: Any) -> Any:
    return json.loads(json.dumps(made))


def paths(node: Any, path: Path = ()) -> Iterator[Path]:
    """Every place in a certificate."""
    if path:
        yield path
    for key, child in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        yield from paths(child, (*path, key))


def at(made: Json, path: Path) -> Any:
    node: Any = made
    for key in path:
        node = node[key]
    return node


def put(made: Json, path: Path, value: Any) -> Json:
    forged: Json = copied(made)
    at(forged, path[:-1])[path[-1]] = copied(value)
    return forged


def without(made: Json, path: Path) -> Json:
    forged: Json = copied(made)
    del at(forged, path[:-1])[path[-1]]
    return forged


def values(value: Any, vocab: Sequence[str]) -> list[Any]:
    """What may stand in place of a value."""
    if isinstance(value, bool) or value is None:
        return [*NUMBERS, *OTHERS]
    if isinstance(value, int | float):
        return [nudge(value) for nudge in NUDGES] + NUMBERS + OTHERS
    if isinstance(value, str):
        return [*vocab, value + " ", value.upper(), value[::-1], *NUMBERS[:3], *OTHERS]
    if isinstance(value, list):
        pieces = [value[1:], value[:-1], value[::-1], value + value[:1], value[-1:] + value, *value[:1]]
        return [*pieces, [value], [[]], list(vocab), *([token] for token in vocab), *OTHERS]
    return [[value], *OTHERS]


def fields(made: Json, vocab: Sequence[str]) -> Iterator[Forgery]:
    """One field is another value, is gone, or is there twice."""
    for path in paths(made):
        yield f"without {path}", partial(without, made, path)
        for value in values(at(made, path), vocab):
            yield f"{path} is {value!r:.60}", partial(put, made, path, value)
        if isinstance(parent := at(made, path[:-1]), dict):
            for other in ("domain", "lemmas", "trees", "counts"):
                if other not in parent:
                    yield f"{other} beside {path}", partial(put, made, (*path[:-1], other), at(made, path))


def exchanged(made: Json, one: Path, two: Path) -> Json:
    return put(put(made, one, at(made, two)), two, at(made, one))


def changed(made: Json, some: Sequence[Path], change: Any, margin: float) -> Json:
    forged = put(made, ("margin",), margin)
    for path in some:
        forged = put(forged, path, change)
    return forged


def places(made: Json) -> list[Path]:
    """Where a node is named: as a root, or as what follows a split."""
    every = paths(made)
    return [path for path in every if (path[0], len(path)) == ("roots", 2) or (path[0], len(path)) == ("nodes", 4)]


def inner(made: Json) -> list[int]:
    return [i for i, node in enumerate(made["nodes"]) if isinstance(node[0], int)]


def counting(made: Json) -> list[int]:
    return [i for i, node in enumerate(made["nodes"]) if node[0] == "count"]


def rooted(made: Json, n: int, *node: Any) -> Json:
    """With a new node as the root of the contexts of n tokens: all others stand before it."""
    forged: Json = copied(made)
    forged["roots"][n - 1] = len(forged["nodes"])
    forged["nodes"].append(copied(list(node)))
    return forged


def swaps(made: Json) -> Iterator[Forgery]:
    """A node in place of another, of its own length or of another one; two that change places."""
    every = places(made)
    for one in every:
        for other in range(len(made["nodes"]) + 1):
            yield f"node {other} in place of {one}", partial(put, made, one, other)
        for two in every:
            if one < two:
                yield f"{one} and {two} change places", partial(exchanged, made, one, two)
    for i, one in enumerate(made["nodes"]):
        for j, _ in enumerate(made["nodes"]):
            if i < j:
                change = partial(exchanged, made, ("nodes", i), ("nodes", j))
                yield f"node {i} and node {j} change places", change
        yield f"node {i}, again at the end", partial(put, made, ("nodes",), [*made["nodes"], one])
        yield f"node {i}, again first", partial(put, made, ("nodes",), [one, *made["nodes"]])


def splits(made: Json) -> Iterator[Forgery]:
    """Other tokens and other positions in a split, splits where there was none, and none where there was one."""
    count = len(made["sets"])
    for n, root in enumerate(made["roots"], 1):
        for position in range(-n - 1, 2):
            pairs = [[number, root] for number in range(count)]
            for name, to in (("", pairs), (" into one", pairs[:1]), (" into two", pairs[:2]), (" into nothing", [])):
                yield f"root {n}, split at {position}{name}", partial(rooted, made, n, position, *to)
    for i in inner(made):
        position, *to = made["nodes"][i]
        for other in range(-made["n_ctx"] - 1, 2):
            yield f"node {i}, at {other}", partial(put, made, ("nodes", i, 0), other)
        for k, pair in enumerate(to, 1):
            for number in range(count + 1):
                yield f"node {i} {k} has set {number}", partial(put, made, ("nodes", i, k, 0), number)
            yield f"node {i} {k}, again", partial(put, made, ("nodes", i), [position, *to, pair])
        for name, others in (("reversed", to[::-1]), ("without its first", to[1:]), ("without its last", to[:-1])):
            yield f"node {i}, {name}", partial(put, made, ("nodes", i), [position, *others])


def counts(made: Json) -> Iterator[Forgery]:
    """Counts where there were none, of other positions and tokens, and ranges that are moved, joined or left out."""
    number = len(made["sets"])
    for n, root in enumerate(made["roots"], 1):
        for where in ([-n, -1, 1], [-n, -1, n + 1], [-n - 1, -1, 1], [-1, -1, 1], [-n, 0, 1]):
            for tokens, (least, most) in product(range(-1, number), ((0, 0), (0, n), (0, n + 1), (1, n))):
                node = ["count", where, tokens, [least, most, root]]
                yield f"root {n}, counted {where} {tokens} {least} {most}", partial(rooted, made, n, *node)
        each = [[], [0], [1], [0, 1], [0, 1, 2]]
        says = [[its, root] for its in each]
        for said in (says[1:2], says[:4], says, says[1:2] * 2):
            yield f"root {n}, says {said}", partial(rooted, made, n, "says", *said)
    for i in counting(made):
        head, parts = made["nodes"][i][:3], made["nodes"][i][3:]

        def with_parts(others: list[Any], i: int = i, head: list[Any] = head) -> Callable[[], Json]:
            return partial(put, made, ("nodes", i), [*head, *others])

        for k, (least, most, child) in enumerate(parts):
            for start, end in ((least - 1, most), (least + 1, most), (least, most - 1), (least, most + 1)):
                moved = [start, end, child]
                yield f"node {i} {k}, {start} to {end}", with_parts([*parts[:k], moved, *parts[k + 1 :]])
            yield f"node {i} without {k}", with_parts([*parts[:k], *parts[k + 1 :]])
        for k, ((least, middle, one), (_, most, other)) in enumerate(pairwise(parts)):
            before, behind = parts[:k], parts[k + 2 :]
            yield f"node {i} {k}, joined", with_parts([*before, [least, most, one], *behind])
            swapped = [[least, middle, other], [middle + 1, most, one]]
            yield f"node {i} {k}, exchanged", with_parts([*before, *swapped, *behind])


def lengths(made: Json) -> Iterator[Forgery]:
    """Roots of other lengths, beside or in place of one's own."""
    roots = made["roots"]
    for name, others in (("once more", [*roots, roots[-1]]), ("one less", roots[:-1]), ("later", [roots[0], *roots])):
        yield f"roots {name}", partial(put, made, ("roots",), others)
    yield "roots by length", partial(put, made, ("roots",), {str(n): root for n, root in enumerate(roots, 1)})


def leaf_changes(made: Json, vocab: Sequence[str]) -> Iterator[Forgery]:
    """One leaf or all leaves of a kind that are changed, and the margin with them."""
    what: list[Any] = [["run"], ["skipped"], *(["proved", token] for token in range(-1, len(vocab) + 1))]
    what += [["proved"], ["proved", vocab[0]], ["proved", True], ["count", 0], ["says"], ["run", 0]]
    leaves = [("nodes", i) for i, node in enumerate(made["nodes"]) if node[0] in ("run", "skipped", "proved")]
    for change in what:
        for some in ([leaves] if len(leaves) > 1 else []) + [[path] for path in leaves]:
            for margin in (made["margin"], 5e-324, -1e9):
                yield f"{change} at {some}, {margin}", partial(changed, made, some, change, margin)


def structures(made: Json, vocab: Sequence[str]) -> Iterator[Forgery]:
    """All that changes more than one field."""
    yield from swaps(made)
    yield from splits(made)
    yield from counts(made)
    yield from lengths(made)
    yield from leaf_changes(made, vocab)


def some(forgeries: Iterable[Forgery], number: int, share: int) -> list[Forgery]:
    """One out of `share`, others for other numbers, of each kind; a kind is what differs only in where it is done.

    All of them in the nightly profiles.
    """
    every = list(forgeries)
    if settings().max_examples >= NIGHTLY:
        return every
    places: dict[str, list[Forgery]] = {}
    for name, make in every:
        places.setdefault(re.sub(r"'to', \d+, \d+, |\d+", "", name.split(" is ")[0]), []).append((name, make))
    return [its[i] for its in places.values() for i in range(number % min(share, len(its)), len(its), share)]


def outcomes_of(forgeries: Iterable[Forgery], truth: Truth) -> Counter[bool]:
    """How many were confirmed, each of which is true, and how many were not."""
    outcomes: Counter[bool] = Counter()
    for name, make in forgeries:
        try:
            outcomes[confirmed(make(), truth)] += 1
        except Exception as error:
            raise AssertionError(f"{name}: {error!r}") from error
    return outcomes
