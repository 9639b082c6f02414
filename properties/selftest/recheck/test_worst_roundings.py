"""The balls of whole programs against the worst that roundings can do to them, with one array or another large.

Where numbers of one kind are large, their roundings outweigh all others: a term that is lost shows there.
"""

from collections.abc import Sequence
from decimal import Decimal
from itertools import product
from typing import Any

import numpy as np
import pytest

from properties.recheck.program import Ball
from properties.selftest.recheck.alone import Alone
from properties.selftest.recheck.worst import Worst, many_digits, outside, unit, worst
from zoo import Attention, Mlp, Norm, Transformer
from zoo.transformer.arrays import Array

pytest.importorskip("flint", reason="python-flint is not installed, and nothing can be confirmed without it")
SECOND_ORDER = 1e-4  # by so much less than in reality each rounding moves a number here, and by so much they add up
Runs = dict[tuple[int, ...], Worst]


class Sizes:
    """Arrays each of which is of a size of its own; some entries are zero, and some are alike."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.most, self.density = self.rng.choice([0, 3, 6]), self.rng.choice([0.3, 0.7, 1.0])

    def array(self, *shape: int) -> Array:
        x = self.rng.normal(size=shape) * (self.rng.random(shape) < self.density)
        return x * 2.0 ** self.rng.integers(-self.most, self.most + 1)  # type: ignore[no-any-return]

    def bias(self, *shape: int) -> Array | None:
        return self.array(*shape) if self.rng.random() < 0.6 else None

    def norm(self, d: int) -> Norm:
        return Norm(self.array(d), self.array(d), float(2.0 ** self.rng.integers(-20, 4)))

    def attention(self, d: int, norm: Norm | None) -> Attention:
        head, d_head, d_v = self.rng.integers(1, 4, 3).tolist()
        arrays: dict[str, Any] = {
            "w_q": self.array(head, d, d_head) / 4,
            "w_k": self.array(head, d, d_head) / 4,
            "w_v": self.array(head, d, d_v),
            "w_o": self.array(head, d_v, d),
        }
        biases: dict[str, Any] = {
            f"b_{name}": self.bias(head, width) for name, width in (("q", d_head), ("k", d_head), ("v", d_v))
        }
        return Attention(
            **arrays,
            **biases,
            b_o=self.bias(d),
            causal=bool(self.rng.integers(2)),
            scale=float(self.rng.choice([1, -0.3, 0.1])),
            norm=norm,
        )

    def mlp(self, d: int, activation: str, norm: Norm | None) -> Mlp:
        width = int(self.rng.integers(1, 5))
        arrays = self.array(d, width), self.array(width), self.array(width, d), self.array(d)
        return Mlp(*arrays, activation, norm)

    def transformer(self, layers: Sequence[str], dtype: Any) -> Transformer:
        """Layers with a Norm where their name ends in one; the last name may be that of the final Norm."""
        d, n_ctx, vocab = int(self.rng.integers(2, 5)), int(self.rng.integers(1, 4)), int(self.rng.integers(2, 4))
        made: list[Attention | Mlp] = []
        for name in layers:
            norm = self.norm(d) if name.endswith("norm") else None
            if name.startswith("attention"):
                made.append(self.attention(d, norm))
            elif name != "norm":
                made.append(self.mlp(d, name.split()[0], norm))
        final = self.norm(d) if [*layers][-1:] == ["norm"] else None
        embedding, positions, unembedding = self.array(vocab, d), self.array(n_ctx, d), self.array(vocab, d)
        if self.rng.random() < 0.25:  # what a Norm takes away outweighs all else
            embedding, positions = embedding + 2.0**12, 0 * positions
        return Transformer(embedding, positions, made, final, unembedding).astype(dtype)


KINDS = [
    [],
    ["norm"],
    ["attention"],
    ["attention norm"],
    ["attention", "norm"],
    ["relu"],
    ["gelu"],
    ["relu norm", "norm"],
    ["gelu norm"],
    ["attention", "relu"],
    ["attention", "gelu"],
    ["attention", "relu norm"],
    ["attention", "relu", "relu", "norm"],
    ["relu", "attention"],
    ["attention", "attention"],
    ["attention", "attention norm"],
    ["attention norm", "gelu", "attention"],
    ["relu", "attention", "norm"],
    ["attention", "attention", "relu"],
]


def check(transformer: Transformer, options: Sequence[tuple[int, ...]], answer: int, rival: int) -> list[float]:
    return check_leaf(Alone(transformer), {}, options, answer, rival)


@many_digits()
def check_leaf(alone: Alone, known: Runs, options: Sequence[tuple[int, ...]], answer: int, rival: int) -> list[float]:
    """That nothing of a leaf's contexts leaves its ball; of a single context, the shares of the balls that are reached.

    First the share of the margin, then those of the stream's entries. Contexts that were run are `known`.
    """
    transformer, u = alone.t, float(unit(alone.t.dtype))
    alone.at(options)
    shares: list[float] = []

    def reached(off: float, allowed: float, what: str) -> None:
        assert off * (1 - SECOND_ORDER) <= allowed, f"{what} is off by {off}, but should be by {allowed} at most"
        shares.append(off / allowed if allowed else 1.0)

    for tokens in product(*options):
        if tokens not in known:
            known[tokens] = worst(transformer, tokens)
        found = known[tokens]
        difference, units = found.difference(answer, rival)
        slack = float(difference - Decimal(alone.lower(tokens[-1], answer, rival)))
        reached(units * u, slack, f"{difference}")
        for i, (stream, moves) in enumerate(zip(found.stream, found.stream_moves)):
            for p, token in enumerate(tokens):
                row, mean = alone.row(i, p, token)
                none = Ball(alone.margins.program.zero, alone.margins.program.zero)
                means = moves[:, p].mean(axis=-1), stream[p].sum() / len(stream[p])
                numbers = zip([*moves[:, p].T, means[0]], [*stream[p], means[1]])
                for e, (moved, number) in enumerate(numbers):
                    ball = row.get(e, none) if e < len(stream[p]) else mean
                    off, allowed = outside(number, ball)
                    reached(off + abs(moved).sum() * u, allowed, f"entry {e} at {p} before layer {i}")
    return shares


@pytest.mark.parametrize("layers", KINDS, ids="-".join)
def test_no_rounding_is_forgotten(layers: Sequence[str]) -> None:
    """Three bounds on a margin in eight are reached by a fifth or more; some are in models that round nothing."""
    shares = []
    for seed in range(8):
        transformer = Sizes(seed).transformer(layers, (np.float64, np.float32)[seed % 2])
        vocab, rng = len(transformer.token_embedding), np.random.default_rng(seed)
        tokens = rng.integers(0, vocab, transformer.n_ctx).tolist()
        alone, known = Alone(transformer), Runs()
        shares.append(check_leaf(alone, known, [(token,) for token in tokens], *rng.permutation(vocab)[:2].tolist())[0])
        options = [(token,) for token in tokens]
        for p in rng.integers(0, transformer.n_ctx, 2):  # what stands there is one of two
            options[p] = tuple(sorted({tokens[p], (tokens[p] + 1) % vocab}))
        check_leaf(alone, known, options, *rng.permutation(vocab)[:2].tolist())
    assert sorted(shares)[-3] > 0.2
