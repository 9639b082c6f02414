"""One meaning of right: margins by what is permitted, of the contexts in which something is and not everything."""

import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import zoo
from properties import check_model
from properties.checks import right
from properties.checks.right import allowed, judged, margins
from properties.proof.certificate import certify
from properties.proof.counterexample import margin_of
from properties.robustness import tolerance
from properties.robustness.mutants import stories
from properties.robustness.number_types import survives
from properties.selftest.extreme_rules import less
from zoo import Domain, Lemma, Model, ModelError, Transformer
from zoo.errors import FailingError
from zoo.transformer.arrays import Array

NAN, INF = np.nan, np.inf


@pytest.mark.parametrize(
    ("logits", "permitted", "expected"),
    [
        ([3, 1, 2], [[1, 0, 0]], 1),
        ([3, 1, 2], [[0, 0, 1]], -1),
        ([3, 1, 2], [[1, 0, 1]], 2),  # the distance of what is permitted does not count
        ([3, 1, 2], [[1, 0, 1], [1, 0, 0]], 1),  # the least of several
        ([3, 1, 2], [[1, 1, 1], [0, 0, 0]], INF),  # all or nothing: left open
        ([3, 1, 2], [[1, 1, 1], [1, 0, 1]], 2),
        ([3, 3, 2], [[1, 0, 0]], 0),
        ([NAN, 1, 2], [[0, 0, 1]], -INF),
        ([NAN, 1, 2], [[1, 1, 1]], INF),
        ([3, 1, 2], [], 1),  # its own answer
        ([NAN, 1, 2], [], -INF),
        ([INF, INF, 2], [[1, 0, 0]], -INF),
    ],
)
def test_margins(logits: list[float], permitted: list[list[int]], expected: float) -> None:
    by = [np.array([one], bool) for one in permitted]
    with np.errstate(invalid="ignore"):
        assert margins(constant(3, 1, 2), np.array([logits], float), by).tolist() == [expected]
    assert [bool(judged(one)[0]) for one in by] == [0 < sum(one) < 3 for one in permitted]


def constant(*logits: float, **more: Any) -> Model:
    """It says the same after every context of up to 3 tokens."""
    readout: Array = np.array(logits)[:, None]
    transformer = Transformer(np.ones((len(logits), 1)), np.zeros((3, 1)), [], unembedding=readout)
    return Model("constant", "abc"[: len(logits)], transformer, **more)


def statuses(model: Model, method: str = "enumerate") -> dict[str, str]:
    names = ["rule", "predictors", "margin", "float32"]
    return {verdict.check: verdict.status for verdict in check_model(model, method, names)}


def either(context: Any) -> set[str]:
    return {"a", "b"}


def only_after_c(context: Any) -> set[str]:
    return {"a"} if context[-1] == "c" else {"a", "b", "c"}


@pytest.mark.parametrize("method", ["enumerate", "prove"])
def test_what_the_rule_leaves_open_fails_nothing(method: str) -> None:
    close = constant(1, 1 - 1e-12, -9, rule=either, margin=9.5)  # a tie of both that are permitted, in float32
    assert statuses(close, method) == {"rule": "holds", "margin": "holds", "float32": "holds"}
    silent = constant(1, 1 - 1e-12, 0.5, rule=only_after_c, margin=0)
    assert statuses(silent, method) == {"rule": "holds", "margin": "holds", "float32": "failed"}
    tied = constant(1, 1, 1, rule=lambda context: {"a", "b", "c"}, margin=0)
    assert statuses(tied, method) == {"rule": "failed", "margin": "failed", "float32": "failed"}  # nothing is said


@pytest.mark.parametrize("method", ["enumerate", "prove"])
def test_a_predictor_and_the_rule_are_both_held_to(method: str) -> None:
    said = constant(2, 1, 0, rule=either, predictors=[lambda context: "a"], margin=1.5)
    assert statuses(said, method) == {"rule": "holds", "predictors": "holds", "margin": "failed", "float32": "holds"}
    off = constant(2, 1, 0, rule=lambda context: {"b"}, predictors=[lambda context: "a"])
    assert statuses(off, method) == {"rule": "failed", "predictors": "holds", "float32": "failed"}


def test_a_question_is_asked_once_about_each_context(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = list[Any]()

    def noted(model: Model, words: Any, function: Any) -> Array:
        asked.extend(words := list(words))
        return allowed(model, words, function)

    monkeypatch.setattr(right, "allowed", noted)
    model = constant(2, 1, rule=lambda context: {"a"}, predictors=[lambda context: "a"], margin=1)
    assert set(statuses(model).values()) == {"holds"}
    assert len(asked) == 2 * model.scope.count()
    within = replace(model, domain=Domain.layout("ab"))  # of other contexts, nothing is known
    assert set(statuses(within).values()) == {"holds"}
    assert len(asked) == 2 * (14 + 2)


def test_number_types_and_tolerance_ask_the_rule() -> None:
    model = constant(1, 1 - 1e-12, -9, rule=either)
    assert {name: holds for name, holds, _ in survives(model)} == dict.fromkeys(
        ("float64", "float32", "bfloat16", "float16"), True
    )
    change, where = tolerance.breaking(model)
    assert where
    assert change > 0.7  # as c has to come up to them
    alone = {name: holds for name, holds, _ in survives(replace(model, rule=None))}
    assert alone["float16"]  # the first of a tie


def test_mutants_of_a_model_that_says_little() -> None:
    found = list(stories(constant(1, 0.5, -9, rule=either)))
    assert {story.outcome for story in found} >= {"caught", "open"}
    # What answers otherwise where nothing is judged is none.
    assert {story.outcome for story in stories(constant(1, 0.5, -9, rule=only_after_c))} <= {"caught", "equal"}


def test_lemmas_are_computed() -> None:
    def broken(model: Model) -> bool:
        raise KeyError("x")

    good = replace(zoo.load("ab"), lemmas=[Lemma("it is small", lambda model: model.n_ctx < 9)])
    _, made = certify(good, good.rule)  # type: ignore[arg-type]
    assert made is not None
    assert made["lemmas"] == ["it is small"]
    for lemma, error, words in (
        (Lemma("it is large", lambda model: model.n_ctx > 9), FailingError, "'it is large' is false"),
        (Lemma("it raises", broken), ModelError, "'it raises' raises KeyError"),
        (Lemma("it is a number", lambda model: 1), ModelError, "comes out as 1"),  # type: ignore[arg-type, return-value]
    ):
        with pytest.raises(error, match=words):
            certify(replace(good, lemmas=[lemma]), good.rule)  # type: ignore[arg-type]
    with pytest.raises(ModelError, match="a lemma is"):
        Lemma("", broken)


def test_the_adder_with_a_weight_off() -> None:
    """What is planted in the models with a layout, and with two permitted tokens, is seen within what is spoken of."""
    for name, place, at, value, shown in (
        ("digit_adder", ("layer 1", "b_in"), 0, -49.5, "9="),
        ("brackets", ("layer 0", "w_o"), (0, 0, 2), 30.0, "("),
    ):
        model = zoo.load(name)
        arrays = model.transformer.named_arrays()
        changed = np.array(arrays[place])
        changed[at] = value
        wrong = replace(model, transformer=model.transformer.with_arrays({place: changed}))
        verdict = next(one for one in check_model(wrong, "enumerate") if one.check == "rule")
        assert verdict.status == "failed"
        assert verdict.counterexample is not None
        assert verdict.counterexample.context in model.scope
        assert shown in verdict.counterexample.context


def test_a_domain_is_what_is_looked_at() -> None:
    """The rule is not asked outside: it would raise."""

    def last_but_one(context: Any) -> set[str]:
        return {{"a": "a", "b": "a"}[context[1]]}

    model = constant(2, 1, 0, rule=last_but_one, domain=Domain.layout("xyx", start=2, x="abc", y="ab"), margin=1)
    for method in ("enumerate", "prove"):
        [rule, margin] = check_model(model, method, ["rule", "margin"])
        assert (rule.status, rule.contexts, rule.total) == ("holds", 6 + 18, 24)
        assert margin.status == "holds"
    everywhere = replace(model, domain=None)
    with pytest.raises(zoo.RuleError, match="IndexError"):
        check_model(everywhere, "enumerate", ["rule"])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_margin_is_no_more_than_the_difference_of_the_logits(dtype: type) -> None:
    """In either type the difference below rounds to 1, and the largest one to no number there is."""
    largest = float(np.finfo(dtype).max)
    rows: Array = np.array(
        [[1, 2.0**-60], [1, 2.0**-25], [1, -(2.0**-60)], [largest, -largest], [2, 1], [1, 1]], dtype=dtype
    )
    margins = margin_of(rows, np.array([True, False])).tolist()
    assert margins == [less(float(a), float(b)) for a, b in rows]
    assert margins[0] < 1 == margins[2]
    assert margins[3:] == [min(2 * largest, sys.float_info.max), 1, 0]
