"""At the ends of the dtype, what people are told against every context: checks, comparisons, number types, programs."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from properties import check_model
from properties.checks import cycles, right
from properties.proof import judges
from properties.proof.search import prove_equal
from properties.robustness.comparison import compare
from properties.robustness.number_types import in_type, survives
from properties.selftest.examples import many
from properties.selftest.extreme_models import (
    PATHS,
    Drawn,
    assert_each_occurred,
    assert_planted_is_noticed,
    count,
    transformers,
)
from properties.selftest.extreme_rules import Executed, Function, rule_for, spoken_of
from zoo import Cycle, Deviation, Model, ModelError, Transformer
from zoo.enumeration import native, paths

SEEDS = st.integers(0, 2**32 - 1)
METHODS = ("auto", "enumerate", "prove")


@contextmanager
def cheaper_everywhere() -> Iterator[None]:
    """Running sums, and rows that are kept in C, also where there are few contexts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paths, "MANY", 1)
        patch.setattr(native, "FEWEST", 1)
        yield


def wrongs(executed: Executed, rule: Function, method: str) -> tuple[set[str], set[str]]:
    """The contexts that are wrong for sure, and those that are by one order of additions: proofs run each by itself."""
    alone, together = set(executed.wrong(rule)), set(executed.batched.wrong(rule))
    return (alone, alone) if method == "prove" else (alone & together, alone | together)


@np.errstate(all="ignore")  # what overflows shows in the answers
def check_rule(drawn: Drawn, seed: int, outcomes: Counter[str]) -> None:
    """By every method a rule that holds is followed in every context, and one that failed is not."""
    if isinstance(drawn, ModelError):
        outcomes["refused"] += 1
        return
    executed = spoken_of(drawn, seed)
    rule = rule_for(executed, seed)
    model, kinds = Model("extreme", executed.vocab, drawn, rule=rule, domain=executed.domain), set()
    for method in METHODS:
        with cheaper_everywhere():
            [verdict] = check_model(model, method, ["rule"])
        surely, maybe = wrongs(executed, rule, method)
        vacuous = not executed.judged(rule)
        kinds.add(f"{verdict.method} {verdict.status}")
        assert verdict.status != "holds" or not (surely or vacuous), f"{method}: it holds, but is wrong after {surely}"
        assert verdict.status == "holds" or maybe or vacuous, f"{method}: {verdict.message()}, but nothing is wrong"
        if verdict.counterexample is not None:
            assert verdict.counterexample.context in maybe
    count(outcomes, executed, *kinds)


@pytest.mark.soundness
def test_a_rule_that_holds_is_followed_in_every_context(outcomes: Counter[str]) -> None:
    @many(25)
    @given(PATHS, SEEDS)
    def check(drawn: Drawn, seed: int) -> None:
        check_rule(drawn, seed, outcomes)

    check()
    kinds = [f"{method} {status}" for method in ("enumerated", "proved") for status in ("holds", "failed")]
    assert_each_occurred(outcomes, *kinds)


@np.errstate(all="ignore")  # what overflows shows in the answers
def check_stated(drawn: Drawn, seed: int, outcomes: Counter[str]) -> None:
    """A margin that holds is reached in every context, and deviations are exactly the contexts that are wrong."""
    if isinstance(drawn, ModelError):
        outcomes["refused"] += 1
        return
    executed, rng = spoken_of(drawn, seed), np.random.default_rng(seed)
    rule, every = rule_for(executed, seed), list(executed.logits)
    own = rng.random() < 0.5  # answers take the rule's place
    both = executed, executed.batched
    if own:
        margins = [one.margin(c, {one.answer(c)}) for one in both for c in every]
    else:
        margins = [one.margin(*judged) for one in both for judged in one.judged(rule).items()]
    unknown = np.isnan(margins).any() or (own and (executed.nan or executed.batched.nan)) or not margins
    least = 0.0 if unknown else max(0.0, min(*margins, float(np.finfo(np.float64).max) / 2))
    digit = float(np.finfo(drawn.dtype).eps)
    margin = least * float(rng.choice([0, 0.5, 1 - digit, 1, 1 + digit, 1 + 4 * digit, 1.001, 2]))
    # One context more or less, or one in the place of another.
    changed = rng.choice(every, size=min(len(every), int(rng.choice([0, 1, 2], p=[0.6, 0.2, 0.2]))), replace=False)
    stated = set(executed.wrong(rule)) ^ set(changed.tolist())
    deviations = [Deviation(rule, sorted(stated), "as it happens")] if stated else []
    said_of: dict[str, Any] = {"deviations": deviations, "margin": margin, "domain": executed.domain}
    model, kinds = Model("extreme", executed.vocab, drawn, None if own else rule, **said_of), set()
    for method in METHODS:
        surely, maybe = wrongs(executed, rule, method)
        with cheaper_everywhere():
            said = {verdict.check: verdict.status for verdict in check_model(model, method, ["margin", "deviations"])}
        kinds |= {f"{check} {status}" for check, status in said.items()}
        assert said["margin"] != "holds" or (not unknown and margin <= min(margins)), f"{method}: {margin}, {margins}"
        if "deviations" in said:
            assert said["deviations"] != "deviates" or surely <= stated <= maybe, f"{method}: {stated}, not {surely}"
            assert said["deviations"] == "deviates" or not surely == stated == maybe, f"{method}: {stated}"
    count(outcomes, executed, *kinds)


@pytest.mark.soundness
def test_a_margin_and_deviations_are_as_stated(outcomes: Counter[str]) -> None:
    @many(36)
    @given(PATHS, SEEDS)
    def check(drawn: Drawn, seed: int) -> None:
        check_stated(drawn, seed, outcomes)

    check()
    assert_each_occurred(outcomes, "margin holds", "margin failed", "deviations deviates", "deviations failed")


def other(transformer: Transformer, seed: int) -> Drawn:
    """A transformer that answers alike, or not quite: the same, another dtype, louder, or with one number changed."""
    rng = np.random.default_rng(seed)
    kind = rng.integers(4)
    try:
        if kind == 0:
            return transformer
        if kind == 1:
            return transformer.astype(np.float32 if transformer.dtype == np.float64 else np.float64)
        changed = np.array(transformer.readout)
        if kind == 2:
            return replace(transformer, unembedding=changed * changed.dtype.type(2.0 ** rng.integers(-60, 60)))
        changed[tuple(rng.integers(size) for size in changed.shape)] *= changed.dtype.type(rng.normal())
        return replace(transformer, unembedding=changed)
    except ModelError as error:
        return error


def different(one: Executed, two: Executed, which: Callable[[Iterable[bool]], bool]) -> list[str]:
    """The contexts in which they do not give the same answer, or one gives none: alone, in a batch, `any` or `all`."""
    pairs = ((one, two), (one.batched, two.batched))
    return [c for c in one.logits if which(not a.answer(c) == b.answer(c) != "" for a, b in pairs)]


@np.errstate(all="ignore")  # what overflows shows in the answers
def check_equal(drawn: Drawn, seed: int, outcomes: Counter[str]) -> None:
    """Two models are the same only where both give an answer, and the same one, in every context."""
    second = drawn if isinstance(drawn, ModelError) else other(drawn, seed)
    if isinstance(drawn, ModelError) or isinstance(second, ModelError):
        outcomes["refused"] += 1
        return
    one = spoken_of(drawn, seed)
    two = Executed(second, one.domain)
    wrong, kinds = different(one, two, all), set()
    with cheaper_everywhere():
        proof = prove_equal(drawn, second, one.vocab, max_boxes=1000, domain=one.domain)
    kinds.add(f"proof {proof.status}")
    assert proof.status != "holds" or not wrong, f"they are proved to be equal, but differ after {wrong}"
    assert proof.status != "failed" or different(one, two, any), "they are said to differ, but do not"
    assert proof.status != "undecided", f"1000 sets of contexts do not settle {len(one.logits)}"
    with cheaper_everywhere():
        verdict = compare(Model("one", one.vocab, drawn, domain=one.domain), Model("two", two.vocab, second), "two")
    kinds.add(f"comparison {verdict.status}")
    assert verdict.status != "holds" or not wrong, f"{verdict.message()}, but they differ after {wrong}"
    assert verdict.status != "failed" or different(one, two, any), f"{verdict.message()}, but they do not differ"
    count(outcomes, one, *kinds)


@pytest.mark.soundness
def test_equal_models_answer_alike_in_every_context(outcomes: Counter[str]) -> None:
    @many(16)
    @given(transformers(), SEEDS)
    def check(drawn: Drawn, seed: int) -> None:
        check_equal(drawn, seed, outcomes)

    check()
    kinds = [f"{means} {status}" for means in ("proof", "comparison") for status in ("holds", "failed")]
    assert_each_occurred(outcomes, *kinds)


@np.errstate(all="ignore")  # what overflows shows in the answers
def check_cycle(drawn: Drawn, seed: int, outcomes: Counter[str]) -> None:
    """Generation is followed by hand from every context; where some logit is NaN it says nothing."""
    if isinstance(drawn, ModelError):
        outcomes["refused"] += 1
        return
    executed, rng, every = spoken_of(drawn, seed), np.random.default_rng(seed), Executed(drawn)
    n_ctx = drawn.n_ctx
    within = int(rng.integers(0, 2 * n_ctx + 3))

    def follow(context: str, answer: Callable[[str], str]) -> str:
        for _ in range(within):
            context = (context + answer(context))[-n_ctx:]
        return context

    state, text = "a", "a"
    for _ in range(40):
        state = (state + every.answer(state))[-n_ctx:]
        text += state[-1]
    period = next((p for p in range(1, 13) if text[-p - 12 :] == (text[-p:] * 14)[-p - 12 :]), 1)
    goal = text[-period:]
    repeated = goal * (n_ctx + 1)
    on = {repeated[i : i + n_ctx] for i in range(period)}
    model = Model("extreme", executed.vocab, drawn, cycle=Cycle(goal, within), domain=executed.domain)
    with cheaper_everywhere():
        [verdict] = check_model(model, "auto", ["cycle"])
    if verdict.status == "holds":
        assert not executed.nan, f"{verdict.message()}, but some logits are NaN"
        for program in (executed, executed.batched):
            answer = partial(within_domain, program)
            astray = [context for context in executed.logits if follow(context, answer) not in on]
            assert not astray or verdict.method != "enumerated", f"{verdict}, but from {astray} it is not on {goal}"
    count(outcomes, executed, verdict.status)


def within_domain(executed: Executed, context: str) -> str:
    """Generation that leaves the domain is nowhere."""
    return executed.answer(context) if context in executed.logits else ""


@pytest.mark.soundness
def test_a_cycle_that_holds_is_reached(outcomes: Counter[str]) -> None:
    @many(25)
    @given(transformers(), SEEDS)
    def check(drawn: Drawn, seed: int) -> None:
        check_cycle(drawn, seed, outcomes)

    check()
    assert_each_occurred(outcomes, "holds", "failed")


@np.errstate(all="ignore")  # what overflows shows in the answers
def check_types(drawn: Drawn, outcomes: Counter[str]) -> None:
    """A number type that keeps every answer gives them in every context; NaN keeps none."""
    if isinstance(drawn, ModelError):
        outcomes["refused"] += 1
        return
    executed, kinds = Executed(drawn), set()
    model = Model("extreme", executed.vocab, drawn)
    with cheaper_everywhere():
        [verdict] = check_model(model, "auto", ["float32"])
        kinds.add(f"check {verdict.status}")
        if verdict.status == "holds" and drawn.dtype == np.float64:
            assert not (wrong := different(executed, Executed(drawn.astype(np.float32)), all)), (
                f"they differ after {wrong}"
            )
        for name, keeps, said in survives(model):
            kinds.add(f"{name} {'keeps' if keeps else 'does not keep'}")
            if keeps:
                wrong = different(executed, Executed(in_type(drawn, name)), all)
                assert not wrong, f"{name} keeps {said}, but not after {wrong}"
    count(outcomes, executed, *kinds)


@pytest.mark.soundness
def test_a_number_type_that_keeps_every_answer_does(outcomes: Counter[str]) -> None:
    @many(31)
    @given(transformers(most=20))
    def check(drawn: Drawn) -> None:
        check_types(drawn, outcomes)

    check()
    types = [f"{name} keeps" for name in ("float64", "float32", "bfloat16", "float16")]
    others = [f"{name} does not keep" for name in ("float32", "bfloat16", "float16")]
    assert_each_occurred(outcomes, *types, *others, "check holds", "check failed")


@pytest.mark.parametrize(
    ("module", "check"),
    [
        (judges, check_equal),
        (right, check_equal),
        (cycles, check_cycle),
        (right, lambda drawn, seed, outcomes: check_types(drawn, outcomes)),
    ],
)
def test_nan_taken_for_an_answer_is_noticed(
    module: ModuleType, check: Callable[[Drawn, int, Counter[str]], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "greedy", lambda logits: logits.argmax(axis=-1))
    soon = 2  # a seed with which it is seen so
    assert_planted_is_noticed(check, transformers(), "differ after|are NaN|not after", soon)
