"""What a black box does in place of an answer: it fails by it, and nothing is left behind."""

import random
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest

from properties.checks import black_boxes
from properties.checks.verdict import How
from properties.selftest.adders import box
from properties.selftest.checks.asking import right, rule, sentence, two
from zoo import ModelError


# What is no answer, of a box that is right otherwise.
def raising(context: str) -> str:
    return str(1 / 0) if context == "ab" else right(context)


def exiting(context: str) -> str:
    if context == "ab":
        raise SystemExit
    return right(context)


def strange(context: str) -> str:
    return "c" if context == "ab" else right(context)


def numbering(context: str) -> Any:
    return 1 if context == "ab" else right(context)


def hanging(context: str) -> str:
    while context == "ab":
        time.sleep(0.001)
    return right(context)


@pytest.mark.parametrize(
    ("predict", "says"),
    [
        (raising, "raises ZeroDivisionError: division by zero"),
        (exiting, "raises SystemExit"),
        (strange, "says 'c', which should be one of a, b"),
        (numbering, "says 1, which should be one of a, b"),
        (hanging, "gives no answer within 0.1 seconds"),
        (lambda c: right(c, 1), "raises TypeError: right() takes 1 positional argument but 2 were given"),  # type: ignore[call-arg]
    ],
)
@pytest.mark.parametrize("method", ["enumerate", "sample"])
def test_what_is_no_answer_is_wrong(predict: Callable[[str], Any], says: str, method: Any) -> None:
    threads = threading.active_count()
    limit: dict[str, Any] = {"seconds": 0.1} if predict is hanging else {}  # less than a busy machine may take
    verdict = rule(two(predict, **limit), How(method))
    context = str(verdict.counterexample.context) if verdict.counterexample else ""
    assert verdict.status == "failed"
    assert context == "ab" if "TypeError" not in says else context in ("b", "aa")
    assert sentence(verdict) == f"after {context} it {says}, permitted is {right(context)}"
    assert verdict.as_json()["counterexample"]["problem"] == says
    assert threading.active_count() == threads
    with pytest.raises(ModelError, match=re.escape(f"after {context} it {says}, but should answer every context")):
        two(predict, **limit).predict(context)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (46.0, "says 46.0, which should be a whole number"),
        ("46", "says '46', which should be a whole number"),
        (None, "says None, which should be a whole number"),
        (True, "says True, which should be a whole number"),
        (float("nan"), "says nan, which should be a whole number"),
        ([46], r"says [46], which should be a whole number"),
    ],
)
def test_an_adder_answers_whole_numbers(answer: Any, says: str) -> None:
    verdict = rule(box(lambda a, b: answer), How(tries=10))
    assert verdict.detail.startswith("10 wrong in 10 of 10^20")
    assert sentence(verdict) == f"after 0000000000+0000000000= it {says}, permitted is 0"


def test_after_one_that_hangs_no_other_is_asked() -> None:
    asked = list[str]()

    def predict(context: str) -> str:
        asked.append(context)
        time.sleep(30 if len(asked) == 1 else 0)
        return right(context)

    verdict = rule(two(predict, seconds=0.1))
    assert asked == ["b"]
    assert verdict.detail == "1 wrong in 2 of 62 contexts, until one was late"  # a is left open


def test_the_time_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(black_boxes, "SECONDS", 0.05)
    for method in ("auto", "sample"):
        verdict = rule(two(lambda c: time.sleep(0.005) or right(c), 8), How(method))  # type: ignore[func-returns-value]
        assert verdict.status == "undecided"
        assert "in the 0.05 seconds allowed" in verdict.detail
        assert verdict.contexts < verdict.total


@contextmanager
def forgetful() -> Iterator[Callable[[str], str]]:
    state = random.Random(0)
    yield lambda context: right(context) if state.random() < 0.9 else "a"


@contextmanager
def counting() -> Iterator[Callable[[str], str]]:
    """Right at first, and the other token when it is asked again."""
    seen = set[str]()

    def predict(context: str) -> str:
        again = context in seen
        seen.add(context)
        return right(context) if not again else "ab".replace(right(context), "")

    yield predict


@pytest.mark.parametrize("made", [forgetful, counting])
@pytest.mark.parametrize("method", ["enumerate", "sample"])
def test_what_answers_otherwise_when_it_is_asked_again(
    made: Callable[[], AbstractContextManager[Callable[[str], str]]], method: Any
) -> None:
    with made() as predict:
        verdict = rule(two(predict), How(method))
    assert verdict.status == "failed"
    assert verdict.detail == "it should depend on nothing but its context"
    found = re.fullmatch(r"after (\w+) it says (.), and says (.) when it is asked again, .*", sentence(verdict))
    assert found is not None
    assert found[2] != found[3]
