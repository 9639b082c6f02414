"""States of a fold are one where they are made alike, not where they are equal; of anything else they are refused."""

import copy
import time
from collections import namedtuple
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum, Flag, IntEnum
from typing import Any, NamedTuple

import numpy as np
import pytest

from properties.counting import count
from properties.proof.alike import made_of
from properties.proof.reading.decision_tree import leaves
from properties.proof.search import prove_answers
from reference import Fold
from zoo import Model, RuleError, Transformer


class Color(IntEnum):
    RED = 1
    ONE = 2


class Shade(IntEnum):
    RED = 1


class Known(Flag):
    A = 1
    B = 2


class Wrapped(Enum):
    LIST = [1]  # noqa: RUF012


class Point(NamedTuple):
    x: Any


Other = namedtuple("Other", "x")


class WithADict(Point):
    """Has more to it than its items."""


@dataclass(frozen=True)
class Held:
    x: Any


class Own(int):
    """Equal to a number, and with a dict."""


class Lies(type):
    def __eq__(cls, other: object) -> bool:
        return True

    def __hash__(cls) -> int:
        return hash(int)


class Liar(int, metaclass=Lies):
    """Of a class that says it is `int`."""


class LyingPoint(tuple[Any, ...], metaclass=Lies):
    __slots__ = ()
    _fields = ("x",)


def nested(depth: int) -> Any:
    state: Any = ()
    for _ in range(depth):
        state = (state,)
    return state


# Equal, but not the same.
PAIRS: list[tuple[Any, Any]] = [
    *((0.0, -0.0), (1, True), (1, 1.0), (1.0, 1 + 0j), (0j, -0j), (complex(0.0, -0.0), 0j), (0, False)),
    *(((1,), (True,)), ((0.0, "x"), (-0.0, "x")), ((1, (2, (3,))), (1, (2, (3.0,)))), (Point(1), Point(True))),
    *((Point(1), (1,)), (Point(1), Other(1)), (Color.RED, 1), (Color.RED, Shade.RED), ((Color.RED,), (1,))),
]
SAME: list[Any] = [0.5, "ab", b"ab", None, 10**30, (1, ("a", None)), Point(1), Color.RED, Known.A | Known.B, 1j]
NONE: list[Any] = [
    *([], {}, frozenset({1}), (frozenset({1}),), Held(1), Decimal("1.0"), range(3), object(), int, len, np.int64(1)),
    *(float("nan"), complex(float("nan"), 0), (float("nan"),), time.gmtime(0), WithADict(1), Own(1), Wrapped.LIST),
    *(Liar(1), LyingPoint((1,)), int.__new__(Color, 1), nested(2_000)),
]


def ending(one: Any, other: Any) -> Fold:
    """After ab comes `other`, after any other two tokens `one`; only after the former something else is permitted."""

    def step(state: Any, token: str) -> Any:
        if state == "":
            return token
        return (other if state + token == "ab" else one) if state in ("a", "b") else state

    return Fold("", step, lambda state: {"b"} if state is other and other is not one else {"a"})


def saying_a(fold: Fold, n_ctx: int = 4) -> Model:
    embedding, nothing = np.array([[1.0, 0.0], [1.0, 0.0]]), np.zeros((n_ctx, 2))
    return Model("says a", "ab", Transformer(embedding, nothing, [], None, np.eye(2)), rule=fold)


@pytest.mark.parametrize(("one", "other"), PAIRS, ids=repr)
def test_what_is_equal_and_not_the_same_is_told_apart(one: Any, other: Any) -> None:
    assert one == other
    assert made_of(one) != made_of(other)
    fold = ending(one, other)
    assert fold("ab") == {"b"}
    found = prove_answers(saying_a(fold).transformer, "ab", fold)
    assert found.status == "failed"
    assert {wrong.context for wrong in found.counterexamples} >= {"ab"}
    assert count(saying_a(fold)).wrong == 1 + 2 + 4


@pytest.mark.parametrize("state", SAME, ids=repr)
def test_what_is_made_alike_is_one(state: Any) -> None:
    again = eval(repr(state)) if type(state) in (float, complex, int, str, bytes) else copy.deepcopy(state)
    assert made_of(again) == made_of(state)
    assert hash(made_of(again)) == hash(made_of(state))
    assert len(list(leaves(ending(state, state), "ab", 4))) == 1


@pytest.mark.parametrize("state", NONE, ids=lambda state: type(state).__name__)
def test_states_of_anything_else_are_refused(state: Any) -> None:
    for fold in (Fold(state, lambda state, token: state, lambda state: {"a"}), ending(state, state)):
        with pytest.raises(RuleError, match=r"has the state .*, but should have states of bool, int, .*sorted"):
            list(leaves(fold, "ab", 4))


def test_a_step_that_changes_what_it_is_given_is_refused() -> None:
    def step(state: Any, token: str) -> Any:
        state = state or Held(0)
        object.__setattr__(state, "x", state.x + 1)
        return state

    with pytest.raises(RuleError, match="has the state"):
        list(leaves(Fold(None, step, lambda state: {"a"} if state.x < 3 else {"b"}), "ab", 4))


@pytest.mark.parametrize("states", ["x", 1.5, True, None, 0, -1])
def test_how_many_states_there_are_is_a_number(states: Any) -> None:
    with pytest.raises(RuleError, match=r"states .* states, but should state a number from 1 on"):
        list(leaves(Fold(0, lambda n, token: n, lambda n: {"a"}, states=states), "ab", 2))
