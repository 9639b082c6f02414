"""The same verdicts by enumeration and by proof, proofs at lengths that no enumeration reaches, and comparison."""

from dataclasses import replace

import numpy as np
import pytest

import reference
import zoo
from properties import bounds, check_model, prove
from properties.comparison import compare
from properties.cycles import of_contexts, of_suffixes, walk
from properties.verdict import Verdict
from zoo import Cycle, ModelError, UnknownNameError
from zoo.models import aab, two_head


def by_check(verdicts: list[Verdict]) -> dict[str, Verdict]:
    return {verdict.check: verdict for verdict in verdicts}


@pytest.mark.parametrize("name", [name for name in zoo.names() if zoo.load(name).rule is not None])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_proof_and_enumeration_say_the_same(name: str, dtype: type) -> None:
    model = zoo.load(name)
    model = replace(model, transformer=model.transformer.astype(dtype))
    names = [
        check
        for check in ("rule", "predictors", "deviations", "margin", "float32")
        if check in by_check(check_model(model))
    ]
    proved, run = (by_check(check_model(model, method, names)) for method in ("prove", "enumerate"))
    for check in names:
        assert proved[check].status == run[check].status
        assert proved[check].contexts == run[check].contexts
    assert proved["rule"].method == "proved"
    assert run["rule"].method == "enumerated"
    assert proved["rule"].margin is not None
    assert run["rule"].margin is not None
    assert run["rule"].margin * (1 - 1e-3) < proved["rule"].margin <= run["rule"].margin


@pytest.mark.parametrize("name", ["ab", "aab", "aab_compact", "two_head_either"])
def test_a_member_that_nobody_can_enumerate(name: str) -> None:
    verdicts = by_check(check_model(zoo.load(name, n_ctx=32)))
    assert {verdict.status for verdict in verdicts.values()} == {"holds"}
    for check in {"rule", "predictors", "margin", "float32", "cycle"} & set(verdicts):
        assert verdicts[check].method == "proved"
        assert verdicts[check].contexts == 2**33 - 2


def test_one_wrong_context_of_many() -> None:
    """It is found, though it is one of 2^41."""
    odd = "ba" * 20

    def predictor(context: str) -> str:
        return "b" if context == odd else reference.aab_assembly(context)

    verdict = by_check(check_model(replace(aab.build(n_ctx=40), predictors=[predictor])))["predictors"]
    assert (verdict.status, verdict.method) == ("failed", "proved")
    assert verdict.counterexample is not None
    assert verdict.counterexample.context == odd


def test_a_rule_that_fails_before_anything_is_proved() -> None:
    model = replace(zoo.load("aab", n_ctx=64), rule=lambda context: {"a"})
    [verdict] = check_model(model, method="prove", names=["rule"])
    assert (verdict.status, verdict.method) == ("failed", "proved")
    assert verdict.counterexample is not None
    assert verdict.counterexample.context == "a"


def test_what_is_too_large_to_prove_is_sampled_and_undecided(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("aab", "induction"):
        model = zoo.load(name, n_ctx=24)
        needed = bounds.numbers(model.transformer, 24)
        for most, status in ((needed, "holds"), (needed - 1, "undecided")):
            monkeypatch.setattr(bounds, "MOST", most)
            [verdict] = check_model(model, method="auto", names=["rule"])
            assert verdict.status == status, (name, most)


def test_all_fourteen_contexts_of_the_wrong_reading() -> None:
    wrong = replace(two_head.MODEL, rule=reference.aab_or_third_previous)
    verdict = prove(replace(wrong, deviations=()))
    assert verdict.status == "failed"
    assert verdict.counterexample is not None
    assert len(verdict.counterexample.context) == 4  # baaa and bbaa are the shortest
    assert by_check(check_model(two_head.MODEL, "prove"))["deviations"].status == "deviates"


def test_an_unknown_method() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'prove'"):
        check_model(aab.MODEL, "proof")


def test_comparison() -> None:
    either = zoo.load("two_head_either")
    verdict = compare(two_head.MODEL, either, "either", every=True)
    assert verdict.status == "failed"
    assert verdict.failures == two_head.EITHER_FAILS
    assert verdict.counterexample is not None
    assert (verdict.counterexample.context, verdict.counterexample.predicted) == ("baaa", "a")
    assert compare(aab.MODEL, zoo.load("aab_compact"), "compact").status == "holds"
    far = compare(aab.build(n_ctx=40), zoo.load("aab_compact", n_ctx=40), "compact")
    assert (far.status, far.method, far.contexts) == ("holds", "proved", 2**41 - 2)
    with pytest.raises(ModelError, match="the same order"):
        compare(aab.MODEL, zoo.load("induction"), "induction")


@pytest.mark.parametrize("n_ctx", [3, 5, 8])
def test_the_walk_over_suffixes_is_that_over_contexts(n_ctx: int) -> None:
    model = aab.build(n_ctx)
    found = of_suffixes(reference.aab_assembly, model)
    assert found is not None
    window, following = found
    assert window == 2
    whole = walk(of_contexts(model), [0, 0, 1], n_ctx)
    assert walk(following, [0, 0, 1], window).steps + n_ctx - window == whole.steps


def test_a_cycle_that_is_stated_wrong_where_only_proof_reaches() -> None:
    far = aab.build(n_ctx=32)
    for cycle in (Cycle("ab", 32), Cycle("aab", 30)):
        assert by_check(check_model(replace(far, cycle=cycle), names=["cycle"]))["cycle"].status == "failed"
