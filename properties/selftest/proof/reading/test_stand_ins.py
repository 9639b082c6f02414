"""`zoo.rule.telling` names the modules of what stands in for a context: it cannot import them, as they are above it."""

import importlib
from collections.abc import Callable
from types import FunctionType
from typing import Any

import pytest

from properties.proof.reading.run import Run
from properties.recheck.blindfold import blind_answer
from properties.recheck.sight import Sight
from zoo.errors import CertificateError
from zoo.rule import Asked
from zoo.rule.telling import STAND_INS, tells

REAL = {str, tuple, type(iter("")), type(iter(())), type("".startswith)}


def lazily(asked: Asked, vocab: list[str]) -> None:
    Run(tuple(vocab), 3, ()).call(asked)


def blindfolded(asked: Asked, vocab: list[str]) -> None:
    with pytest.raises(CertificateError, match="reads more than"):
        blind_answer(asked, Sight({}, asked.known, 3), vocab == ["a", "b"], "here")


@pytest.mark.parametrize("read", [lazily, blindfolded])
@pytest.mark.parametrize("vocab", [["a", "b"], ["one", "a"]])
def test_all_that_stands_in_is_defined_where_it_is_looked_for(
    vocab: list[str], read: Callable[[Asked, list[str]], None]
) -> None:
    seen: set[type] = set()

    def rule(context: Any) -> set[str]:
        parts = [context, context[1:], context[-1], iter(context)]
        parts += [context.startswith, context.endswith] if vocab == ["a", "b"] else []
        seen.update(map(type, parts))
        return {"a"}

    read(Asked(rule, vocab), vocab)
    assert len(seen - REAL) >= 2
    assert {kind.__module__ for kind in seen - REAL} <= set(STAND_INS)


def holding(something: Any) -> Callable[[Any], Any]:
    return lambda context: context == something


@pytest.mark.parametrize("name", STAND_INS)
def test_a_function_that_gets_hold_of_what_stands_in_could_tell(name: str) -> None:
    assert not tells(holding(bool))
    assert not tells(holding(holding))
    module = importlib.import_module(name)
    own = [one for one in vars(module).values() if getattr(one, "__module__", "") == name and callable(one)]
    assert any(isinstance(one, type) for one in own)
    assert any(isinstance(one, FunctionType) for one in own)
    assert all(tells(holding(one)) for one in own)
