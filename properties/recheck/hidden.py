"""What stands in for a string, a tuple or a number of which a function may not see all: what is common to them."""

from collections.abc import Callable
from typing import Any


class PeekError(BaseException):
    """The function wants to see more than it may; no `except Exception` of its own can hide that."""


class Hidden:
    """What stands in for a string or a tuple has its attributes and no others; what it knows is out of reach.

    Whatever it is asked that is not answered below, it is peeked at.
    """

    __slots__ = ("__inside",)

    def __init__(self, *inside: Any) -> None:
        SET(self, inside)

    def __getattribute__(self, name: str) -> Any:
        kind = IS[type(self)]
        if name == "__class__":
            return kind
        getattr(kind, name)  # AttributeError, as of a real one
        return peek(self)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{IS[type(self)].__name__!r} object has no attribute {name!r}")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{IS[type(self)].__name__!r} object has no attribute {name!r}")

    def __ne__(self, other: object) -> Any:
        kind, own = type(other), IS[type(self)]
        if kind is not own and issubclass(kind, own):  # it is asked first, and may say anything
            return peek(self)
        return object.__ne__(self, other)


SET: Callable[[Any, Any], None] = vars(Hidden)["_Hidden__inside"].__set__
GET: Callable[[Any], Any] = vars(Hidden)["_Hidden__inside"].__get__


def peek(hidden: Any, *_: Any) -> Any:
    GET(hidden)[-1][-1] = True  # for a function that swallows what is raised
    raise PeekError


IS: dict[type, Any] = {}  # of each kind, what it stands in for
