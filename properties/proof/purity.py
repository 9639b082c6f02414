"""What a plain function could remember from one call to the next, and whether that has changed.

A rule that answers from memory can look consistent: its answers agree, and are those to another context.
"""

from collections.abc import Callable, Iterator
from types import CodeType, FunctionType
from typing import Any

Memory = list[tuple[str, tuple[object, ...]]]  # names, each with the value and what is in it if it is a container


def memory(function: Callable[..., Any]) -> Memory:
    """The variables that a function or object, and the functions of its module that it calls, may write to.

    Caches of functools are left out: they are filled by all that a call was given.
    """
    return list(_variables(function, set()))


def changed(before: Memory, after: Memory) -> str:
    """The first name whose value, or what is in it, is another object than before; "" where there is none."""
    for (_, known), (name, values) in zip(before, after):
        if len(known) != len(values) or any(one is not other for one, other in zip(known, values)):
            return name
    return ""


def _variables(function: Any, seen: set[int]) -> Iterator[tuple[str, tuple[object, ...]]]:
    if id(function) in seen:
        return
    seen.add(id(function))
    if not isinstance(function, FunctionType):
        for name, value in vars(function).items() if hasattr(function, "__dict__") else ():
            if name != "__wrapped__":
                yield from _variable(name, value, function, seen)
        return
    code = function.__code__
    for name, cell in zip(code.co_freevars, function.__closure__ or ()):
        try:
            value = cell.cell_contents
        except ValueError:  # not bound yet
            continue
        yield from _variable(name, value, function, seen)
    for value in (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()):
        yield from _variable("a default", value, function, seen)
    yield from ((name, (value, *_inside(value))) for name, value in vars(function).items())
    for name in _names(code):
        if name in function.__globals__:
            yield from _variable(name, function.__globals__[name], function, seen)


def _variable(name: str, value: Any, owner: Any, seen: set[int]) -> Iterator[tuple[str, tuple[object, ...]]]:
    yield name, (value, *_inside(value))
    if isinstance(value, FunctionType) and value.__module__ == getattr(owner, "__module__", None):
        yield from _variables(value, seen)


def _inside(value: object) -> Iterator[object]:
    if isinstance(value, dict):
        yield from value.keys()
        yield from value.values()
    elif isinstance(value, list | set):
        yield from value


def _names(code: CodeType) -> Iterator[str]:
    """The global names that code uses, in functions defined within it too."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)
