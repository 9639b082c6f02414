"""What is handed to a function in place of a real object, and is told from it by nothing that a function can do.

`lazy` has those of contexts and tokens, `lazy_count` that of a number.
"""

import operator
from collections.abc import Callable
from typing import Any

KINDS: dict[type, Any] = {}  # of each stand-in, the type of what it stands for
REALS: dict[type, Callable[[Any], Any]] = {}  # and how to get that


class StandIn:
    """What stands in for a real object. It has the attributes of that one, and no others.

    What it knows is in a slot that `inside` alone opens.
    """

    __slots__ = ("__known",)

    def __init__(self, *known: Any) -> None:
        _keep(self, known)

    def __getattribute__(self, name: str) -> Any:
        kind = KINDS[type(self)]
        if name == "__class__":
            return kind
        getattr(kind, name)  # AttributeError, as of a real one
        return getattr(as_real(self), name)

    def __setattr__(self, name: str, value: object) -> None:
        object.__setattr__(KINDS[type(self)](), name, value)  # AttributeError, as of a real one

    def __delattr__(self, name: str) -> None:
        object.__delattr__(KINDS[type(self)](), name)

    def __ne__(self, other: Any) -> Any:
        kind, own = type(other), KINDS[type(self)]
        if kind is not own and kind not in KINDS and issubclass(kind, own):  # it is asked first, and may say anything
            return operator.ne(as_real(self), other)
        return object.__ne__(self, other)


_keep: Callable[[Any, Any], None] = vars(StandIn)["_StandIn__known"].__set__
inside: Callable[[Any], Any] = vars(StandIn)["_StandIn__known"].__get__


def as_real(value: Any) -> Any:
    """What a stand-in stands for; any other object is itself."""
    kind = type(value)
    return REALS[kind](value) if kind in REALS else value


def on_real(kind: type, name: str, operation: Callable[..., Any]) -> None:
    """Gives a stand-in an operator that names what it needs and works on real objects."""
    setattr(kind, name, lambda self, *others: operation(*map(as_real, (self, *others))))
