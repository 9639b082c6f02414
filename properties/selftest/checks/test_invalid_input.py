"""Which inputs a model must refuse, in which words, and what is said where it does not."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from properties.checks import mechanics
from properties.checks.table import CHECKS
from properties.selftest.models import ab
from zoo import Domain, Model
from zoo.black_box import BlackBox
from zoo.errors import ContextError

CONTEXTS: list[Any] = ["", (), ("c",), ["a", "b", "c"], [0], None, 0, 1.5, b"ab", {"a": 1}, [None]]
ARRAYS: list[Any] = [[], [[]], [[-1]], [[2]], [[0.5]], [0], [["a"]], [[0], [0, 0]], [[0, 0, 0, 0, 0, 0]]]

NOT_SAID = "which does not say what would be right in one line"


def check(model: Model) -> Any:
    found = CHECKS["invalid_input"].run(model)
    assert (found.method, found.contexts, found.total) == ("computed", 0, 0)
    return found


def test_what_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Contexts by both ways to ask about one, and arrays, the last of which is a token too long."""
    given: dict[str, list[Any]] = {"predict": [], "logits": [], "forward": []}

    def refusing(name: str) -> Any:
        def refuse(model: Model, one: Any) -> None:
            given[name].append(one)
            raise ContextError("it should be another")

        refuse.__name__ = name
        return refuse

    for name in given:
        monkeypatch.setattr(Model, name, refusing(name))
    found = check(ab.MODEL)
    assert (found.status, found.detail) == ("holds", "31 inputs")
    assert given == {"predict": CONTEXTS, "logits": CONTEXTS, "forward": ARRAYS}


def test_of_a_domain_what_it_has_not_is_tried_too() -> None:
    found = check(replace(ab.MODEL, domain=Domain.layout("ab"), cycle=None))
    assert (found.status, found.detail) == ("holds", "33 inputs")


def test_a_black_box_is_asked_to_predict_alone() -> None:
    found = check(BlackBox("box", "ab", 3, lambda context: "a"))
    assert (found.status, found.detail) == ("holds", "11 inputs")


@pytest.mark.parametrize(
    ("error", "problem"),
    [
        (
            ContextError("it is wrong"),
            "is refused with 'it is wrong', which does not say what would be right in one line",
        ),
        (
            ContextError("it should\nbe another"),
            "is refused with 'it should\\nbe another', which does not say what would be right in one line",
        ),
        (ValueError("it should be another"), "raises ValueError, not ContextError"),
    ],
)
def test_how_it_is_refused(error: Exception, problem: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(model: Model, one: Any) -> None:
        raise error

    refuse.__name__ = "predict"
    monkeypatch.setattr(Model, "predict", refuse)
    found = check(ab.MODEL)
    assert (found.status, found.detail) == ("failed", f"predict('') {problem}")


def test_a_context_outside_a_domain_is_sought_among_the_first_thousand() -> None:
    def outside(missing: Any, n_ctx: int = 12) -> Any:
        class Scope:
            def __contains__(self, words: Any) -> bool:
                return bool("".join(words) != missing)

        return mechanics._outside(SimpleNamespace(n_ctx=n_ctx, vocab="ab", scope=Scope()))  # type: ignore[arg-type]

    assert outside("a") == ("a",)
    assert outside("bb", 2) == ("b", "b")
    assert outside("aaa", 2) is None
    thousandth = format(1000 - (2**9 - 2) - 1, "09b").replace("0", "a").replace("1", "b")  # 510 are shorter
    assert outside(thousandth) == tuple(thousandth)
    behind = format(1000 - (2**9 - 2), "09b").replace("0", "a").replace("1", "b")
    assert outside(behind) is None
