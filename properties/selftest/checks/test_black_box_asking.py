"""Which contexts a black box is asked about, in which order, how often, and until when."""

from collections.abc import Callable, Iterable
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from properties.checks import black_boxes
from properties.checks.verdict import How
from properties.selftest.checks.asking import right, rule, two
from zoo import BlackBox, Domain, ModelError
from zoo.black_box import Said

EVERY = ["a", "b", "aa", "ab", "ba", "bb"]


def clock(monkeypatch: pytest.MonkeyPatch, times: Iterable[float]) -> None:
    """What it shows each time it is looked at."""
    looks = iter(times)
    monkeypatch.setattr(black_boxes, "time", SimpleNamespace(monotonic=lambda: next(looks)))


def noting(wrong: Callable[[str], bool] = lambda context: False, **stated: Any) -> tuple[BlackBox, list[str]]:
    """A box that should say a everywhere, with what it was asked."""
    asked = list[str]()

    def predict(context: str) -> str:
        asked.append(context)
        return "b" if wrong(context) else "a"

    known: dict[str, Any] = {"n_ctx": 2, "rule": lambda context: {"a"}}
    return two(predict, **(known | stated)), asked


def late_at(box: BlackBox, late: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """It is late there; what it is asked."""
    say, asked = box.predict.say, list[str]()

    def noted(context: str) -> Said:
        asked.append(context)
        return Said("", "is late", True) if context == late else say(context)

    monkeypatch.setattr(box.predict, "say", noted)
    return asked


def test_the_first_and_the_last_are_asked_again_in_the_opposite_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(black_boxes, "AGAIN", 2)
    box, asked = noting()
    assert rule(box).status == "holds"
    assert asked == [*EVERY, "bb", "ba", "b", "a"]
    box, asked = noting(lambda context: context[-1] == "b")  # of the wrong ones, the first two
    assert rule(box).status == "failed"
    assert asked == [*EVERY, "ab", "b", "ba", "aa", "a"]


def test_as_long_as_there_is_time_they_are_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    box, asked = noting()
    clock(monkeypatch, [0, *[1] * 6, 100, 120, 120, 120.5, 119, 121, 122])
    assert rule(box).status == "holds"
    assert asked == [*EVERY, "bb", "ba", "aa"]  # up to 20 seconds


def test_what_was_late_is_not_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    box = noting()[0]
    asked = late_at(box, "bb", monkeypatch)
    found = rule(box)
    assert (found.status, found.detail) == ("failed", "wrong in 1 of 6 contexts")  # nothing was left out behind it
    assert asked == [*EVERY, *EVERY[-2::-1]]


@pytest.mark.parametrize(
    ("seconds", "method", "status", "detail"),
    [
        (3, "auto", "undecided", "none wrong in 4 of 6 contexts, in the 3 seconds allowed"),
        (5, "auto", "holds", ""),  # it was over behind the last one
        (
            2.5,
            "sample",
            "undecided",
            "none wrong in 3 of 6 contexts, drawn by {} with seed 0, in the 2.5 seconds allowed",
        ),
        (3, "enumerate", "holds", ""),
    ],
)
def test_until_when_they_are_asked(
    seconds: float, method: Any, status: str, detail: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(black_boxes, "SECONDS", seconds)
    clock(monkeypatch, count())
    draws = iter(EVERY)
    found = rule(noting(generate=lambda random: next(draws))[0], How(method))
    assert (found.status, found.detail) == (status, detail.format("its own generator"))


def test_what_is_left_open_is_counted_and_not_asked() -> None:
    box, asked = noting(rule=lambda context: {"a"} if context[0] == "a" else {"a", "b"})
    assert rule(box).contexts == 6
    assert asked == ["a", "aa", "ab", "ab", "aa", "a"]  # and those again


def test_what_is_left_open_takes_time_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(black_boxes, "SECONDS", 3)
    clock(monkeypatch, count())
    found = rule(noting(rule=lambda context: set())[0])
    tried = "none wrong in 4 of 6 contexts, in the 3 seconds allowed; 0 of them are judged"
    assert (found.status, found.detail) == ("undecided", tried)


@pytest.mark.parametrize(
    ("method", "reach", "most", "settled"),
    [
        ("auto", 6, 0, "enumerated"),
        ("auto", 5, 0, "sampled"),
        ("prove", 6, 0, "enumerated"),
        ("sample", 6, 6, "sampled"),
        ("enumerate", 0, 6, "enumerated"),
    ],
)
def test_how_many_are_few_enough(
    method: Any, reach: int, most: int, settled: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(black_boxes, "REACH", reach)
    monkeypatch.setattr(black_boxes, "MOST", most)
    box = noting(generate=lambda random: random.choice(EVERY))[0]
    assert rule(box, How(method, tries=4)).method == settled


def test_one_more_than_can_be_enumerated_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(black_boxes, "MOST", 5)
    with pytest.raises(ModelError, match=r"two has 6 contexts, but should have fewer to be enumerated"):
        rule(noting()[0], How("enumerate"))


def drawn(*words: Any, tries: int = 100, **stated: Any) -> tuple[list[Any], int]:
    """What is asked of what is generated, the last of it again and again; and how often was generated."""
    left, calls = list(words), count()

    def generate(random: Any) -> Any:
        next(calls)
        return left.pop(0) if len(left) > 1 else left[0]

    box = noting(generate=generate, **stated)[0]
    return list(black_boxes._drawn(box, How(tries=tries))), next(calls)


def test_each_is_drawn_once_until_there_seem_to_be_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(black_boxes, "STALE", 3)
    assert drawn("a") == (["a"], 1 + 3)
    assert drawn("a", "a", "a", "ab", "a", "ab", "b") == (["a", "ab", "b"], 7 + 3)
    assert drawn("a", "a", "a", "a", "b") == (["a"], 4)
    assert drawn("a", "ab", "b", "bb", tries=3) == (["a", "ab", "b"], 3)
    assert drawn(["a", "b"], ("b",)) == (["ab", "b"], 2 + 3)  # of single letters they are strings


def test_words_are_drawn_as_words() -> None:
    domain = Domain.every(["one", "two"], 2)
    box = BlackBox("words", ["one", "two"], 2, lambda c: "one", domain=domain, generate=lambda random: ["two", "one"])
    assert list(black_boxes._drawn(box, How(tries=1))) == [("two", "one")]


def exits(random: Any) -> str:
    raise SystemExit("no more")


def fails(random: Any) -> str:
    return str(1 / 0)


@pytest.mark.parametrize(
    ("generate", "raises"), [(fails, "ZeroDivisionError: division by zero"), (exits, "SystemExit: no more")]
)
def test_what_does_not_generate_says_where(generate: Any, raises: str) -> None:
    line = generate.__code__.co_firstlineno + 1
    with pytest.raises(ModelError) as raised:
        rule(two(right, generate=generate), How("sample"))
    where = f" (line {line} of {Path(__file__).name})"
    assert str(raised.value) == f"two: generate raises {raises}, but should give a context{where}"
