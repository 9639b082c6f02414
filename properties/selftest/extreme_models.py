"""Small transformers at the ends of their dtype, rules for them, and what they are seen to answer.

Exponents are drawn from the whole range. What scales one array is mostly undone by the next: the stream has a scale in
each dimension, which embeddings have and weights undo; queries and keys have theirs, which `scale` undoes; so have
values, hidden units and what a Norm writes. So numbers come back into ordinary range often enough for answers to be
decided, unless something overflows or underflows on the way. Some arrays are off nevertheless, and some settings.

What is rare by that, and where faults hide, is drawn on purpose: answers that nearly tie after some context; numbers so
large within a layer, and so small behind it, that products of weights vanish where the program's do not; and streams
that are zero, where a setting that the type has not makes NaN.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from itertools import product
from typing import Any

import numpy as np
from hypothesis import strategies as st

from properties.selftest.examples import assert_sentence
from properties.selftest.extreme_rules import Executed
from properties.selftest.random_models import assert_noticed
from zoo import Attention, Mlp, ModelError, Norm, Transformer, contexts
from zoo.transformer import ACTIVATIONS, forward
from zoo.transformer.arrays import Array
from zoo.transformer.forward import normalize

Drawn = Transformer | ModelError  # what was built, or the sentence by which it was refused
# As they are written, beyond float32 or float64 or at their ends; None is what a layer has by itself.
SETTINGS = (1e-5, 1.0, 5e-324, 1e-310, 5e-46, 2e-45, 1e-40, 1e-30, 1e30, 3.3e38, 1e39, 1e200, 1.7e308, 0.1, 100.0)
NONE, INFINITE = (5e-46, 1e-50), (1e39, 1e200)  # what they are in float32
TYPES: list[Any] = [float, float, float, np.float64, np.float32]
KINDS = ("attention", "attention", *ACTIVATIONS)
LAYERS = [kinds for count in range(3) for kinds in product(KINDS, repeat=count)] + [("attention", "relu", "attention")]


@cache
def exponents(dtype: type) -> st.SearchStrategy[int]:
    """Of two: none, any that the dtype has, or one where products, squares or single numbers leave its range."""
    info = np.finfo(dtype)
    low, normal, high = info.minexp - info.nmant, info.minexp, info.maxexp
    edges = [end + off for end in (low, normal, high - 2, low // 2, normal // 2, high // 2) for off in (-1, 0, 1)]
    return st.one_of(st.just(0), st.just(0), st.integers(low, high - 2), st.sampled_from(edges))


@st.composite
def transformers(
    draw: st.DrawFn,
    kinds: Sequence[str] | None = None,
    most: float = 64,
    n_ctx: tuple[int, int] = (1, 4),
    normed: bool = True,
    vocab: Sequence[int] = (2, 3, 2, 3, 2, 3, 1),
    dtypes: Sequence[type] = (np.float32, np.float64),
    rare: str = "",
) -> Drawn:
    """`kinds` are layers out of attention, relu, gelu; None is up to three. There are at most so many contexts.

    All are of a `rare` kind where one is named: close, deep, quiet.
    """
    tokens = draw(st.sampled_from(vocab))
    length = draw(st.integers(*n_ctx))
    while length > n_ctx[0] and contexts.count(tokens, length) > most:
        length -= 1
    d, dtype = draw(st.integers(1, 4)), draw(st.sampled_from(dtypes))
    if kinds is None:
        kinds = draw(st.sampled_from(LAYERS))
    draft = _Draft(draw, d, dtype, normed, rare)
    with np.errstate(all="ignore"):
        try:
            return draft.build(tokens, length, kinds)
        except ModelError as error:
            assert_sentence(error)
            return error


class _Draft:
    """One transformer as it is drawn: Hypothesis chooses exponents and settings, a drawn seed everything else."""

    def __init__(self, draw: st.DrawFn, d: int, dtype: type, normed: bool, rare: str) -> None:
        self.draw, self.d, self.dtype, self.normed = draw, d, dtype, normed
        self.rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
        self.off = float(self.rng.choice([0, 0, 0.1, 0.4]))  # how many arrays are off by a power of two
        self.whole = draw(st.booleans())
        info = np.finfo(dtype)
        self.ends = info.minexp - info.nmant, info.maxexp - 2
        self.largest = float(info.max)
        each = draw(st.sampled_from([False, False, True]))  # whether dimensions have scales of their own
        self.stream = np.array([self.exponent() for _ in range(d)] if each else [self.exponent()] * d)
        # What is narrower than float64 does not vanish where that follows directions; and float64 has every setting.
        hidden = "deep" if dtype == np.float64 else "quiet"
        rare = rare or draw(st.sampled_from(["", "", "", "close", hidden]))
        self.close, self.deep, self.quiet = (rare == kind for kind in ("close", "deep", "quiet"))
        if self.deep:
            self.stream = np.full(d, int(self.rng.choice([0, 1])) * int(self.rng.integers(520, 700)))

    def build(self, vocab: int, n_ctx: int, kinds: Sequence[str]) -> Transformer:
        tokens, positions = self.array(vocab, self.d, power=self.stream), self.array(n_ctx, self.d, power=self.stream)
        if self.quiet:
            tokens[:: self.rng.integers(1, 3)] = 0
        if self.quiet or self.rng.random() < 0.3:
            positions *= 0
        layers = [self.attention() if kind == "attention" else self.mlp(kind) for kind in kinds]
        norm, read = self.norm()
        tied = self.draw(st.sampled_from([False, False, False, True]))
        loud = int(self.rng.integers(-450, -100)) if self.deep else self.exponent()
        unembedding = None if tied else self.array(vocab, self.d, power=read + loud)
        transformer = Transformer(tokens, positions, layers, norm, unembedding)
        return nearly_tied(transformer, self.rng) if self.close else transformer

    def exponent(self) -> int:
        return self.draw(exponents(self.dtype))

    def has(self, share: float) -> bool:
        """Whether there is a bias: in a stream of zeros always, for else there is nothing."""
        return bool(self.rng.random() < share) or self.quiet

    def inner(self) -> int:
        """Of what a layer has between its two maps."""
        return int(self.rng.integers(700, 980)) if self.deep else self.exponent()

    def inverse(self, power: int) -> int:
        """Mostly what undoes a power of two."""
        if self.deep:
            return -power
        return self.draw(st.sampled_from([-power, -power, -power, self.exponent()]))

    def array(self, *shape: int, power: Any = 0) -> Array:
        rng = self.rng
        base = rng.normal(size=shape) * (rng.random(shape) < 0.8)
        if self.whole:
            base = np.round(2 * base)
        if len(shape) > 1 and rng.random() < 0.3:
            if rng.random() < 0.6:
                base[..., rng.integers(shape[-2]), :] = (
                    0  # a dimension that nothing is read from, or a token that is none
                )
            else:
                base[..., rng.integers(shape[-1])] = 0  # a dimension that nothing is written to
        values = np.ldexp(base, np.clip(power, *self.ends))
        if rng.random() < self.off:
            some: Any = tuple(rng.integers(size) if rng.random() < 0.5 else slice(None) for size in shape)
            values[some] = np.ldexp(values[some], self.random_power())
        result: Array = np.clip(values, -self.largest, self.largest).astype(self.dtype)
        return result

    def random_power(self) -> int:
        low, high = self.ends
        return int(self.rng.integers(low, high) if self.rng.random() < 0.5 else self.rng.integers(-8, 8))

    def norm(self) -> tuple[Norm | None, Any]:
        """A Norm, perhaps, and the power of two that what reads from it undoes."""
        if not (self.normed and self.draw(st.booleans())) or (self.deep and self.rng.random() < 0.7):
            return None, -self.stream
        written = self.exponent()
        matched = 2 * int(self.stream.max()) + int(self.rng.choice([-20, 0, 10]))
        eps = self.setting(_power(int(np.clip(matched, *self.ends))), NONE)
        bias = self.array(self.d, power=written) * self.has(0.5)
        return Norm(self.array(self.d, power=written), bias.astype(self.dtype), eps), np.array(-written)

    def setting(self, matched: float, lost: Sequence[float]) -> float:
        """One that fits the rest, or any, of Python's type or of numpy's."""
        some = [matched, *lost] if self.quiet else [matched] * 2 * len(SETTINGS) + list(SETTINGS)
        value = self.draw(st.sampled_from(some))
        kind: Callable[[float], float] = self.draw(st.sampled_from(TYPES))
        return kind(value)

    def attention(self) -> Attention:
        rng, d, stream = self.rng, self.d, self.stream
        norm, read = self.norm()
        read = np.broadcast_to(read, d)[:, None]
        head, d_head, d_v = rng.integers(1, 3, size=3).tolist()
        q = self.exponent()
        k = self.inverse(q)
        v = self.inner()
        o = self.inverse(v)
        loud = int(rng.choice([-1, 0, 1, 2, self.ends[1] // 2, self.ends[1]], p=[0.2, 0.2, 0.2, 0.1, 0.1, 0.2]))
        scale = self.setting(_power(min(-q - k + loud, self.ends[1])), INFINITE)
        b_q, b_k, b_v, b_o = (
            self.array(*shape, power=power) if self.has(0.3) else None
            for shape, power in (((head, d_head), q), ((head, d_head), k), ((head, d_v), v), ((d,), stream))
        )
        return Attention(
            self.array(head, d, d_head, power=read + q),
            self.array(head, d, d_head, power=read + k),
            self.array(head, d, d_v, power=read + v),
            self.array(head, d_v, d, power=stream + o),
            *(b_q, b_k, b_v, b_o),
            causal=self.draw(st.booleans()),
            scale=None if (q, k) == (0, 0) and rng.random() < 0.5 else scale,
            norm=norm,
        )

    def mlp(self, activation: str) -> Mlp:
        d, stream = self.d, self.stream
        norm, read = self.norm()
        read = np.broadcast_to(read, d)[:, None]
        width, hidden = int(self.rng.integers(1, 4)), self.inner()
        out = self.inverse(hidden)
        return Mlp(
            self.array(d, width, power=read + hidden),
            self.array(width, power=hidden),
            self.array(width, d, power=stream + out),
            self.array(d, power=stream),
            activation,
            norm,
        )


@np.errstate(all="ignore")
def nearly_tied(transformer: Transformer, rng: np.random.Generator) -> Transformer:
    """With one row of the readout moved so that after one context two tokens are close to a tie, or are one."""
    readout, vocab = transformer.readout, len(transformer.readout)
    tokens = rng.integers(0, vocab, (1, rng.integers(1, transformer.n_ctx + 1)))
    trace: dict[str, Array] = {}
    forward(transformer, tokens, trace)
    z = normalize(trace["residual"], transformer.final_norm)[0, -1].astype(np.longdouble)
    one, other = rng.permutation(vocab)[: min(2, vocab)].tolist() * (1 if vocab > 1 else 2)
    share = rng.choice([0, 1, -1], p=[0.2, 0.4, 0.4]) * 10.0 ** rng.uniform(rng.choice([-18, -6]), -1)
    apart = (readout[one].astype(np.longdouble) - readout[other]) @ z
    row = readout[other] + (1 - share) * apart * (z / (z @ z))
    changed = np.array(readout)
    changed[other] = row
    return replace(transformer, unembedding=changed) if np.isfinite(changed).all() else transformer


def _power(exponent: int) -> float:
    """Of two, as far as float64 has it."""
    return float(np.ldexp(1.0, int(np.clip(exponent, -1074, 1023))))


# Where directions vanish that the program's numbers do not, and where a setting that is lost makes NaN.
RARE = st.one_of(
    transformers(vocab=(2, 3), dtypes=(np.float64,), rare="deep"),
    transformers(vocab=(2, 3), dtypes=(np.float32,), rare="quiet"),
)

# Those that are enumerated in each way, of which two unmasked layers are by `forward` alone.
PATHS = st.one_of(transformers(), transformers(["attention"], normed=False), transformers(["attention", "attention"]))


def assert_planted_is_noticed(
    check: Callable[[Drawn, int, Counter[str]], None], drawn: st.SearchStrategy[Drawn], sentence: str, seed: int = 0
) -> None:
    """That a check of what is drawn fails so, with a fault that was planted, in one of 1500 examples at most."""

    def each(one: Drawn, seed: int) -> None:
        check(one, seed, Counter())

    assert_noticed(each, drawn, 1500, sentence, seed)


def count(outcomes: Counter[str], executed: Executed, *kinds: str) -> None:
    """One more model that was built, of each of these kinds; of its dtype; and whether it gives NaN anywhere."""
    outcomes.update([*kinds, "built", str(executed.transformer.dtype), *(["with NaN"] if executed.nan else [])])


def assert_each_occurred(outcomes: Counter[str], *kinds: str, least: float = 0.01) -> None:
    """Each of these in at least such a share of what was built: what never occurred was not tested."""
    every = ("refused", "float32", "float64", "with NaN", *kinds)
    rare = [kind for kind in every if outcomes[kind] < least * outcomes["built"] or not outcomes[kind]]
    assert not rare, f"{', '.join(rare)} should occur more often: {dict(outcomes)}"
