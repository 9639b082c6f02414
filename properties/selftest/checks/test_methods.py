"""The same verdicts by enumeration and by proof, proofs at lengths that no enumeration reaches, and comparison."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import reference
import zoo
from properties import check_model, prove
from properties.checks import answers, settle
from properties.checks.cycles import of_contexts, of_suffixes, walk
from properties.checks.table import checks
from properties.checks.verdict import Verdict
from properties.command.main import main
from properties.proof import reach
from properties.proof.certificate import certify
from properties.robustness.comparison import compare
from properties.robustness.tolerance import certified
from properties.selftest.clock import ticking
from properties.selftest.models import NAMES, aab, two_head
from zoo import Cycle, Model, ModelError, RuleError, Transformer, UnknownNameError


def by_check(verdicts: list[Verdict]) -> dict[str, Verdict]:
    return {verdict.check: verdict for verdict in verdicts}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_proof_and_enumeration_say_the_same(name: str, dtype: type) -> None:
    model = zoo.load(name)
    model = replace(model, transformer=model.transformer.astype(dtype))
    wanted = "rule", "predictors", "deviations", "margin", "float32"
    names = [name for name, _ in checks(model) if name in wanted]
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
        needed = reach.numbers(model.transformer)
        for most, status in ((needed, "holds"), (needed - 1, "undecided")):
            monkeypatch.setattr(reach, "MOST", most)
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


def two_permitted(gap: float, n_ctx: int) -> Model:
    """a and b are both right, and gap apart; c is far behind."""
    unembedding = np.array([[1.0], [1 - gap], [-8]])
    transformer = Transformer(np.ones((3, 1)), np.zeros((n_ctx, 1)), [], unembedding=unembedding)
    return Model("two_permitted", "abc", transformer, lambda context: {"a", "b"}, margin=5)


@pytest.mark.parametrize("n_ctx", [4, 40])
def test_where_two_tokens_are_permitted_their_distance_is_no_margin(
    n_ctx: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticking(monkeypatch)
    monkeypatch.setattr(answers, "TRY_SECONDS", 0.3)
    verdicts = by_check(check_model(two_permitted(1e-9, n_ctx), "auto" if n_ctx > 8 else "prove"))
    assert verdicts["rule"].status == "holds"
    assert verdicts["rule"].method == "proved"
    assert verdicts["margin"].status == "holds"
    assert verdicts["float32"].status == "holds"


def test_float32_is_settled_where_the_rule_leaves_contexts_open() -> None:
    """By holding the two models against each other."""
    model = replace(aab.build(n_ctx=24), predictors=(), margin=None, cycle=None)
    verdict = by_check(check_model(model))["float32"]
    assert (verdict.status, verdict.method) == ("holds", "proved")
    single = replace(model, transformer=model.transformer.astype(np.float32))
    assert by_check(check_model(single, names=["float32"]))["float32"].detail == "it is float32"


def far_away(n_ctx: int, length: int, at: int) -> Model:
    """It says a, but for contexts of one length with an a at one position, where it says b."""
    d = n_ctx + 1
    position, token = np.zeros((n_ctx, d)), np.zeros((2, d))
    position[np.arange(n_ctx), np.arange(n_ctx)], token[0, -1] = 1, 1
    w_q, w_k, w_v, w_o = np.zeros((1, d, 1)), np.zeros((1, d, 1)), np.zeros((1, d, 1)), np.zeros((1, 1, d))
    w_q[0, length - 1, 0], w_k[0, at, 0], w_v[0, -1, 0], w_o[0, 0, -1] = 1, 40, 1, 1
    unembedding = np.zeros((2, d))
    unembedding[1, -1], unembedding[1, length - 1], unembedding[0, :n_ctx] = 1, 3, 3.5
    return Model(
        "far_away", "ab", Transformer(token, position, [zoo.Attention(w_q, w_k, w_v, w_o, scale=1)], None, unembedding)
    )


@pytest.mark.parametrize(("length", "at"), [(100, 3), (110, 60), (120, 118)])
def test_a_model_that_is_wrong_by_one_token_far_away_at_one_length(length: int, at: int) -> None:
    model = far_away(120, length, at)
    wrong = "b" * at + "a" + "b" * (length - at - 1)
    assert model.predict(wrong[:-1] + "a") == "b"
    verdict = prove(replace(model, rule=lambda context: {"a"}))
    assert verdict.status == "failed"
    assert verdict.counterexample is not None
    assert len(verdict.counterexample.context) == length
    assert verdict.counterexample.context[at] == "a"
    assert verdict.margin is not None
    assert verdict.margin < 0
    assert verdict.margin == verdict.counterexample.margin


def test_what_runs_out_of_time_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(settle.PROOF_SECONDS, "prove", 0)
    for check in ("rule", "deviations"):
        verdict = by_check(check_model(two_head.MODEL, "prove", [check]))[check]
        assert verdict.status == "undecided"
        assert "allowed" in verdict.detail


def test_what_nobody_can_enumerate_is_refused() -> None:
    with pytest.raises(ModelError, match=r"~2\^65 contexts of up to 64 tokens, but should have fewer"):
        check_model(aab.build(n_ctx=64), "enumerate")


@pytest.mark.parametrize("method", ["prove", "enumerate"])
def test_a_rule_is_no_predictor(method: str) -> None:
    for change in ({"rule": lambda context: "a"}, {"predictors": [lambda context: {"a"}]}):
        with pytest.raises(RuleError, match="should be" if method == "enumerate" else "should answer"):
            check_model(replace(aab.MODEL, **change), method)


def test_two_versions_of_one_model_are_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "aab", str(tmp_path / "aab"), "--format", "zoo"]) == 0
    assert main(["compare", "aab", str(tmp_path / "aab")]) == 0
    assert "same answers     all 62" in capsys.readouterr().out


def test_what_is_too_large_is_undecided_whoever_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = aab.build(n_ctx=40), zoo.load("aab_compact", n_ctx=40)
    monkeypatch.setattr(reach, "MOST", 1)
    verdict = compare(one, other, "compact")
    assert verdict.status == "undecided"
    assert "too large" in verdict.detail
    assert certified(aab.MODEL) == 0
    assert certify(aab.MODEL, reference.aab)[1] is None
