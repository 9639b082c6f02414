"""Confirms certificates, sharing no code with what wrote them: `recheck(certificate, model, function)`.

Confirmed for every certificate: that it is about these arrays and this function (by digest); that the splits of each
length partition all its contexts; that the function, run blindfolded (it may see of a context no more than the leaf
says), permits at each leaf what the leaf says; that contexts which were run are single contexts where the model
answers so; and that each proved leaf has an answer among what is permitted.

Confirmed further for models of one attention layer without Mlp and final norm: each proved leaf's margin, in rigorous
ball arithmetic (python-flint). The mean that a head takes over a leaf's contexts, along rival - answer, is at most λ if
Σ max over tokens of e^s (v - λ) is at most 0, and with these λ the answer's logit must exceed the rival's by the
margin stated. The stated margin allows for the program's rounding; that allowance itself is the prover's and is not
confirmed. Of deeper models, the leaves' bounds are not confirmed: `Rechecked.bounds` counts those that were.
"""

import hashlib
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from zoo.arrays import Array
from zoo.errors import ModelError, ZooError
from zoo.model import Model
from zoo.transformer import Attention, Mlp, Norm, Transformer, forward

Sets = dict[int, frozenset[str]]  # what a position may hold, where that is not any token
PRECISION = 192  # bits


class CertificateError(ZooError):
    """A certificate that does not prove what it says of this model and function."""


@dataclass
class Rechecked:
    """How much was confirmed: leaves, of these bounds of proved ones, and the number of contexts they cover."""

    leaves: int = 0
    bounds: int = 0
    contexts: int = 0


def recheck(certificate: dict[str, Any], model: Model, function: Callable[[Any], Any]) -> Rechecked:
    """Confirms a certificate, or raises CertificateError with what is wrong with it."""
    transformer, vocab = model.transformer, frozenset(model.vocab)
    _same("format", certificate.get("format"), 1)
    _same("vocabulary", certificate.get("vocab"), list(model.vocab))
    _same("dtype", certificate.get("dtype"), str(transformer.dtype))
    _same("digest of the arrays", certificate.get("arrays"), _digest(transformer))
    _same("digest of the function's source", certificate.get("function", {}).get("source"), _source(function))
    trees = certificate.get("trees", {})
    _same("lengths", sorted(trees), sorted(str(n) for n in range(1, transformer.n_ctx + 1)))
    layers = transformer.layers
    shallow = len(layers) == 1 and isinstance(layers[0], Attention) and transformer.final_norm is None
    sums = _Sums(transformer, model.vocab) if shallow else None
    found = Rechecked()
    for n in range(1, transformer.n_ctx + 1):
        before = found.contexts
        for sets, leaf in _leaves(trees[str(n)], vocab, n):
            where = f"the leaf {dict(sorted((p - n, sorted(s)) for p, s in sets.items()))} of {n} tokens"
            permitted = _blindfolded(function, sets, model, n, where)
            _same(f"set of tokens permitted at {where}", leaf.get("permitted"), sorted(permitted))
            found.leaves += 1
            found.contexts += _count(sets, len(vocab), n)
            if leaf.get("is") == "skipped":
                _must(
                    permitted in (frozenset(), vocab), f"{where} is skipped, but some tokens are right and some wrong"
                )
            elif leaf.get("is") == "run":
                _must(_count(sets, len(vocab), n) == 1, f"{where} was run, but is more than one context")
                _run(transformer, model.vocab, sets, permitted, n, where)
            else:
                _must(leaf.get("answer") in permitted, f"the answer of {where} is not permitted")
                _must(leaf["margin"] > 0, f"the margin of {where} is {leaf['margin']}, but should be above 0")
                _must(leaf["margin"] >= certificate["margin"], f"the margin of {where} is below the smallest stated")
                if sums is not None:
                    sums.confirm(leaf, sets, permitted, n, where)
                    found.bounds += 1
        _must(found.contexts - before == len(vocab) ** n, f"the leaves of {n} tokens should cover every context once")
    return found


def _leaves(tree: dict[str, Any], vocab: frozenset[str], n: int) -> Iterator[tuple[Sets, dict[str, Any]]]:
    """The leaves of a tree whose children partition their parents."""
    todo: list[tuple[Sets, dict[str, Any]]] = [({}, tree)]
    while todo:
        sets, node = todo.pop()
        if "to" not in node:
            yield sets, node
            continue
        at, children = node["at"], [(frozenset(tokens), child) for tokens, child in node["to"]]
        _must(isinstance(at, int) and 0 <= at < n, f"a split of {n} tokens is at {at}, but should be within them")
        parts = sorted(token for tokens, _ in children for token in tokens)
        whole = sorted(sets.get(at, vocab))
        _must(
            parts == whole and all(tokens for tokens, _ in children),
            f"a split at {at} of {n} tokens is into {parts}, but should be into {whole}",
        )
        todo += [({**sets, at: tokens}, child) for tokens, child in children]


class _Peek(BaseException):
    """The function wants to see more than it may."""


class _Blindfolded:
    """A context of which only what a leaf says is known."""

    def __init__(self, sets: Sets, vocab: frozenset[str], positions: range, unasked: dict[int, bool]) -> None:
        self.sets, self.vocab, self.positions, self.unasked = sets, vocab, positions, unasked

    def __len__(self) -> int:
        return len(self.positions)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return _Blindfolded(self.sets, self.vocab, self.positions[index], self.unasked)
        position = self.positions[index]
        tokens = self.sets.get(position, self.vocab)
        if len(tokens) == 1:
            return next(iter(tokens))
        self.unasked.setdefault(position, True)
        return _Token(tokens, position, self.unasked)

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def __eq__(self, other: object) -> bool:
        if isinstance(other, str | tuple | _Blindfolded):
            return len(self) == len(other) and all(a == b for a, b in zip(self, other))
        return False

    def __contains__(self, item: Any) -> bool:
        if isinstance(item, _Token) or all(len(token) > 1 for token in self.vocab):
            return any(token == item for token in self)
        return any(self[i : i + len(item)] == item for i in range(len(self) - len(item) + 1))

    def endswith(self, suffix: Any) -> bool:
        ends = suffix if isinstance(suffix, tuple) else (suffix,)
        return any(len(s) <= len(self) and self[len(self) - len(s) :] == s for s in ends)

    def startswith(self, prefix: Any) -> bool:
        return any(self[: len(p)] == p for p in (prefix if isinstance(prefix, tuple) else (prefix,)))

    __hash__ = None  # type: ignore[assignment]


class _Token:
    """One of several tokens, nobody knows which."""

    def __init__(self, tokens: frozenset[str], position: int, unasked: dict[int, bool]) -> None:
        self.tokens, self.position, self.unasked = tokens, position, unasked

    def __eq__(self, other: object) -> bool:
        self.unasked[self.position] = False
        if isinstance(other, _Token) and other.position == self.position:
            return True
        others = other.tokens if isinstance(other, _Token) else {other}
        if self.tokens & others:
            self._peek()
        return False

    def __hash__(self) -> int:
        self._peek()
        raise AssertionError  # not reached

    def _peek(self) -> None:
        self.unasked[-1] = True  # for a function that swallows what is raised
        raise _Peek


def _blindfolded(function: Callable[[Any], Any], sets: Sets, model: Model, n: int, where: str) -> frozenset[str]:
    vocab = frozenset(model.vocab)
    known = [next(iter(sets.get(i, vocab))) for i in range(n)]
    if _count(sets, len(vocab), n) == 1:
        answer = function("".join(known) if model.reads_strings else tuple(known))
    else:
        unasked: dict[int, bool] = {}
        try:
            answer = function(_Blindfolded(sets, vocab, range(n), unasked))
            answer = answer if isinstance(answer, str) else frozenset(answer)
        except (_Peek, Exception) as error:
            raise CertificateError(f"the function wants to know more than {where} says ({error!r})") from None
        _must(not any(unasked.values()), f"the function reads more than {where} says")
    return frozenset([answer]) if isinstance(answer, str) else frozenset(answer)


def _run(transformer: Transformer, vocab: Any, sets: Sets, permitted: frozenset[str], n: int, where: str) -> None:
    tokens = [list(vocab).index(next(iter(sets[i]))) if i in sets else 0 for i in range(n)]
    logits = forward(transformer, np.array([tokens]))[0, -1]
    right = np.array([token in permitted for token in vocab])
    _must(bool(logits[right].max() > logits[~right].max()), f"the model is wrong at {where}")


class _Sums:
    """The sums that prove a leaf, for a single attention layer. Vectors are dicts of their nonzero entries."""

    def __init__(self, transformer: Transformer, vocab: Any) -> None:
        try:
            import flint  # type: ignore[import-not-found, import-untyped, unused-ignore]
        except ImportError:
            raise ModelError(
                "python-flint is not installed, but is needed to recheck: pip install python-flint"
            ) from None
        flint.ctx.prec = PRECISION
        self.arb, self.t, self.vocab = flint.arb, transformer, list(vocab)
        layer = transformer.layers[0]
        assert isinstance(layer, Attention)
        self.layer = layer
        self.scale = self.arb(float(transformer.dtype.type(layer.multiplier)))
        embedded = [
            [self._add(_sparse(p), _sparse(e)) for e in transformer.token_embedding]
            for p in transformer.position_embedding
        ]
        self.stream = embedded
        normed = [[self._norm(x, layer.norm) for x in row] for row in embedded]
        heads = range(len(layer.w_q))
        self.q, self.k, self.v = (
            [[[self._linear(x, w[h], None if b is None else b[h]) for x in row] for row in normed] for h in heads]
            for w, b in ((layer.w_q, layer.b_q), (layer.w_k, layer.b_k), (layer.w_v, layer.b_v))
        )
        rows = transformer.token_embedding if transformer.unembedding is None else transformer.unembedding
        self.rows = [self._exact(_sparse(row)) for row in rows]
        self.w_o = [[self._exact(_sparse(row)) for row in w] for w in layer.w_o]
        self.b_o = self._exact(_sparse(layer.b_o)) if layer.b_o is not None else {}
        self.along: dict[tuple[int, int, int], list[list[Any]]] = {}  # values by head, answer, rival
        self.weights: dict[tuple[int, int, int], list[list[Any]]] = {}  # e^score by head, last position, last token

    def confirm(self, leaf: dict[str, Any], sets: Sets, permitted: frozenset[str], n: int, where: str) -> None:
        arb, answer = self.arb, self.vocab.index(leaf["answer"])
        options = [[i for i, token in enumerate(self.vocab) if token in sets.get(j, self.vocab)] for j in range(n)]
        others = [i for i in range(len(self.vocab)) if i != answer]
        for last in options[-1]:
            for number, rival in enumerate(others):
                if self.vocab[rival] in permitted:
                    continue
                difference = self._add(self.rows[answer], {i: -x for i, x in self.rows[rival].items()})
                total = self._dot(self.stream[n - 1][last], difference) + self._dot(self.b_o, difference)
                for h, levels in enumerate(leaf["levels"]):
                    level = arb(levels[last][number])
                    weights, values = self._weights(h, n - 1, last), self._values(h, answer, rival)
                    excess = arb(0)
                    for j in range(n):
                        terms = [weights[j][o] * (values[j][o] - level) for o in (options[j] if j < n - 1 else [last])]
                        excess += terms[0] if len(terms) == 1 else max(term.upper() for term in terms)
                    _must(bool(excess <= 0), f"a level of {where} does not bound the mean of head {h}")
                    total -= level
                _must(bool(total >= arb(leaf["margin"])), f"the margin of {where} is less than {leaf['margin']}")

    def _weights(self, h: int, position: int, token: int) -> list[list[Any]]:
        if (h, position, token) not in self.weights:
            self.weights = {key: w for key, w in self.weights.items() if key[1] == position}  # of one length at a time
            q = self.q[h][position][token]
            self.weights[h, position, token] = [
                [(self._dot(q, k) * self.scale).exp() for k in row] for row in self.k[h][: position + 1]
            ]
        return self.weights[h, position, token]

    def _values(self, h: int, answer: int, rival: int) -> list[list[Any]]:
        """Along rival - answer."""
        if (h, answer, rival) not in self.along:
            difference = self._add(self.rows[rival], {i: -x for i, x in self.rows[answer].items()})
            through = {i: self._dot(row, difference) for i, row in enumerate(self.w_o[h])}
            self.along[h, answer, rival] = [[self._dot(v, through) for v in row] for row in self.v[h]]
        return self.along[h, answer, rival]

    def _exact(self, x: dict[int, float]) -> dict[int, Any]:
        return {i: self.arb(value) for i, value in x.items()}

    def _add(self, x: dict[int, Any], y: dict[int, Any]) -> dict[int, Any]:
        return {i: self.arb(x.get(i, 0)) + y.get(i, 0) for i in x.keys() | y.keys()}

    def _dot(self, x: dict[int, Any], y: dict[int, Any]) -> Any:
        x, y = (x, y) if len(x) < len(y) else (y, x)
        return sum((value * y[i] for i, value in x.items() if i in y), self.arb(0))

    def _linear(self, x: dict[int, Any], w: Array, b: Array | None) -> dict[int, Any]:
        out = self._exact(_sparse(b)) if b is not None else {}
        for i, value in x.items():
            out = self._add(out, {j: value * entry for j, entry in _sparse(w[i]).items()})
        return out

    def _norm(self, x: dict[int, Any], norm: Norm | None) -> dict[int, Any]:
        if norm is None:
            return x
        d = len(norm.weight)
        mean = sum(x.values(), self.arb(0)) / d
        centred = [x.get(i, self.arb(0)) - mean for i in range(d)]
        deviation = (sum((c * c for c in centred), self.arb(0)) / d + norm.eps).sqrt()
        return {i: c / deviation * float(norm.weight[i]) + float(norm.bias[i]) for i, c in enumerate(centred)}


def _sparse(x: Array) -> dict[int, float]:
    return {int(i): float(x[i]) for i in np.flatnonzero(x)}


def _count(sets: Sets, vocab: int, n: int) -> int:
    count = vocab ** (n - len(sets))
    for tokens in sets.values():
        count *= len(tokens)
    return int(count)


def _digest(transformer: Transformer) -> str:
    sha = hashlib.sha256()
    for where, part in transformer.parts():
        settings: tuple[Any, ...] = ()
        if isinstance(part, Attention):
            settings = (part.causal, part.multiplier)
        elif isinstance(part, Mlp):
            settings = (part.activation,)
        elif isinstance(part, Norm):
            settings = (float(part.eps),)
        sha.update(f"{where} {type(part).__name__} {settings}\n".encode())
        for name, array in part.arrays():
            sha.update(f"{name} {array.shape} {array.dtype.str}\n".encode() + np.ascontiguousarray(array).tobytes())
    return sha.hexdigest()


def _source(function: Callable[..., Any]) -> str:
    file = inspect.getsourcefile(function if inspect.isroutine(function) else type(function))
    return hashlib.sha256(Path(file).read_bytes()).hexdigest() if file is not None and Path(file).is_file() else ""


def _same(what: str, stated: object, actual: object) -> None:
    _must(stated == actual, f"the {what} is {stated}, but should be {actual}")


def _must(condition: bool, sentence: str) -> None:
    if not condition:
        raise CertificateError(sentence)
