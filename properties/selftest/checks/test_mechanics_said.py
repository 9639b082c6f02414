"""What the comparisons of programs count and say, where two differ and where their rounding is not known."""

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

import numpy as np
import pytest

from properties.checks import mechanics, settle
from properties.checks.table import CHECKS
from properties.checks.verdict import How
from properties.selftest.checks.planting import Altered, Uncut
from properties.selftest.models import aab, ab
from zoo import Domain, Model
from zoo.contexts import Context
from zoo.cost.operations import flops
from zoo.inspection.attribution import shares, sizes
from zoo.transformer import Attention, Mlp
from zoo.transformer.arrays import Array

EVERY = How("enumerate")
OFF = 0.25
By = Callable[[Array], Any]  # of tokens [batch, seq], what is added to their logits [batch, seq]


def added_to(model: Model, by: By) -> Model:
    class Added(Altered):
        def forward(self, tokens: Array, last: bool = False) -> Array:
            logits: Array = super().forward(tokens, last)
            more: Array = np.broadcast_to(by(np.asarray(tokens)), np.shape(tokens))[..., None]
            return logits + (more[:, -1:] if last else more)

    return Added.of(model)


def at_a_first_b(tokens: Array) -> Any:
    """At one token of half of the contexts of each length: of 31 of the 62 that have up to five tokens."""
    return OFF * (tokens == 1) * (np.arange(tokens.shape[1]) == 0)


def behind_a_first_b(tokens: Array) -> Any:
    return OFF * (tokens[:, :1] == 1)


DIFFERING: dict[
    str, tuple[By, int, str, int]
] = {  # how they differ; in how many of 62 contexts; the first, and how many are seen by then
    "scalar": (lambda tokens: at_a_first_b(tokens) * (tokens.shape[1] > 1), 30, "ba", 5),
    "batched": (lambda tokens: at_a_first_b(tokens) * (len(tokens) > 1), 31, "b", 2),
    "causal": (lambda tokens: at_a_first_b(tokens) * tokens.shape[1], 30, "ba", 6),
    "heads": (behind_a_first_b, 31, "b", 2),
}


def rounding(monkeypatch: pytest.MonkeyPatch, most: float, only: Any = None, others: float = 0, ulp: float = 0) -> None:
    """What rounding explains is said to be so much; where `only` a dtype is meant, so much of others."""

    class Said:
        def __init__(self, transformer: Any) -> None:
            self.ulp = ulp
            self.most = most if only is None or transformer.dtype == only else others

        def of_trace(self, trace: Any) -> float:
            return self.most

    monkeypatch.setattr(mechanics, "Rounding", Said)


@pytest.mark.parametrize("check", DIFFERING)
def test_where_rounding_is_not_known_what_differs_is_counted(check: str, monkeypatch: pytest.MonkeyPatch) -> None:
    by, number, *_ = DIFFERING[check]
    rounding(monkeypatch, math.inf)
    found = CHECKS[check].run(added_to(aab.MODEL, by), EVERY)
    assert (found.status, found.contexts) == ("undecided", 62)
    assert found.detail == f"logits differ in {number} contexts whose numbers are too large for a bound on rounding"
    found = CHECKS[check].run(aab.MODEL, EVERY)  # of what is the same, nothing need be known
    assert (found.status, found.contexts) == ("holds", 62)
    assert found.detail == ("largest difference 0" if check == "scalar" else "")


@pytest.mark.parametrize("check", DIFFERING)
def test_what_rounding_explains_is_no_difference(check: str, monkeypatch: pytest.MonkeyPatch) -> None:
    by, *_ = DIFFERING[check]
    for most in (OFF, 2 * OFF):
        rounding(monkeypatch, most)
        found = CHECKS[check].run(added_to(aab.MODEL, by), EVERY)
        assert (found.status, found.contexts) == ("holds", 62)
        assert found.detail == ("largest difference 0.25" if check == "scalar" else "")


@pytest.mark.parametrize("check", DIFFERING)
def test_the_first_that_differs_is_shown(check: str, monkeypatch: pytest.MonkeyPatch) -> None:
    by, _, first, seen = DIFFERING[check]
    rounding(monkeypatch, OFF / 2)
    found = CHECKS[check].run(added_to(aab.MODEL, by), EVERY)
    assert (found.status, found.contexts) == ("failed", seen)
    if check == "causal":
        assert found.detail == f"in {first} an earlier position changes with what comes later"
    else:
        assert found.counterexample is not None
        assert found.counterexample.context == first
        assert ", 0.25 apart where rounding explains 0.125" in found.detail


@pytest.mark.parametrize("check", ["scalar", "batched"])
@pytest.mark.parametrize(("at", "said"), [(0, " (at token 1 of 3)"), (1, " (at token 2 of 3)"), (2, "")])
def test_at_which_token_they_differ(check: str, at: int, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first, where the later ones do too."""
    rounding(monkeypatch, 0.0)

    def by(tokens: Array) -> Any:
        if tokens.shape[1] != 3 or len(tokens) == 1:
            return np.zeros((1, 1))
        return OFF * ((tokens == [1, 0, 1]).all(axis=1)[:, None] & (np.arange(3) >= at))

    found = CHECKS[check].run(added_to(aab.MODEL, by), EVERY)
    assert found.contexts == 2 + 4 + 6  # bab is the sixth of three tokens
    assert found.detail.endswith(f"0.25 apart where rounding explains 0{said}")
    assert found.counterexample is not None
    assert found.counterexample.context == "bab"


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
@pytest.mark.parametrize("unknown", [np.float64, np.float32])
def test_where_float32_is_not_known_it_is_decided_in_float64(
    dtype: type, unknown: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = added_to(aab.MODEL, behind_a_first_b).astype(dtype)
    rounding(monkeypatch, math.inf, unknown)
    found = CHECKS["heads"].run(model, EVERY)
    wide = np.float64 if dtype == np.float64 else np.float32  # half precision is looked at in single
    decided = unknown != wide or wide == np.float32
    assert found.status == ("failed" if decided else "undecided")
    assert found.detail.startswith("in float64: ") == (unknown == wide == np.float32)
    if unknown == wide == np.float32:
        alike = CHECKS["heads"].run(aab.MODEL.astype(dtype), EVERY)
        assert (alike.status, alike.detail) == ("holds", "")
        rounding(monkeypatch, math.inf, np.float32, OFF)
        found = CHECKS["heads"].run(model, EVERY)
        assert (found.status, found.detail) == ("holds", "in float64")


def test_one_token_that_would_take_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    least = flops(ab.MODEL.transformer, 1) * mechanics.SCALAR_COST
    monkeypatch.setattr(mechanics, "MOST", least)
    assert CHECKS["scalar"].run(ab.MODEL, EVERY).status == "holds"
    monkeypatch.setattr(mechanics, "MOST", least - 1)
    found = CHECKS["scalar"].run(ab.MODEL, EVERY)
    assert (found.status, found.contexts) == ("undecided", 0)
    assert found.detail == f"one token alone would take as long as {least:.2g} operations"


class Remembering(Model):
    """Sees whether more than so many tokens stand before its window."""

    most = 0

    def logits(self, context: Context, anyway: bool = False) -> Any:
        return super().logits(context, anyway) + (len(context) - self.n_ctx > self.most)


@pytest.mark.parametrize("vocab", ["ab", "abcdefghijklmnopqrst"])
def test_windows_are_tried_behind_other_windows(vocab: str) -> None:
    """Behind each of the last fifteen tokens, and behind as many windows as there are tokens, up to four."""
    random = np.random.default_rng(0)
    transformer = replace(ab.build(2).transformer, token_embedding=random.normal(size=(len(vocab), 2)))
    transformer = replace(transformer, unembedding=random.normal(size=(len(vocab), 2)))
    model = Remembering("remembering", vocab, transformer)
    longest = 2 * min(len(vocab), 4)
    model.__class__.most = longest
    found = CHECKS["window"].run(model)
    assert (found.status, found.total) == ("holds", len(vocab) ** 2)
    assert found.detail == f"each behind {min(len(vocab), 15) + 1} other beginnings"
    model.__class__.most = longest - 1
    found = CHECKS["window"].run(model)
    assert (found.status, found.contexts) == ("failed", 1)
    assert found.total == len(vocab) ** 2
    assert found.detail.endswith(" and its last 2 tokens give different logits")


def test_how_many_windows_are_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the others it is only seen that they are cut as they should be."""
    each = flops(ab.MODEL.transformer, 5)
    for runs, said in ((32, ""), (31, "; 31 run"), (0, "; 0 run")):
        monkeypatch.setattr(settle, "SAMPLE", runs * each)
        found = CHECKS["window"].run(ab.MODEL)
        assert (found.method, found.contexts) == ("enumerated", 32)
        assert found.detail == f"each behind 3 other beginnings{said}"
    assert CHECKS["window"].run(Uncut.of(ab.MODEL)).status == "failed"  # none of which is run


class Counting(Altered):
    """How often it was run."""

    runs: ClassVar[Counter[str]] = Counter()

    def logits(self, context: Context, anyway: bool = False) -> Any:
        self.runs[self.name] += 1
        return super().logits(context, anyway)


def test_no_more_windows_are_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settle, "SAMPLE", 3 * flops(ab.MODEL.transformer, 5))
    Counting.runs.clear()
    CHECKS["window"].run(Counting.of(ab.MODEL))
    assert Counting.runs.total() == 3 * (1 + 3)  # alone, and behind each beginning


class NoNumbers(Altered):
    def logits(self, context: Context, anyway: bool = False) -> Any:
        return super().logits(context, anyway) * math.nan


def test_a_window_without_numbers_is_the_same_behind_others() -> None:
    assert CHECKS["window"].run(NoNumbers.of(ab.MODEL)).status == "holds"


@pytest.mark.parametrize(("n_ctx", "method", "number"), [(8, "enumerated", 256), (9, "sampled", 256)])
def test_every_window_is_tried_where_they_are_few(n_ctx: int, method: str, number: int) -> None:
    found = CHECKS["window"].run(ab.build(n_ctx))
    assert (found.status, found.method, found.contexts, found.total) == ("holds", method, number, 2**n_ctx)


def once(off: float, tokens: Array) -> Any:
    return off * (tokens == 1) * (tokens.shape[1] == 1)


def test_rounding_of_parts_that_cancel(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twice as many roundings of the largest part as the stream is wide, one for each part, and sixteen."""
    trace = mechanics._trace(aab.MODEL, np.array([[0], [1]]))
    parts = len(list(shares(aab.MODEL.transformer, trace)))
    largest = float(sizes(aab.MODEL.transformer, trace).max())
    assert largest > float(sizes(aab.MODEL.transformer, trace).min()) > 0
    rounding(monkeypatch, OFF, ulp=2.0**-20)
    most = OFF + (2 * aab.MODEL.transformer.d_model + parts + 16) * 2.0**-20 * largest
    for off, status in ((most, "holds"), (most * (1 + 2.0**-20), "failed")):
        only_b = added_to(aab.MODEL, partial(once, off))
        assert CHECKS["heads"].run(only_b, EVERY).status == status


def test_differences_of_what_is_no_number() -> None:
    inf, nan = math.inf, math.nan
    x = np.array([[[1.0, 2, 3], [inf, nan, -inf]], [[inf, 0, 0], [nan, 0, 0]]])
    y = np.array([[[1.5, 2, 5], [inf, nan, -inf]], [[-inf, 0, 0], [1, 0, 0]]])
    with np.errstate(all="ignore"):
        found = mechanics._difference(x, y)
    assert found.tolist()[0] == [2, 0]
    assert found[1, 0] == inf
    assert math.isnan(found[1, 1])
    assert mechanics._differ(found, 3.0).tolist() == [[False, False], [True, True]]  # NaN is no small difference
    assert not mechanics._differ(found, inf).any()


def test_only_half_precision_is_looked_at_in_single() -> None:
    single = ab.MODEL.astype(np.float32)
    assert mechanics.wide(ab.MODEL) is ab.MODEL
    assert mechanics.wide(single) is single
    assert mechanics.wide(ab.MODEL.astype(np.float16)).transformer.dtype == np.float32


def test_to_what_the_comparisons_apply() -> None:
    [attention], width = aab.MODEL.transformer.layers, aab.MODEL.transformer.d_model
    assert isinstance(attention, Attention)
    seeing = replace(attention, causal=False)
    mlp = Mlp(np.ones((width, 1)), np.zeros(1), np.ones((1, width)), np.zeros(width), "relu")
    tried: list[tuple[list[Attention | Mlp], set[str]]] = [
        ([], set()),
        ([mlp], set()),
        ([attention], {"causal", "heads"}),
        ([mlp, attention], {"causal", "heads"}),
        ([seeing], {"heads"}),
        ([attention, seeing], {"heads"}),
    ]
    for layers, applying in tried:
        model = Model("any", "ab", replace(aab.MODEL.transformer, layers=layers))
        assert {check for check in ("causal", "heads") if CHECKS[check].to(model)} == applying
    assert CHECKS["window"].to(ab.MODEL)
    assert not CHECKS["window"].to(replace(ab.MODEL, domain=Domain.layout("ab"), cycle=None))


def test_of_long_windows_fewer_are_tried() -> None:
    assert CHECKS["window"].run(ab.build(2**12)).contexts == 2**17 // 2**12
