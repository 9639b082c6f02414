"""A black box as an object: what it is made of, what it answers, what it refuses."""

import re
from dataclasses import replace
from typing import Any

import pytest

import reference
from properties.selftest.adders import box
from zoo import NUMBER, BlackBox, ContextError, Cycle, Domain, Model, ModelError, enumeration
from zoo.black_box import Said
from zoo.rule.numbers import Numbers, near, number_text, whole_text


def last(context: Any) -> Any:
    return context[-1]


def made(**stated: Any) -> BlackBox:
    told: dict[str, Any] = {"name": "last", "vocab": "ab", "n_ctx": 3, "predict": last} | stated
    return BlackBox(**told)


def test_it_is_a_model_whose_weights_nobody_knows() -> None:
    model = BlackBox("last", "ab", 3, last, lambda context: {context[-1]})
    assert isinstance(model, Model)
    assert (model.name, model.vocab, model.n_ctx, model.reads_strings) == ("last", ("a", "b"), 3, True)
    assert model.scope.count() == 14
    assert list(model.contexts())[:4] == ["a", "b", "aa", "ab"]
    assert model.predict("ab") == "b"
    assert model.complete("ab", 4) == "bbbb"
    assert model.predict("abbbba") == "a"  # cut to the last three
    assert made(predict=lambda context: "ab"[context == "ab"]).predict(["a", "b"]) == "b"  # it is handed a string
    words = BlackBox("words", ["one", "two"], 2, last)
    assert words.predict(["one", "two"]) == "two"


@pytest.mark.parametrize(
    "look",
    [
        lambda model: model.logits("ab"),
        lambda model: model.forward([[0]]),
        lambda model: model.transformer.d_model,
        lambda model: model.transformer.dtype,
        lambda model: model.astype("float32"),
        lambda model: model.answer_logits(),
        lambda model: enumeration.answers(model.transformer),
    ],
)
def test_whoever_looks_at_weights_is_told(look: Any) -> None:
    with pytest.raises(ModelError, match="last is a black box, but should have weights to look at for this"):
        look(made())


def test_what_changes_is_kept_apart() -> None:
    model = made(domain=Domain.layout("ab", start=2), seconds=3, inside=[1], metadata={"author": "x"})
    other = replace(model, name="other", rule=lambda context: {"b"})
    assert (other.name, other.n_ctx, other.seconds, other.inside, other.words) == ("other", 3, 3, [1], {"author": "x"})
    assert other.predict.function is model.predict.function is last
    assert other.predict.box is other
    assert other.predict("ab") == "b"
    with pytest.raises(ContextError, match="outside the domain of other"):
        other.predict("bb")
    assert other.predict("bb", anyway=True) == "b"
    wider = replace(other, domain=None)
    assert wider.predict("bb") == "b"
    with pytest.raises(ModelError, match="n_ctx is 0"):
        replace(model, n_ctx=0)


@pytest.mark.parametrize(
    ("stated", "sentence"),
    [
        ({"n_ctx": 0}, "last: n_ctx is 0, but should be a whole number from 1 on"),
        ({"n_ctx": 2.5}, "last: n_ctx is 2.5, but should be a whole number from 1 on"),
        ({"n_ctx": True}, "last: n_ctx is True, but should be"),
        ({"predict": 7}, "last: predict is 7, but should be a function"),
        ({"generate": "abc"}, "last: generate is 'abc', but should be a function"),
        ({"outputs": ()}, "last: outputs is (), but should be names, each once, or NUMBER"),
        ({"outputs": ["a", "a"]}, "last: outputs is ('a', 'a'), but should be names"),
        ({"outputs": ["a", 1]}, "last: outputs is ('a', 1), but should be names"),
        ({"outputs": 7}, "last: outputs is 7, but should be names"),
        ({"within": 0.5}, "last: within is 0.5, but should be a number above 0, and stated of a NUMBER"),
        ({"within": -1, "outputs": NUMBER}, "last: within is -1, but should be"),
        ({"within": "1", "outputs": NUMBER}, "last: within is '1', but should be"),
        ({"within": float("inf"), "outputs": NUMBER}, "last: within is inf, but should be"),
        ({"seconds": 0}, "last: seconds is 0, but should be a number above 0"),
        ({"seconds": None}, "last: seconds is None, but should be"),
        ({"metadata": ["author"]}, "last: metadata is ['author'], but should be a dict"),
        ({"name": ""}, "the model's name is '', but should be printable"),
        ({"vocab": "aa"}, "token 'a' is in the vocabulary twice"),
        ({"rule": 7}, "7 should be a function of a context"),
        ({"predictors": last}, "but should be a list of predictors"),
        ({"domain": Domain.every("abc", 2)}, "the domain has 'c', but should have tokens out of a, b"),
        ({"domain": Domain.every("ab", 4)}, "should have 3 tokens at most, the model's n_ctx"),
    ],
)
def test_what_does_not_fit(stated: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ModelError, match=re.escape(sentence)) as caught:
        made(**stated)
    assert "\n" not in str(caught.value)


def test_nothing_else_of_a_model_can_be_stated() -> None:
    for other in ({"cycle": Cycle("a", 1)}, {"margin": 1}, {"transformer": None}):
        with pytest.raises(TypeError, match="unexpected keyword argument"):
            made(**other)


def test_it_answers_numbers() -> None:
    adder = box(int.__add__)
    found = adder.predict("0000000012+0000000034=")
    assert (found, type(found)) == (46, int)
    assert adder.names == ()
    with pytest.raises(ModelError, match="answers what is no token, but should answer tokens for them to be fed back"):
        adder.complete("0000000012+0000000034=", 1)
    share = made(predict=lambda c: c.count("a") / len(c), outputs=NUMBER, within=0.1)
    assert share.predict("aba") == 2 / 3
    named = made(predict=lambda c: "odd", outputs=["odd", "even"])
    assert named.predict("a") == "odd"
    assert named.names == ("odd", "even")
    with pytest.raises(ModelError, match="answers what is no token"):
        named.complete("a", 1)


def test_the_rule_of_two_numbers() -> None:
    assert reference.sum_of_two("0000000012+0000000034=") == 46
    assert reference.sum_of_two(tuple("9+9=")) == 18


class Huge(int):
    """More digits than Python writes, pytest's names of tests among others."""

    def __repr__(self) -> str:
        return "huge"


HUGE = Huge(10**5000)


class Indexed:
    def __index__(self) -> int:
        return 5


class Broken:
    def __index__(self) -> int:
        raise ValueError

    def __float__(self) -> float:
        raise ValueError


@pytest.mark.parametrize(
    ("value", "whole", "number"),
    [
        (46, "46", "46"),
        (-3, "-3", "-3"),
        (Indexed(), "5", "5"),
        (2.5, None, "2.5"),
        (46.0, None, "46.0"),
        (1e300, None, "1e+300"),
        (True, None, None),
        ("46", None, None),
        (b"46", None, None),
        (None, None, None),
        (float("nan"), None, None),
        (float("-inf"), None, None),
        (HUGE, None, None),
        (Broken(), None, None),
        ([1], None, None),
    ],
)
def test_the_text_of_a_number(value: Any, whole: str | None, number: str | None) -> None:
    assert (whole_text(value), number_text(value)) == (whole, number)


def test_near_is_exact() -> None:
    assert near("46", ["46"], None)
    assert near("46.0", ["46"], None)
    assert not near("46", [], 1e9)
    large = str(10**30)
    assert not near(str(10**30 + 1), [large], None)
    assert near(str(10**30 + 1), [large], 1)
    assert not near(str(10**30 + 2), [large], 1)
    assert not near("0.3", ["0.1"], 0.1)
    adder = box(int.__add__)
    assert adder.right(Said("3"), frozenset({"3"}))
    assert not adder.right(Said("3", "raises"), frozenset({"3"}))
    asked = Numbers(lambda context: None, "rule")
    assert asked("a") == frozenset()
    assert not adder.judges(asked("a"))
