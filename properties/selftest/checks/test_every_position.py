"""Models that answer at every position: planted faults are found with their position, and what does not fit is said."""

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from properties import check_model
from properties.checks.table import CHECKS
from properties.checks.verdict import How
from properties.command.main import main
from properties.robustness.comparison import compare
from properties.selftest.checks.planting import Altered, edited
from properties.selftest.models import aab, reverse, share
from zoo import NUMBER, Attention, Cycle, FileError, Model, ModelError, RuleError, ZooError, files
from zoo.distill.checked_program import write
from zoo.transformer.arrays import Array

NUMBERS_OR_NONE = "a finite number that float64 has or None"
SHARE = replace(share.MODEL, within=1e-6, margin=0.999e-6)  # which is what float64 bears
METHODS: list[Any] = ["enumerate", "prove"]


class OffAtOne(Altered):
    """What it says at the third of four tokens, and there alone, is off by a little in one context."""

    def forward(self, tokens: Array, last: bool = False) -> Array:
        logits = super().forward(tokens, last)
        if tokens.shape[1] == 4 and not last:
            logits[(tokens == [0, 1, 1, 0]).all(axis=1), 2] += 1e-5
        return logits


def found(model: Model, method: Any = "auto", check: str = "rule") -> tuple[str, int | None, str]:
    [verdict] = check_model(model, method, [check])
    assert verdict.status == "failed", verdict
    assert verdict.counterexample is not None
    assert isinstance(verdict.counterexample.context, str)
    return verdict.counterexample.context, verdict.counterexample.at, verdict.counterexample.predicted


@pytest.mark.parametrize("model", [reverse.MODEL, SHARE], ids=lambda model: model.name)
@pytest.mark.parametrize("method", METHODS)
def test_nothing_is_wrong_with_these(model: Model, method: Any) -> None:
    assert all(verdict.status == "holds" for verdict in check_model(model, "auto"))
    assert [verdict.method[:5] for verdict in check_model(model, method, ["rule"])] == [method[:5]]


@pytest.mark.parametrize("method", METHODS)
def test_a_fault_at_one_position_is_found_there(method: Any) -> None:
    asks = edited(edited(reverse.MODEL, "w_q", (0, 4, 1), 0), "w_q", (0, 4, 2), 32)  # the fifth for the third
    context, at, says = found(asks, method)
    assert (at, says) == (4, context[2])
    assert context[2] != context[1]
    late = edited(SHARE, "position_embedding", (5, 1), 2e-6)
    assert found(late, method) == ("aaaaaa", 5, "1.000002")


def test_a_fault_in_one_context_at_one_position_is_found() -> None:
    model = OffAtOne.of(SHARE)
    assert found(model)[:2] == ("abba", 2)
    [verdict] = check_model(model, names=["rule"])
    assert verdict.failures == ("abba",)
    assert "in abba, at token 3 of 4, it says 0.333343, permitted is 0.333332 to 0.333334" in verdict.message()


def test_a_rule_that_is_wrong_at_one_position_is_found_there() -> None:
    def wrong(context: Any, at: int) -> float:
        off = at == 3 and len(context) == 5 and context[0] == "b" and context[4] == "b"
        return SHARE.rule(context, at) + off * 1e-3 if SHARE.rule else 0

    for method in METHODS:
        assert found(replace(SHARE, rule=wrong), method)[:2] == ("baaab", 3)


def test_a_context_that_is_wrong_at_several_positions_is_counted_once() -> None:
    def wrong(context: Any, at: int) -> set[str]:
        return {"a"} if at in (1, 2) else {context[5 - at]}

    for method in METHODS:
        verdict = CHECKS["rule"].run(replace(reverse.MODEL, rule=wrong), How(method, every=True))
        assert verdict.detail == "wrong in 48 of 64 contexts"
        assert (len(verdict.failures), verdict.contexts) == (48, 64)
        assert verdict.counterexample is not None
        assert (verdict.counterexample.context, verdict.counterexample.at) == ("aaaaba", 1)


def ahead(context: Any, at: int) -> Any:
    """What no model under a mask can say: whether an a comes next."""
    return None if at + 1 == len(context) else float(context[at + 1] == "a")


@pytest.mark.parametrize("layers", [1, 2])
def test_a_rule_that_reads_what_comes_later_is_asked_all_the_same(layers: int) -> None:
    """Under masks, and where another layer has none: what is seen may be known where what comes later is not."""
    none = np.zeros((1, 2, 1))
    idle = [Attention(none, none, none, np.zeros((1, 1, 2)), causal=causal) for causal in (True, False)]
    small = share.build(4)
    for added in ([[]], [[idle[0]], [idle[1]]])[layers - 1]:
        transformer = replace(small.transformer, layers=[*small.transformer.layers, *added])
        model = replace(small, transformer=transformer, rule=ahead)
        every = [CHECKS["rule"].run(model, How(method, every=True)) for method in METHODS]
        assert {verdict.status for verdict in every} == {"failed"}
        assert every[0].failures == every[1].failures
        assert len(every[0].failures) > 20


def test_what_reproduces_it_runs_as_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    strict = replace(SHARE, within=1e-8)
    verdict = CHECKS["float32"].run(strict)
    assert verdict.status == "failed"
    assert verdict.counterexample is not None
    line = verdict.message().partition("reproduce: ")[2]
    assert line == f"model.astype('float32').logits({verdict.counterexample.context!r})[{verdict.counterexample.at}]"
    assert eval(line, {"model": strict}).tolist() == list(verdict.counterexample.logits)
    text = Path(share.__file__).read_text().replace("np.zeros((n_ctx, 2))", "np.zeros((n_ctx, 2)) + 0.01")
    (tmp_path / "off.py").write_text(text)
    assert main(["verify", str(tmp_path / "off.py"), "--check", "rule", "--json"]) == 1
    [shown] = [one["counterexample"] for one in json.loads(capsys.readouterr().out)["models"][0]["verdicts"]]
    assert (shown["context"], shown["at"]) == ("a", 0)
    assert main(["verify", str(tmp_path / "off.py"), "--check", "rule"]) == 1
    printed = capsys.readouterr().out.partition("reproduce: zoo ")[2].splitlines()[0]
    assert main(printed.split()) == 0
    assert "after a: 1.02 (the rule permits 1.0)\n" in capsys.readouterr().out


def test_two_models_that_answer_at_every_position_are_compared() -> None:
    same = edited(SHARE, "w_q", (0, 0, 0), 3)  # nothing is asked for, however loud
    assert compare(SHARE, same, "same").status == "holds"
    other = edited(reverse.MODEL, "w_q", (0, 2, 3), -99)
    verdict = compare(reverse.MODEL, other, "other")
    assert verdict.status == "failed"
    assert verdict.counterexample is not None
    assert verdict.counterexample.at == 2
    for one, two in ((reverse.MODEL, SHARE), (aab.build(6), reverse.MODEL), (SHARE, aab.build(8))):
        with pytest.raises(ModelError, match="but they should have the same"):
            compare(one, two, "other")
    with pytest.raises(ModelError, match=r"has within 1e-06 and other 0\.5, but they should have the same"):
        compare(SHARE, replace(SHARE, within=0.5), "other")


@pytest.mark.parametrize("model", [reverse.MODEL, SHARE], ids=lambda model: model.name)
def test_what_takes_a_next_token_refuses(model: Model, tmp_path: Path) -> None:
    assert model.rule is not None
    for run, to in (
        (lambda: model.complete("aaaaaa", 1), "complete a context"),
        (lambda: write(model, "python"), "be distilled"),
        (lambda: files.write_gpt2(model, tmp_path / "x"), "be written as GPT-2"),
    ):
        with pytest.raises(ZooError) as raised:
            run()
        assert f"{model.name} answers at every position with" in str(raised.value)
        assert str(raised.value).endswith(f"but should after the last one with tokens to {to}")
    assert not list(tmp_path.iterdir())


CASES: dict[str, tuple[dict[str, Any], str]] = {
    "answers": ({"answers": "some"}, "answers is 'some', but should be 'last' or 'every'"),
    "no text": ({"answers": None}, "answers is None, but should be 'last' or 'every'"),
    "too few": ({"outputs": "x"}, "the unembedding has 2 rows, but should have 1, one an output"),
    "twice": ({"outputs": "xx"}, "token 'x' is in outputs twice, but should be there once"),
    "no names": ({"outputs": [1, 2]}, "1 in outputs should be a string that is not empty"),
    "no list": ({"outputs": 2}, "outputs is 2, but should be a sequence of tokens"),
    "a number": ({"outputs": NUMBER, "within": 1}, "the unembedding has 2 rows, but should have 1, one for a number"),
    "within": ({"within": 0.1}, "within is 0.1, but should be None, as the answer is no number"),
    "a cycle": ({"cycle": Cycle("a", 1)}, "a cycle is stated, but should not be of what does not complete its context"),
}
WITHIN = [None, 0, -1, float("nan"), float("inf"), True, 10**400, "1", [1]]


@pytest.mark.parametrize("case", CASES)
def test_a_model_whose_answers_do_not_fit_is_refused(case: str) -> None:
    more, sentence = CASES[case]
    with pytest.raises(ModelError) as raised:
        replace(reverse.MODEL, **more)
    assert sentence in str(raised.value)


@pytest.mark.parametrize("within", WITHIN)
def test_a_number_may_be_off_by_a_number_above_zero(within: Any) -> None:
    with pytest.raises(ModelError, match=r"within is .* but should be a number above 0, as the answer is one"):
        replace(SHARE, within=within)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("model", "answer", "should"),
    [
        (reverse.MODEL, {"c"}, "permits 'c' after"),
        (reverse.MODEL, "a", "a set of tokens"),
        (reverse.MODEL, 1.0, "a set of tokens"),
        (SHARE, "a", NUMBERS_OR_NONE),
        (SHARE, {"a"}, NUMBERS_OR_NONE),
        (SHARE, {1.0}, NUMBERS_OR_NONE),
        (SHARE, float("nan"), NUMBERS_OR_NONE),
        (SHARE, float("inf"), NUMBERS_OR_NONE),
        (SHARE, True, NUMBERS_OR_NONE),
        (SHARE, 1j, NUMBERS_OR_NONE),
        (SHARE, 10**400, NUMBERS_OR_NONE),
        (SHARE, 2**53 + 1, NUMBERS_OR_NONE),  # which is rounded to another number
        (SHARE, Fraction(1, 3), NUMBERS_OR_NONE),
        (SHARE, np.complex128(0.5 + 9j), NUMBERS_OR_NONE),
        (SHARE, np.bool_(True), NUMBERS_OR_NONE),
        (SHARE, bytearray(b"0.5"), NUMBERS_OR_NONE),
    ],
)
def test_what_a_rule_may_not_say_is_said(model: Model, answer: Any, should: str, method: Any) -> None:
    """At one position of one length only, too."""
    assert model.rule is not None
    right = model.rule

    def rule(context: Any, at: int) -> Any:
        return answer if at == 2 and len(context) == 6 else right(context, at)

    with pytest.raises(RuleError) as raised:
        check_model(replace(model, rule=rule), method, ["rule"])
    assert "\n" not in str(raised.value)
    assert "but should" in str(raised.value)
    assert should in str(raised.value) or "permits" in should


@pytest.mark.parametrize("model", [reverse.MODEL, SHARE], ids=lambda model: model.name)
def test_written_and_read_back(model: Model, tmp_path: Path) -> None:
    files.write_zoo(model, tmp_path / "x")
    read = files.read(tmp_path / "x")
    for name in ("answers", "outputs", "within", "vocab", "margin"):
        assert getattr(read, name) == getattr(model, name), name
    assert compare(model, read, "read").status == "holds"
    config = json.loads((tmp_path / "x/config.json").read_text())
    wrong: list[dict[str, Any]] = [
        {"answers": "some"},
        {"answers": 3},
        {"outputs": "numbers"},
        {"outputs": ["x"], "within": None, "answers": "last"} | {"outputs": [1, 2]},
        {"outputs": "number", "within": None},
        {"outputs": None, "within": 0.5},
        {"within": "1"},
        {"within": -1.0, "outputs": "number"},
    ]
    for change in wrong:
        (tmp_path / "x/config.json").write_text(json.dumps(config | change))
        with pytest.raises(FileError) as raised:
            files.read(tmp_path / "x")
        assert "should" in str(raised.value)
        assert "\n" not in str(raised.value)
    (tmp_path / "x/config.json").write_text(json.dumps(config | {"within": float("nan")}))
    with pytest.raises(FileError, match="no number of JSON"):
        files.read(tmp_path / "x")


def test_a_margin_that_is_stated_is_held_at_every_position() -> None:
    """And it counts contexts, where the proof counts answers."""
    [verdict] = check_model(reverse.build(64), names=["margin"])
    assert (verdict.status, verdict.method, verdict.contexts) == ("holds", "proved", 2**64)
    [verdict] = check_model(replace(SHARE, margin=1e-6), names=["margin"])
    assert verdict.status == "failed"
    assert np.isclose(verdict.margin or 0, 1e-6)
