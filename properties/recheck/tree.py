"""Certificates as JSON data: what they are about, and the leaves of their trees. Nothing in there is trusted."""

import hashlib
import inspect
import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from reprlib import repr as shortly
from typing import Any

import numpy as np

from properties.recheck.blindfold import Context, Sets, blind_answer, real
from zoo.errors import CertificateError, MismatchError, RuleError
from zoo.model import Model
from zoo.rule import Asked
from zoo.rule.watch import AGAIN, Said, ask_again, known
from zoo.transformer import Attention, Mlp, Norm, Transformer


@dataclass(frozen=True)
class Leaf:
    """Contexts of one length: the tokens (by number) that each position may hold, and what is permitted."""

    where: str
    options: tuple[tuple[int, ...], ...]
    kind: str  # proved, run or skipped
    permitted: frozenset[str]
    answer: str = ""  # where it was proved, as all below
    margin: float = math.nan
    levels: Any = None  # [head, token at the last position, rival]

    @property
    def contexts(self) -> int:
        return math.prod(map(len, self.options))


def about(certificate: dict[str, Any], model: Model, function: Callable[[Any], Any]) -> Transformer:
    """The model's transformer in the certificate's dtype; MismatchError where that is about something else."""
    _must(isinstance(certificate, dict), f"the certificate is {shortly(certificate)}, but should be an object")
    _same("format", certificate.get("format"), 1)
    dtype = certificate.get("dtype")
    if dtype not in ("float64", "float32"):
        raise MismatchError(f"the certificate's dtype is {shortly(dtype)}, but should be float64 or float32")
    with np.errstate(over="ignore"):  # what is inf then, the transformer refuses
        transformer = model.transformer.astype(dtype)
    _same("vocabulary", certificate.get("vocab"), list(model.vocab))
    _same("n_ctx", certificate.get("n_ctx"), transformer.n_ctx)
    _same("digest of the arrays", certificate.get("arrays"), _digest(transformer))
    named = certificate.get("function")
    named = named if isinstance(named, dict) else {}
    _same("function", named.get("name"), getattr(function, "__name__", type(function).__name__))
    _same("digest of the function's source", named.get("source"), _source(function))
    _same("domain", certificate.get("domain"), _domain(model))
    _same("lemmas", certificate.get("lemmas", []), [lemma.text for lemma in model.lemmas])
    for lemma in model.lemmas:
        _must(lemma.holds(model), f"the lemma {lemma.text!r} does not hold")
    trees, which = certificate.get("trees"), "up to n_ctx" if model.domain is None else "of the domain"
    whole = isinstance(trees, dict) and trees.keys() == {str(n) for n in lengths(model)}
    _must(whole, f"there should be a tree for each length {which}")
    _must(_is_number(certificate.get("margin")), f"the smallest margin is {shortly(certificate.get('margin'))}")
    return transformer


def lengths(model: Model) -> list[int]:
    """Those of the contexts that are spoken of."""
    if model.domain is None:
        return list(range(1, model.n_ctx + 1))
    return sorted({n for layout in model.domain.layouts for n in range(layout.start, len(layout.sets) + 1)})


def _domain(model: Model) -> list[Any] | None:
    """As a certificate states it."""
    if model.domain is None:
        return None
    return [{"start": one.start, "sets": [sorted(tokens) for tokens in one.sets]} for one in model.domain.layouts]


def _roots(trees: Any, model: Model, n: int) -> list[tuple[Sets, Any]]:
    """What is known of all contexts of a tree, and the tree: one for each layout that has contexts of n tokens."""
    if model.domain is None:
        return [({}, trees)]
    known: list[Sets] = [
        dict(enumerate(layout.sets[:n])) for layout in model.domain.layouts if layout.start <= n <= len(layout.sets)
    ]
    one_each = isinstance(trees, list) and len(trees) == len(known)
    _must(one_each, f"there should be a tree for each of the {len(known)} layouts of {n} tokens")
    return list(zip(known, trees))


def confirmed_leaves(trees: Any, model: Model, function: Callable[[Any], Any], heads: int, n: int) -> Iterator[Leaf]:
    """The leaves of a tree over the contexts of n tokens, or of a list of trees, one for each layout of the domain.

    CertificateError where they do not partition those, or permit something else.

    A proved leaf has an answer that is permitted, and levels for `heads`; what was run is a single context; and where
    contexts are skipped, the function permits nothing or everything. It remembers nothing of what it is asked.
    """
    vocab, covered = frozenset(model.vocab), 0
    asked = Asked(function, model.vocab)
    memory = _Memory(asked)
    roots = _roots(trees, model, n)
    for sets, node in _partition(roots, vocab, n):
        known = {
            i - n: "".join(sorted(tokens)) if model.reads_strings else sorted(tokens) for i, tokens in sets.items()
        }
        where = f"the leaf {dict(sorted(known.items()))} of {n} tokens"
        allowed = blind_answer(asked, sets, model.reads_strings, n, where, memory.tells)
        memory.heard(real([sets.get(i, vocab) for i in range(n)], min, model.reads_strings), allowed)
        stated = node.get("permitted")
        _must(stated == sorted(allowed), f"{where} permits {shortly(stated)}, but should permit {sorted(allowed)}")
        options = [tuple(i for i, token in enumerate(model.vocab) if token in sets.get(j, vocab)) for j in range(n)]
        kind = node.get("is")
        known_kind = kind in ("proved", "run", "skipped")
        _must(known_kind, f"{where} is {shortly(kind)}, but should be proved, run or skipped")
        leaf = Leaf(where, tuple(options), str(kind), allowed)
        if leaf.kind == "skipped":
            _must(allowed in (frozenset(), vocab), f"{where} is skipped, but some tokens are right and some wrong")
        else:
            _must(frozenset() != allowed != vocab, f"{where} is not skipped, but nothing or everything is permitted")
        if leaf.kind == "run":
            _must(leaf.contexts == 1, f"{where} was run, but is more than one context")
        elif leaf.kind == "proved":
            leaf = _proved(leaf, node, heads, len(vocab))
        covered += leaf.contexts
        yield leaf
    every = sum(math.prod(len(root.get(i, vocab)) for i in range(n)) for root, _ in roots)
    _must(covered == every, f"the leaves of {n} tokens should cover every context once")
    memory.check()


class _Memory:
    """What the function could remember, and contexts with what it said, to ask a copy again in the opposite order."""

    def __init__(self, asked: Asked) -> None:
        self.asked, self.number = asked, 0
        self.said: deque[Said] = deque(maxlen=AGAIN)
        with _refusing():
            self.known = known(asked.function)
            self.tells = self.known.tells

    def heard(self, context: Context, allowed: frozenset[str]) -> None:
        """After as many leaves as are a power of two, it is looked at: it may come back to what it was."""
        self.said.append((context, allowed))
        self.number += 1
        if not self.number & (self.number - 1):
            with _refusing():
                self.known.memory.check()

    def check(self) -> None:
        with _refusing():
            self.known.memory.check()
            if self.known.copy is not None:
                ask_again(self.said, self.asked, self.known.copy)


@contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except RuleError as error:
        raise CertificateError(str(error)) from None


def _proved(leaf: Leaf, node: dict[str, Any], heads: int, vocab: int) -> Leaf:
    margin: Any
    levels: Any
    answer, margin, levels = node.get("answer"), node.get("margin"), node.get("levels")
    _must(isinstance(answer, str) and answer in leaf.permitted, f"the answer of {leaf.where} is not permitted")
    _must(_is_number(margin) and margin > 0, f"the margin of {leaf.where} is {shortly(margin)}, but should be above 0")
    shape = [(levels, heads)] + [(row, vocab) for row in _items(levels)]
    shape += [(row, vocab - 1) for rows in _items(levels) for row in _items(rows)]
    _must(
        all(isinstance(part, list) and len(part) == size for part, size in shape)
        and all(_is_number(level) for rows in levels for row in rows for level in row),
        f"the levels of {leaf.where} should be numbers, [{heads} heads, {vocab} tokens, {vocab - 1} rivals]",
    )
    return Leaf(leaf.where, leaf.options, leaf.kind, leaf.permitted, str(answer), float(margin), levels)


def _partition(roots: list[tuple[Sets, Any]], vocab: frozenset[str], n: int) -> Iterator[tuple[Sets, dict[str, Any]]]:
    """What is known at each leaf of trees whose children partition their parents."""
    todo = list(roots)
    while todo:
        sets, node = todo.pop()
        _must(isinstance(node, dict), f"a node of {n} tokens is {shortly(node)}, but should be an object")
        if "to" not in node:
            yield sets, node
            continue
        at, to = node.get("at"), node["to"]
        inside = isinstance(at, int) and not isinstance(at, bool) and 0 <= at < n
        _must(inside, f"a split of {n} tokens is at {shortly(at)}, but should be within them")
        pairs = all(
            isinstance(pair, list) and len(pair) == 2 and _items(pair[0]) and all(isinstance(t, str) for t in pair[0])
            for pair in _items(to)
        )
        _must(pairs, f"a split at {at} of {n} tokens is into {shortly(to)}, but should be into tokens and their nodes")
        parts = sorted(token for tokens, _ in _items(to) for token in tokens)
        whole = sorted(sets.get(at, vocab))
        _must(parts == whole, f"a split at {at} of {n} tokens is into {shortly(parts)}, but should be into {whole}")
        todo += [({**sets, at: frozenset(tokens)}, child) for tokens, child in to]


def _items(value: Any) -> Iterable[Any]:
    """The items of a list; anything else has none."""
    return value if isinstance(value, list) else ()


def _is_number(value: Any) -> bool:
    try:
        return not isinstance(value, bool) and isinstance(value, int | float) and math.isfinite(value)
    except OverflowError:  # a whole number beyond all floats
        return False


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
        elif not isinstance(part, Transformer):  # its settings, if it has any, would be left out
            raise NotImplementedError(f"a {type(part).__name__} is not handled here, but should be, as a kind of part")
        sha.update(f"{where} {type(part).__name__} {settings}\n".encode())
        for name, array in part.arrays():
            sha.update(f"{name} {array.shape} {array.dtype.str}\n".encode() + np.ascontiguousarray(array).tobytes())
    return sha.hexdigest()


def _source(function: Callable[..., Any]) -> str | None:
    try:
        file = inspect.getsourcefile(function if inspect.isroutine(function) else type(function))
        return None if file is None else hashlib.sha256(Path(file).read_bytes()).hexdigest()
    except (TypeError, OSError):
        return None


def _same(what: str, stated: object, actual: object) -> None:
    if stated != actual:
        raise MismatchError(f"the certificate's {what} is {shortly(stated)}, but should be {shortly(actual)}")


def _must(condition: bool, sentence: str) -> None:
    if not condition:
        raise CertificateError(sentence)
