"""Hypothesis strategies: transformers of every shape that the forward pass has, and models around them."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from zoo.model import Model
from zoo.transformer import ACTIVATIONS, Attention, Mlp, Norm, Transformer
from zoo.transformer.arrays import Array


@st.composite
def transformers(
    draw: st.DrawFn,
    max_n_ctx: int = 6,
    max_vocab: int = 4,
    max_layers: int = 3,
    max_d_model: int = 16,
    kinds: Sequence[str] = ("attention", "mlp"),
    norms: bool = True,
) -> Transformer:
    """Heads 1 to 4, value width other than query width, with and without mask, scale, biases, Norm, tied and untied.

    The shape is drawn; the weights come from a drawn seed, sparse or dense, small or large.
    """
    n_ctx, vocab = draw(st.integers(1, max_n_ctx)), draw(st.integers(1, max_vocab))
    d_model = draw(st.integers(1, max_d_model))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    density, size = draw(st.sampled_from([0.2, 1.0])), draw(st.sampled_from([0.3, 1.0, 3.0]))

    def array(*shape: int) -> Array:
        return random.normal(scale=size, size=shape) * (random.random(shape) < density)

    def norm() -> Norm | None:
        if not (norms and draw(st.booleans())):
            return None
        return Norm(array(d_model), array(d_model), eps=draw(st.sampled_from([1e-5, 1e-2, 1.0])))

    def attention() -> Attention:
        head, d_head, d_v = (draw(st.integers(1, most)) for most in (4, 5, 5))
        shapes = {"b_q": (head, d_head), "b_k": (head, d_head), "b_v": (head, d_v), "b_o": (d_model,)}
        return Attention(
            array(head, d_model, d_head),
            array(head, d_model, d_head),
            array(head, d_model, d_v),
            array(head, d_v, d_model),
            **{name: array(*shape) for name, shape in shapes.items() if draw(st.booleans())},
            causal=draw(st.booleans()),
            scale=draw(st.sampled_from([None, 1, 0.5, -1.5])),
            norm=norm(),
        )

    def mlp() -> Mlp:
        d_mlp, activation = draw(st.integers(1, 6)), draw(st.sampled_from(list(ACTIVATIONS)))
        return Mlp(array(d_model, d_mlp), array(d_mlp), array(d_mlp, d_model), array(d_model), activation, norm())

    makers: dict[str, Callable[[], Attention | Mlp]] = {"attention": attention, "mlp": mlp}
    return Transformer(
        token_embedding=array(vocab, d_model),
        position_embedding=array(n_ctx, d_model),
        layers=[makers[draw(st.sampled_from(kinds))]() for _ in range(draw(st.integers(0, max_layers)))],
        final_norm=norm(),
        unembedding=array(vocab, d_model) if draw(st.booleans()) else None,
    )


def tokens(transformer: Transformer, max_batch: int = 3) -> st.SearchStrategy[Array]:
    """Batches of contexts that a transformer can read: int [batch, seq]."""
    ids = st.integers(0, transformer.sizes["vocab"] - 1)
    shapes = st.tuples(st.integers(1, max_batch), st.integers(1, transformer.n_ctx))
    return shapes.flatmap(
        lambda shape: st.lists(
            st.lists(ids, min_size=shape[1], max_size=shape[1]), min_size=shape[0], max_size=shape[0]
        ).map(np.array)
    )


def contexts(model: Model, max_size: int) -> st.SearchStrategy[str | tuple[str, ...]]:
    """Contexts of the model's tokens, also longer than it reads."""
    words = st.lists(st.sampled_from(list(model.vocab)), min_size=1, max_size=max_size)
    return words.map("".join) if model.reads_strings else words.map(tuple)


def as_model(transformer: Transformer, name: str = "random") -> Model:
    """A model around a transformer, its tokens the letters from a on."""
    return Model(name, [chr(ord("a") + i) for i in range(transformer.sizes["vocab"])], transformer)


def each_attention(transformer: Transformer, change: Callable[[Attention], Attention]) -> Transformer:
    """The transformer with every Attention changed."""
    layers = [change(layer) if isinstance(layer, Attention) else layer for layer in transformer.layers]
    return replace(transformer, layers=layers)
