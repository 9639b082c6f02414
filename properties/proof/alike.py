"""Which states of a fold are one: those made alike, so that nothing tells them apart but which object each is."""

from enum import EnumMeta
from typing import Any

# Equal ones of exactly the same of these types are the same; floats are where they are written alike, but for NaN.
PLAIN, FLOATS = frozenset({bool, int, str, bytes, type(None)}), frozenset({float, complex})
MADE_OF = (
    "bool, int, float but NaN, complex, str, bytes, None, members of an Enum, or tuples and named tuples of these, not "
    "nested too deeply (of a set, tuple(sorted(...)))"
)


def made_of(state: Any) -> Any:
    """What is equal for states that are made alike, and for no others; TypeError for what is not `MADE_OF` these.

    Anything else may be changed later, have an order that is not said, or be equal to what it is not.
    """
    kind = type(state)
    if type(kind) is type:  # another may say of any class that it is the same
        if kind in PLAIN:
            return kind, state
        if kind is tuple or (issubclass(kind, tuple) and _named(kind)):
            return kind, tuple(map(made_of, tuple.__iter__(state)))
        if kind in FLOATS and state == state:
            return kind, repr(state)
    if type(kind) is EnumMeta and kind(state._value_) is state:
        return kind, made_of(state._value_)
    raise TypeError(kind)


def _named(kind: Any) -> bool:
    """Whether its instances hold their items only: a `time.struct_time` holds more, and any with a dict may."""
    return isinstance(getattr(kind, "_fields", None), tuple) and not kind.__dictoffset__
