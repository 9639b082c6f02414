"""Hypothesis strategies: transformers of every shape that the forward pass has, and models around them."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import DTypeLike

from zoo.generators import written_sum
from zoo.model import Context, Model
from zoo.transformer import ACTIVATIONS, Attention, Mlp, Norm, Transformer
from zoo.transformer.arrays import Array


@lru_cache(maxsize=None, typed=True)  # 1 and 1.0 are two values
def _one_of(*values: Any) -> st.SearchStrategy[Any]:
    """One of these: made once, and not for each example, as a strategy is looked through before it is drawn from."""
    return st.sampled_from(values)


@st.composite
def transformers(
    draw: st.DrawFn,
    max_n_ctx: int = 6,
    max_vocab: int = 4,
    max_layers: int = 3,
    max_d_model: int = 16,
    max_width: int = 5,
    layers: Sequence[str] | None = None,
    norms: Sequence[float] = (1e-5, 1e-2, 1.0),
    least: tuple[int, int] = (1, 1),
    larger: Sequence[float] = (1,),
    dtypes: Sequence[DTypeLike] = (np.float64,),
) -> Transformer:
    """Value width other than query width, with and without mask, scale, biases, Norm, tied and untied.

    The shape is drawn; the weights come from a drawn seed, sparse or dense, small or large. Heads and Mlps are about
    `max_width` wide at most. `layers` are out of attention and ACTIVATIONS; None is up to `max_layers` of any. `norms`
    are the eps that a Norm may have; without any there is no Norm. `least` are the smallest n_ctx and vocabulary. The
    embeddings are so much `larger` than the other weights.
    """
    n_ctx, vocab = draw(st.integers(least[0], max_n_ctx)), draw(st.integers(least[1], max_vocab))
    kinds = _one_of("attention", "attention", *ACTIVATIONS)
    kept = draw(st.lists(kinds, max_size=max_layers)) if layers is None else layers
    parts = _Parts(draw, draw(st.integers(1, max_d_model)), max_width, norms)
    d_model, large = parts.d_model, draw(_one_of(*larger))
    transformer = Transformer(
        token_embedding=large * parts.array(vocab, d_model),
        position_embedding=large * parts.array(n_ctx, d_model),
        layers=[parts.attention() if kind == "attention" else parts.mlp(kind) for kind in kept],
        final_norm=parts.norm(),
        unembedding=parts.array(vocab, d_model) if draw(st.booleans()) else None,
    )
    return transformer.astype(draw(st.sampled_from(dtypes)))


class _Parts:
    """Parts of one width, whose weights are of one size and density."""

    def __init__(self, draw: st.DrawFn, d_model: int, max_width: int, norms: Sequence[float]) -> None:
        self.draw, self.d_model, self.max_width, self.norms = draw, d_model, max_width, norms
        self.random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
        self.density: float = draw(_one_of(0.2, 0.8, 1.0))
        self.size: float = draw(_one_of(0.3, 1.0, 3.0))

    def array(self, *shape: int) -> Array:
        return self.random.normal(scale=self.size, size=shape) * (self.random.random(shape) < self.density)

    def norm(self) -> Norm | None:
        there: bool = self.draw(st.booleans())
        if not (there and self.norms):
            return None
        eps = self.draw(_one_of(*self.norms))
        weight = self.array(self.d_model) + self.draw(_one_of(0, 1))
        return Norm(weight * max(1, eps) ** 0.5, self.array(self.d_model), eps)

    def attention(self) -> Attention:
        draw, d_model = self.draw, self.d_model
        head = draw(st.integers(1, self.max_width - 1))
        d_head, d_v = draw(st.integers(1, self.max_width)), draw(st.integers(1, self.max_width))
        shapes = {"b_q": (head, d_head), "b_k": (head, d_head), "b_v": (head, d_v), "b_o": (d_model,)}
        return Attention(
            self.array(head, d_model, d_head),
            self.array(head, d_model, d_head),
            self.array(head, d_model, d_v),
            self.array(head, d_v, d_model),
            **{name: self.array(*shape) for name, shape in shapes.items() if draw(st.booleans())},
            causal=draw(st.booleans()),
            scale=draw(_one_of(None, 1, 0.5, 8, -1.5)),
            norm=self.norm(),
        )

    def mlp(self, activation: str) -> Mlp:
        d_model, d_mlp = self.d_model, self.draw(st.integers(1, self.max_width + 1))
        w_in, b_in, w_out, b_out = (
            self.array(*shape) for shape in ((d_model, d_mlp), (d_mlp,), (d_mlp, d_model), (d_model,))
        )
        return Mlp(w_in, b_in, w_out, b_out, activation, self.norm())


def tokens(transformer: Transformer, max_batch: int = 3) -> st.SearchStrategy[Array]:
    """Batches of contexts that a transformer can read: int [batch, seq]."""
    ids = st.integers(0, transformer.sizes["vocab"] - 1)
    shapes = st.tuples(st.integers(1, max_batch), st.integers(1, transformer.n_ctx))
    return shapes.flatmap(
        lambda shape: st.lists(
            st.lists(ids, min_size=shape[1], max_size=shape[1]), min_size=shape[0], max_size=shape[0]
        ).map(np.array)
    )


def contexts(model: Model, max_size: int) -> st.SearchStrategy[Context]:
    """Contexts of the model's tokens, also longer than it reads; where it states a domain, contexts of that."""
    domain = model.domain
    if domain is not None:
        some = st.integers(0, 2**32 - 1).map(lambda seed: domain.sample(np.random.default_rng(seed), 1)[0])
        return some if model.reads_strings else some.map(tuple)
    words = st.lists(st.sampled_from(list(model.vocab)), min_size=1, max_size=max_size)
    return words.map("".join) if model.reads_strings else words.map(tuple)


def as_model(transformer: Transformer, name: str = "random") -> Model:
    """A model around a transformer, its tokens the letters from a on."""
    return Model(name, [chr(ord("a") + i) for i in range(transformer.sizes["vocab"])], transformer)


def each_attention(transformer: Transformer, change: Callable[[Attention], Attention]) -> Transformer:
    """The transformer with every Attention changed."""
    layers = [change(layer) if isinstance(layer, Attention) else layer for layer in transformer.layers]
    return replace(transformer, layers=layers)


@st.composite
def addends(draw: st.DrawFn, digits: int = 10) -> tuple[int, int]:
    """Two numbers of at most so many digits: carry chains of every length and offset, nines, short ones, runs.

    And repetitions and near-repetitions. They shrink towards small numbers.
    """
    digit = st.integers(0, 9)
    number = st.lists(digit, min_size=digits, max_size=digits)  # the ones first
    short = st.integers(0, digits).flatmap(lambda size: st.lists(digit, min_size=size, max_size=size))
    runs = st.lists(st.tuples(digit, st.integers(1, digits)), min_size=1, max_size=digits).map(
        lambda runs: [one for one, size in runs for _ in range(size)][:digits]
    )
    a = draw(st.one_of(number, short, runs))
    a = [*a, *[0] * (digits - len(a))]
    kind = draw(st.sampled_from(["any", "itself", "nines", "chain", "chain"]))
    if kind in ("any", "chain"):
        b = draw(st.one_of(short, number, runs))
        b = [*b, *[0] * (digits - len(b))]
    else:
        b = list(a) if kind == "itself" else [9 - one for one in a]
        b[draw(st.integers(0, digits - 1))] = draw(digit)
    if kind == "chain":
        start = draw(st.integers(0, digits - 1))
        for at in range(start + 1, draw(st.integers(start + 1, digits))):
            b[at] = 9 - a[at]
        b[start] = draw(st.integers(max(0, 9 - a[start]), 9))  # it carries, but for one of them
    first, second = (sum(one * 10**i for i, one in enumerate(digits)) for digits in (a, b))
    return (second, first) if draw(st.booleans()) else (first, second)


def sums(digits: int = 10) -> st.SearchStrategy[str]:
    """The same as contexts: "0000000012+0000000034="."""
    return addends(digits).map(lambda pair: written_sum(*pair, digits))
