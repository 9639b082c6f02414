"""A rule as heads that fetch tokens, and neurons that know what to say: one head for each place that is read.

Each neuron is a leaf of the smallest decision tree: it is on, with 1, exactly where its tokens stand, and there one is.
"""

from functools import cache
from math import ceil, log

import numpy as np

from zoo.basis import Basis, move
from zoo.compiling.built import Built
from zoo.compiling.tables import Entries, Table
from zoo.digits import digits_apart, nearest
from zoo.errors import ModelError
from zoo.memory import most_bytes
from zoo.transformer import Attention, Mlp, Transformer

LOUD = 16.0  # by how much an answer wins
ASTRAY = 24  # e^-24 of attention goes to all other places together
Cube = tuple[str | None, ...]  # a token for each place, or any
Leaf = tuple[Cube, str]  # where these tokens stand, that one is said


def from_heads(table: Table, vocab: tuple[str, ...], n_ctx: int) -> Built:
    """d_model is n_ctx + vocab * (2 + heads): where it is, what stands here and at each place read, what is said."""
    default, leaves = _leaves(table, vocab)
    if not leaves:
        return _always(default, vocab, n_ctx)
    far = sorted({back for cube, _ in leaves for back in range(1, len(cube)) if cube[-1 - back]})
    _must_fit(len(far), n_ctx + len(vocab) * (2 + len(far)), n_ctx + len(vocab))
    basis = Basis(pos=range(n_ctx), tok=vocab, **{f"{back}_back": vocab for back in far}, said=vocab)
    head = Basis(pos=range(n_ctx), tok=vocab)
    pos, slot = basis["pos"], head["pos"]
    layers: list[Attention | Mlp] = []
    if far:
        sharp = ASTRAY + ceil(log(n_ctx))
        layers.append(
            Attention(
                w_q=sharp * np.stack([move(pos[back:], slot[: n_ctx - back]) for back in far]),  # I ask for the place
                w_k=np.stack([move(pos, slot)] * len(far)),  # I offer my place
                w_v=np.stack([move(basis["tok"], head["tok"])] * len(far)),  # and hand over my token
                w_o=np.stack([move(head["tok"], basis[f"{back}_back"]) for back in far]),
                scale=1,
            )
        )
    layers.append(_knowing(leaves, default, basis, min(len(table), n_ctx)))
    return Built(Transformer(basis["tok"], pos, layers, unembedding=basis["said"]), basis, head, LOUD)


def _must_fit(heads: int, width: int, inside: int) -> None:
    """ModelError where the arrays of so many heads, which grow with n_ctx squared, would not fit into memory."""
    size, most = 8 * 4 * heads * width * inside, most_bytes()
    if size > most:
        digits = digits_apart(size / 1e9, most / 1e9, 2)
        raise ModelError(
            f"heads would have about {nearest(size / 1e9, digits)} GB of weights, but should have at most "
            f"{nearest(most / 1e9, digits)} GB, an eighth of this machine's memory"
        )


def _always(default: str, vocab: tuple[str, ...], n_ctx: int) -> Built:
    """One token, whatever stands there."""
    basis = Basis(tok=vocab)
    said = np.zeros((len(vocab), len(vocab)))
    said[vocab.index(default)] = basis["tok"].sum(axis=0)
    return Built(Transformer(basis["tok"], np.zeros((n_ctx, len(vocab))), [], unembedding=said), basis, None, 1)


def _knowing(leaves: list[Leaf], default: str, basis: Basis, window: int) -> Mlp:
    """The neurons: of those of shorter contexts than the window, each is for its length, and the others for none."""
    w_in = np.zeros((len(basis), len(leaves)))
    b_in = np.zeros(len(leaves))
    for i, (cube, _) in enumerate(leaves):
        read = [(len(cube) - 1 - at, token) for at, token in enumerate(cube) if token]
        for back, token in read:
            w_in[:, i] += basis[f"{back}_back" if back else "tok", token]
        needed = len(read)
        if len(cube) < window:
            w_in[:, i] += 2 * basis["pos", len(cube) - 1]
            needed += 2
        else:
            w_in[:, i] -= len(cube) * basis["pos"][: window - 1].sum(axis=0)
        b_in[i] = 1 - needed
    w_out = np.reshape([2 * LOUD * basis["said", answer] for _, answer in leaves], (-1, len(basis)))
    return Mlp(w_in, b_in, w_out, LOUD * basis["said", default], "relu")


def _leaves(table: Table, vocab: tuple[str, ...]) -> tuple[str, list[Leaf]]:
    """What is said where no neuron is on, and the fewest neurons for what is said otherwise."""
    found = {default: [leaf for n in table for leaf in _tree(table[n], vocab, n, default)] for default in vocab}
    default = min(vocab, key=lambda token: len(found[token]))
    return default, found[default]


def _tree(entries: Entries, vocab: tuple[str, ...], n: int, default: str) -> tuple[Leaf, ...]:
    """The decision tree of contexts of n tokens with the fewest leaves that say something else than the default."""

    @cache
    def permitted(cube: Cube) -> frozenset[str]:
        if None not in cube:
            return entries[tuple(filter(None, cube))]
        return frozenset.intersection(*(permitted(part) for part in parts(cube, cube.index(None))))

    def parts(cube: Cube, at: int) -> list[Cube]:
        return [(*cube[:at], token, *cube[at + 1 :]) for token in vocab]

    @cache
    def solved(cube: Cube) -> tuple[Leaf, ...]:
        if default in permitted(cube):
            return ()
        if permitted(cube):
            return ((cube, min(permitted(cube))),)
        splits = (parts(cube, at) for at in range(n) if cube[at] is None)
        return min((sum(map(solved, split), ()) for split in splits), key=len)

    return solved((None,) * n)
