"""Certificates by forgers: every field changed in every way that keeps it readable, and trees grown to lie."""

import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

from hypothesis import settings

from properties.selftest.examples import NIGHTLY
from properties.selftest.recheck.truth import Json, Tokens, Truth, confirmed

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
            for other in ("is", "at", "to", "levels"):
                if other not in parent:
                    yield f"{other} beside {path}", partial(put, made, (*path[:-1], other), at(made, path))


def exchanged(made: Json, one: Path, two: Path) -> Json:
    return put(put(made, one, at(made, two)), two, at(made, one))


def changed(made: Json, some: Sequence[Path], change: Json, smallest: float) -> Json:
    forged = put(made, ("margin",), smallest)
    for path in some:
        at(forged, path).update(copied(change))
    return forged


def nodes(made: Json) -> list[Path]:
    """Where the nodes of the trees are, the inner ones and the leaves."""
    return [path for path in paths(made) if path[0] == "trees" and isinstance(at(made, path), dict) and len(path) > 1]


def swaps(made: Json) -> Iterator[Forgery]:
    """A subtree in place of another, of its own length or of another one; two that change places."""
    every = nodes(made)
    for one in every:
        for two in every:
            if one[: len(two)] == two or two[: len(one)] == one:
                continue
            yield f"{two} in place of {one}", partial(put, made, one, at(made, two))
            if one < two or len(one) != len(two):
                yield f"{one} and {two} change places", partial(exchanged, made, one, two)
        if len(one) > 3:
            yield f"{one} in place of its parent", partial(put, made, one[:-3], at(made, one))


def splits(made: Json, vocab: Sequence[str]) -> Iterator[Forgery]:
    """Other tokens and other positions in a split, splits where there was none, and none where there was one."""
    for path in nodes(made):
        node, n = at(made, path), int(path[1])
        for position in range(-1, n + 1):
            halves = [[[token], node] for token in vocab]
            yield f"{path} is split at {position}", partial(put, made, path, {"at": position, "to": halves})
            yield (
                f"{path} is split at {position} into one",
                partial(put, made, path, {"at": position, "to": halves[:1]}),
            )
            whole = [[list(vocab), node]]
            yield f"{path} is not split at {position}", partial(put, made, path, {"at": position, "to": whole})
            yield f"nothing is left of {path} at {position}", partial(put, made, path, {"at": position, "to": []})
            none = [[[], node], *halves]
            yield (
                f"{path} is split at {position}, one without tokens",
                partial(put, made, path, {"at": position, "to": none}),
            )
            if "to" in node:
                yield f"{path} is at {position}", partial(put, made, (*path, "at"), position)
        for i, (tokens, child) in enumerate(node.get("to", [])):
            for other in [*([token] for token in vocab), list(vocab), tokens * 2, [vocab[0], "?"]]:
                yield f"{path} {i} has {other}", partial(put, made, (*path, "to", i, 0), other)
            yield f"{path} {i} is there again", partial(put, made, (*path, "to"), [*node["to"], [tokens, child]])


def lengths(made: Json) -> Iterator[Forgery]:
    """Trees of other lengths, beside or in place of one's own."""
    trees = made["trees"]
    for n in trees:
        for m in (*trees, "0", str(len(trees) + 1), f" {n}", f"0{n}"):
            yield f"the tree of {m} is that of {n}", partial(put, made, ("trees", m), trees[n])
            rest = {m if key == n else key: tree for key, tree in trees.items()}
            yield f"the tree of {n} is called {m}", partial(put, made, ("trees",), rest)


def leaf_changes(made: Json, vocab: Sequence[str]) -> Iterator[Forgery]:
    """Several fields of one leaf or of all leaves that are changed in agreement."""
    what: list[Json] = [{"margin": margin} for margin in (-1e9, -5, 0, 5e-324, 1e-9, 1e9)]
    what += [{"is": kind} for kind in ("proved", "run", "skipped")]
    what += [{"answer": token} for token in vocab]
    what += [{"answer": token, "permitted": [token]} for token in vocab]
    what += [{"permitted": permitted, "is": "skipped"} for permitted in ([], list(vocab))]
    leaves = [path for path in nodes(made) if "to" not in at(made, path)]
    for change in what:
        for some in ([leaves] if len(leaves) > 1 else []) + [[path] for path in leaves]:
            for smallest in (made["margin"], -1e9):
                yield f"{change} at {some}, {smallest}", partial(changed, made, some, change, smallest)


def structures(made: Json, vocab: Sequence[str]) -> Iterator[Forgery]:
    """All that changes more than one field."""
    yield from swaps(made)
    yield from splits(made, vocab)
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


def retargeted(made: Json, to: Json) -> Json:
    """The trees of a certificate, as if they were about what another one is about."""
    return {**copied(to), "trees": copied(made["trees"]), "margin": made["margin"]}


class Grown:
    """A certificate that was not proved: trees of the contexts that are answered alike, with what is put at the leaves.

    `margin` and `level` are None for what is so (a little less and a little more), and `answer` says whether the
    leaf's answer is the model's own, where that is permitted.
    """

    def __init__(
        self, truth: Truth, head: Json, kind: str = "proved", margin: Any = None, level: Any = None, least: Any = None
    ) -> None:
        self.truth, self.kind, self.margin, self.level = truth, kind, margin, level
        every = range(1, truth.t.n_ctx + 1)
        self.smallest = math.inf
        trees = {str(n): self.tree(list(truth.contexts(n)), n - 1) for n in every}
        self.made = {**copied(head), "trees": trees, "margin": self.smallest if least is None else least}

    def tree(self, contexts: list[Tokens], position: int) -> Json:
        """A leaf where all are answered alike, else a split, the last position first."""
        permitted = {self.truth.permitted[tokens] for tokens in contexts}
        if len(permitted) == 1 and (self.kind != "run" or len(contexts) == 1):  # what is run is one context
            return self.leaf(contexts, *permitted)
        held = sorted({tokens[position] for tokens in contexts})
        parts = {token: [tokens for tokens in contexts if tokens[position] == token] for token in held}
        to = [[[self.truth.vocab[token]], self.tree(its, position - 1)] for token, its in parts.items()]
        return {"at": position, "to": to}

    def leaf(self, contexts: list[Tokens], permitted: frozenset[str]) -> Json:
        vocab = self.truth.vocab
        leaf: Json = {"is": self.kind, "permitted": sorted(permitted)}
        if not 0 < len(permitted) < len(vocab):
            return {**leaf, "is": "skipped"}
        if self.kind != "proved":
            self.smallest = min(self.smallest, *(self.truth.run[tokens] for tokens in contexts))
            return leaf
        margins = {a: min(self.truth.margins[tokens, a] for tokens in contexts) for a in sorted(permitted)}
        answer = max(margins, key=lambda a: margins[a])
        margin = margins[answer] - 1e-2 * abs(margins[answer]) if self.margin is None else self.margin
        self.smallest = min(self.smallest, margin)
        return {**leaf, "answer": answer, "margin": margin, "levels": self.levels(contexts, answer)}

    def levels(self, contexts: list[Tokens], answer: str) -> list[list[list[float]]]:
        """[head, token that stands last, rival]"""
        truth, a = self.truth, self.truth.vocab.index(answer)
        heads = len(truth.heads[contexts[0]]) if truth.heads else 0
        rivals = [rival for rival in range(len(truth.vocab)) if rival != a]

        def level(h: int, token: int, rival: int) -> float:
            direction = truth.t.readout[rival] - truth.t.readout[a]
            means = [float(truth.heads[tokens][h] @ direction) for tokens in contexts if tokens[-1] == token]
            most = max(means, default=0.0)
            return most + 1e-3 * (1 + abs(most)) if self.level is None else float(self.level)

        return [
            [[level(h, token, rival) for rival in rivals] for token in range(len(truth.vocab))] for h in range(heads)
        ]
