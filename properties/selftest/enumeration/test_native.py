"""Enumeration in C against numpy's and the forward pass, on random transformers; faults planted in the C are seen."""

import ctypes
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal, localcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import zoo
from properties.selftest.examples import assert_occurred, many
from properties.selftest.planted import first_failure_counts
from properties.strategies import transformers
from zoo import c_library, contexts
from zoo.enumeration import native, paths
from zoo.errors import ContextError, UnavailableError
from zoo.transformer import Attention, Mlp, Transformer, forward
from zoo.transformer.arrays import Array

try:
    c_library.find_compiler()
except UnavailableError as lacking:
    pytest.skip(str(lacking), allow_module_level=True)

DTYPES: list[Any] = [np.float16, np.float32, np.float64, np.float64]
LAYERS = [["attention"], ["attention", "gelu", "attention"], ["relu", "attention", "attention"], ["attention", "relu"]]


def keeping_rows(transformer: Transformer) -> Transformer:
    """All attentions but the last are masked."""
    last = transformer.last_attention
    layers = [
        replace(layer, causal=layer.causal or i < last) if isinstance(layer, Attention) else layer
        for i, layer in enumerate(transformer.layers)
    ]
    return replace(transformer, layers=layers)


def drawn(layers: list[str]) -> st.SearchStrategy[Transformer]:
    """Contexts of a few tokens out of many, of many out of a few; with Norms and without."""
    size: dict[str, Any] = {"max_d_model": 8, "layers": layers, "dtypes": DTYPES}
    long = transformers(max_n_ctx=6, max_vocab=2, least=(5, 2), **size)
    wide = transformers(max_n_ctx=2, max_vocab=20, least=(2, 17), **size)
    bare = transformers(max_n_ctx=4, max_vocab=3, least=(3, 3), norms=(), **size)
    return (long | wide | bare).map(keeping_rows)


DRAWN = st.sampled_from(LAYERS).flatmap(drawn)


@contextmanager
def few() -> Iterator[None]:
    """However few contexts, they are enumerated in C, and some at a time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(native, "FEWEST", 1)
        patch.setattr(native, "BLOCK", 32)
        patch.setattr(native, "TILE", 8)
        patch.setattr(native, "LONGEST", 32)
        yield


def in_c(transformer: Transformer) -> dict[int, paths.Answers]:
    with few():
        return paths.answers(transformer)


def by_numpy(transformer: Transformer) -> dict[int, paths.Answers]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(native, "FEWEST", sys.maxsize)
        return paths.answers(transformer)


def kinds(transformer: Transformer) -> set[str]:
    """What there is in a transformer that is enumerated in C."""
    layers = transformer.layers
    attentions = [layer for layer in layers if isinstance(layer, Attention)]
    found = {paths.path(transformer), str(transformer.dtype)} | {x.activation for x in layers if isinstance(x, Mlp)}
    found |= {"heads"} if any(layer.sizes["head"] > 1 for layer in attentions) else set()
    found |= {"several layers"} if len(attentions) > 1 else set()
    found |= {"unmasked"} if any(not layer.causal for layer in attentions) else set()
    found |= {"norm"} if any(layer.norm is not None for layer in layers) else set()
    return found | ({"final norm"} if transformer.final_norm is not None else set())


def check(transformer: Transformer, outcomes: Counter[str]) -> None:
    """Answers and the context of the smallest margin are numpy's; margins are within what is claimed of `forward`'s."""
    outcomes.update(kinds(transformer))
    vocab = transformer.sizes["vocab"]
    room = {n: np.empty(vocab**n, np.uint8) for n in range(1, transformer.n_ctx + 1)}
    error = dict.fromkeys(room, 0.0)
    with np.errstate(all="ignore"), few():
        for tile in paths._tiles(transformer, list(room), room):
            assert tile.ranked is not None
            rows = np.concatenate([forward(transformer, b)[:, -1] for b in contexts.of_length(vocab, tile.length)])
            best, margin = paths._ranked(rows.astype(np.float64).T.reshape(-1, *tile.shape)[(slice(None), *tile.where)])
            off, error[tile.length] = np.abs(tile.ranked.margin - margin), max(error[tile.length], tile.error)
            outcomes["settled"] += int((tile.ranked.margin > 2 * tile.error).any())
            assert not off.max() > 2 * tile.error, f"margins are off by {off.max()}, but 2 of {tile.error} is claimed"
            wrong = (tile.ranked.tokens != best) & (tile.ranked.margin > 2 * tile.error)
            assert not wrong.any(), "answers that are trusted are wrong"
        found, expected = in_c(transformer), by_numpy(transformer)
    for n, one in expected.items():
        np.testing.assert_array_equal(found[n].tokens, one.tokens, "answers differ")
        if transformer.dtype == np.float64:  # less exact programs need not agree which margin is the smallest
            close = pytest.approx(one.margin, rel=1e-8, abs=1e-8, nan_ok=True)
            assert found[n].margin == close, f"margins differ: {found[n].margin}, and by numpy {one.margin}"
            if found[n].at != one.at:  # the first that rounding cannot tell from it: 2 errors, and 4 by C
                [here] = paths._ranked(paths._run(transformer, n, np.array([found[n].at])).T).margin
                assert not here > one.margin + 6 * error[n], "the smallest margin is said to be elsewhere"


@pytest.mark.soundness
def test_what_is_enumerated_in_c_is_what_numpy_says(outcomes: Counter[str]) -> None:
    @many(64)
    @given(DRAWN)
    def each(transformer: Transformer) -> None:
        check(transformer, outcomes)

    each()
    of_parts = ("heads", "several layers", "unmasked", "norm", "final norm", "relu", "gelu", "settled")
    assert_occurred(outcomes, "sums", "prefixes", "float16", "float32", "float64", *of_parts)


# What stands in the source, what for it, and a seed with which that is seen soon.
FAULTS = {
    "a key is not seen": ("i <= at; i++) {\n                const double *v", "i < at; i++) {\n const double *v", 5),
    "the scale is lost": ("score[l] * layer->multiplier", "score[l]", 2),
    "a head reads others' values": ("j = mixed[head]; j <", "j = mixed[0]; j <", 0),
    "gelu is another": ("0.044715 *", "0.0447 *", 1),
    "relu is none": ("hidden[j][l] < 0 ? 0", "hidden[j][l] < -1 ? 0", 5),
    "eps is lost": ("variance[l] + norm->eps", "variance[l]", 2),
    "exp is off by 1e-10": ("p = p * r + 0.5;", "p = p * r + 0.5000000005;", 22),
    "contexts swap numbers": ("here = number[depth] *", "here = -number[depth] * depth % 2 + number[depth] *", 7),
    "the last is taken": ("rank->token[c] = x[c] > best ?", "rank->token[c] = x[c] >= rank->second[c] ?", 5),
    "what is close is passed over": ("close += !(margin[c] > above)", "close += margin[c] != margin[c]", 2),
    "a sum is left out": ("(f + s[c]) / (g + t[c]);\n        else", "(f + s[c]) / g;\n        else", 2),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_the_c_is_noticed(fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new, seed = FAULTS[fault]
    assert native.source().count(old) == 1
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(c_library, "OPTIONS", ("-O0", "-ffp-contract=off", "-shared", "-fPIC"))
    faulty = c_library.library(native.source().replace(old, new))
    monkeypatch.setattr(native, "_library", lambda: faulty)
    with first_failure_counts(300, seed), pytest.raises(AssertionError, match=r"is claimed|are wrong|differ|elsewhere"):
        given(DRAWN)(lambda transformer: check(transformer, Counter()))()


def test_exp_is_off_by_less_than_is_said() -> None:
    """Three u of it, from the least to the largest that it is asked for; and of what is below, nothing is left."""
    random = np.random.default_rng(0)
    ends = [0.0, -0.0, 709.0, -708.3964, *np.log(2) * (np.arange(-40, 40) + 0.5), 1e-300, -5e-324]
    x = np.concatenate([ends, random.uniform(-708.396, 0, 3000), random.uniform(-1, 1, 3000)])
    found = exponentials(x)
    with localcontext(prec=40):
        off = [abs(Decimal(y) / Decimal(a).exp() - 1) for a, y in zip(x.tolist(), found.tolist())]
    assert Decimal("0.5") < max(off) * 2**53 < 3
    assert (exponentials(np.array([0.0, -0.0])) == 1).all()
    assert not exponentials(np.array([-708.3966, -1e4, -np.inf])).any()
    assert np.isnan(exponentials(np.array([np.nan]))).all()


def exponentials(x: Array) -> Array:
    library, result = native._library(), x.copy()
    assert library is not None
    library.exponentials(ctypes.c_void_p(result.ctypes.data), ctypes.c_int64(len(x)))
    return result


def test_a_context_near_a_tie_is_run_on_forward() -> None:
    transformer = zoo.load("induction", n_ctx=4).transformer
    same = replace(transformer, unembedding=np.ones_like(transformer.token_embedding))
    found = in_c(same)
    assert [len(one.doubtful) for one in found.values()] == [3, 9, 27, 81]
    assert all(not one.tokens.any() for one in found.values())


def test_contexts_that_are_given_are_bounded_and_checked_as_all_are(monkeypatch: pytest.MonkeyPatch) -> None:
    transformer = zoo.load("induction", n_ctx=4).transformer
    walk, [tokens] = native.Walk(transformer, 4), contexts.of_length(3, 4)
    *_, last = walk.tiles({n: np.empty(3**n, np.uint8) for n in range(1, 5)})
    logits, error = native.Walk(transformer, 4).logits(tokens)
    assert error == walk.errors[3][0] == last[3] > walk.errors[0][0]
    assert np.abs(logits - forward(transformer, tokens)[:, -1]).max() < error
    monkeypatch.setattr(native.Walk, "logits", lambda *_: pytest.fail("C is given tokens that are none"))
    with pytest.raises(ContextError, match="should be"):
        paths.last_logits(transformer, tokens.repeat(paths.MANY, axis=0) + 1, 10**9)


def test_of_some_lengths_there_is_what_is_of_all() -> None:
    """The C meets the shorter contexts on its way, too."""
    transformer = zoo.load("induction", n_ctx=4).transformer
    every = in_c(transformer)
    with few():
        some = paths.answers(transformer, [2, 4])
    assert [*some] == [2, 4]
    for length, one in some.items():
        np.testing.assert_array_equal(one.tokens, every[length].tokens)
        assert (one.margin, one.at) == (every[length].margin, every[length].at)


@pytest.mark.parametrize("name", ["aab", "induction"])
def test_what_c_does_not_take_is_left_to_numpy(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "_library", lambda: pytest.fail("no library is wanted"))
    transformer = zoo.load(name, 4).transformer
    value = replace(transformer, unembedding=transformer.readout[:1])
    assert {one.margin for one in in_c(value).values()} == {np.inf}
    assert len(paths.answers(transformer)) == 4


def test_that_there_is_no_library_is_said_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing(*_: object) -> None:
        raise UnavailableError("no compiler")

    monkeypatch.setattr(native, "library", missing)
    native._library.cache_clear()
    assert native._library() is native._library() is None
    native._library.cache_clear()
    said = "zoo: every context is enumerated by numpy, which takes longer: no compiler\n"
    assert capsys.readouterr().err == said
