"""Whether a plain function could tell a stand-in from a real context: found by looking at its code, not by calling it.

A proof runs a rule on a context of which not all is known. What stands in for it answers as a string or a tuple
would, whatever it is asked; but C code may look at the object itself (`type`, `"ab".__eq__`, `"%s" % context`), and a
rule that uses it could say one thing to the stand-in and another to a real context. So a function is followed into all
that a call could reach: its globals, closure, defaults, the object it is bound to, what these hold, and every function
of theirs, in whatever module. What is not known to treat both alike could tell.
"""

import contextlib
import enum
import operator
import types
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from string import Formatter
from typing import Any, NamedTuple

from zoo.rule.bytecode import Code, inside
from zoo.rule.harmless import ATOMS, CONTAINERS, EXACT, HARMLESS, UNCALLED, WRAPPERS, content, generated, in_python

MOST = 100_000  # objects that are looked at: beyond, the function counts as one that could tell
# Those that define a stand-in, and what one asks: a function that gets hold of them knows what to look for.
STAND_INS = (
    *(
        "properties.proof.reading.lazy",
        "properties.proof.reading.lazy_count",
        "properties.proof.reading.run",
        "properties.proof.reading.stand_in",
        "properties.recheck.blindfold",
        "properties.recheck.hidden",
        "properties.recheck.hidden_number",
    ),
)
CONSTRUCTORS = {"__init__", "__new__", "__post_init__", "__class_getitem__"}  # of a class, not of an object of it


class Looked(NamedTuple):
    """What was seen of a function by its code."""

    tells: str  # the name of what could tell a stand-in from a real context in all that a call of it reaches, or ""
    swallows: bool  # whether an error that is raised on the way could be kept from who called it


def look(function: Callable[[Any], Any]) -> Looked:
    """An error is only swallowed by Python code: where none that is reached handles any, whatever is raised comes out.

    What C code is let through hands on what is raised in the functions that it calls; but it may take an error of a
    method for an answer (a `__len__` that raises TypeError, `__getattr__` AttributeError), so that a function which
    reaches a class, or what the library has in Python, counts as one that could swallow.
    """
    found = _Look(function)
    try:
        found.through()
    except _CouldTellError as could:
        return Looked(str(could), True)
    except Exception as error:  # of a stranger's object that does not let itself be looked at
        return Looked(f"what raises {type(error).__name__}", True)
    return Looked("", found.swallows)


def tells(function: Callable[[Any], Any]) -> str:
    """`look(function).tells`"""
    return look(function).tells


class _CouldTellError(Exception):
    """What could tell has been found."""


Named = tuple[str, Any]  # what a function reaches, and the name by which it does
Find = Callable[[str], Iterator[Any]]  # what an object has under a name


class _Look:
    """A look at all that a function reaches. Attributes are looked at once code that is reached spells their name."""

    def __init__(self, function: Any) -> None:
        self.todo: list[Named] = [("the function", function)]
        self.seen: dict[int, Any] = {}  # with the objects, so that no other gets their number
        self.names: set[str] = set()  # of attributes
        self.operators = ""  # which could tell: said where no name could
        self.swallows = False
        self.holders: list[tuple[Find, set[str]]] = []  # of attributes, and the names that were looked up

    def through(self) -> None:
        while self.todo or self._attributes():
            if self.todo:
                self._look(*self.todo.pop())
        if self.operators:
            raise _CouldTellError(self.operators)

    def _attributes(self) -> bool:
        """Adds what holders have under names that are new to them."""
        for find, known in self.holders:
            for name in sorted(self.names - known):
                known.add(name)
                self.todo += [(name, value) for value in find(name)]
        return bool(self.todo)

    def _hold(self, find: Find) -> None:
        self.holders.append((find, set()))

    def _look(self, name: str, value: Any) -> None:
        kind = type(value)
        if kind in ATOMS or id(value) in self.seen:
            return
        if id(value) in HARMLESS:
            self.swallows |= kind is types.FunctionType or (issubclass(kind, type) and in_python(value))
            return
        self.seen[id(value)] = value
        if len(self.seen) > MOST:
            raise _CouldTellError(f"more than {MOST} objects")
        if kind in LOOKS:
            LOOKS[kind](self, value)
        elif kind in EXACT:
            self.swallows |= in_python(kind)
            self._contents(name, value)
        elif kind in WRAPPERS:
            self.todo += [(name, getattr(value, part)) for part in WRAPPERS[kind]]
            self._hold(_attributes_of(value))
        elif issubclass(kind, type):
            self._class(value)
        else:
            self._instance(name, value)

    def _contents(self, name: str, value: Any) -> None:
        for kind, contents in CONTAINERS.items():
            if issubclass(type(value), kind):
                self.todo += [(name, held) for held in contents(value) if type(held) not in ATOMS]
        if issubclass(type(value), defaultdict):
            self.todo.append((name, value.default_factory))

    def _module(self, module: types.ModuleType) -> None:
        def find(name: str) -> Iterator[Any]:
            if name in vars(module):
                yield vars(module)[name]
            elif "__getattr__" in vars(module):
                yield vars(module)["__getattr__"]

        self._hold(find)

    def _function(self, function: types.FunctionType) -> None:
        names, built_in = function.__globals__, getattr(function, "__builtins__", None)
        if not (type(names) is type(built_in) is dict) or names.get("__name__") in STAND_INS:
            raise _CouldTellError(function.__name__)
        cells = zip(function.__code__.co_freevars, function.__closure__ or ())
        values = {name: value for name, cell in cells for value in content(cell)}
        self.todo += values.items()
        self.todo += [("a default", value) for value in function.__defaults__ or ()]
        self.todo += (function.__kwdefaults__ or {}).items()
        self._hold(_attributes_of(function))

        def value_of(name: str) -> Any:
            return names.get(name, built_in.get(name))

        for code in inside(function.__code__, values, value_of):
            self._code(code)

    def _code(self, code: Code) -> None:
        self.swallows |= bool(code.code.co_exceptiontable)
        self.todo += [("a constant", constant) for constant in code.constants]
        for text in sorted(code.strings):
            _not_dunder(text)
        self.names |= code.strings  # of patterns, and what could be looked up
        for at in range(len(code.instructions)):
            self.operators = self.operators or code.suspicious(at)
        for name, at in code.globals:
            value = code.value_of(name)
            if value is not sum:
                self.todo.append((name, value))
            elif not code.called_with_one(at):  # `sum([], "ab")` is an error for a real string only
                raise _CouldTellError("sum with a start")
        for name, at in code.attributes:
            _not_dunder(name)
            if name.startswith(("gi_", "cr_", "ag_", "tb_")) or name in ("cache_info", "cache_clear", "format_map"):
                raise _CouldTellError(name)
            if name == "format" and not _reads_no_attribute(code.constant_before(at)):
                raise _CouldTellError(name)
            self.names.add(name)

    def _builtin(self, function: Any) -> None:
        """A method of a harmless value, `{"a": "b"}.get`; any other function in C looks at what it gets by itself."""
        owner = getattr(function, "__self__", getattr(function, "__objclass__", None))
        of = owner if isinstance(owner, type) else type(owner)
        if of not in ATOMS | EXACT or function.__name__.startswith(("__", "format")):
            raise _CouldTellError(function.__name__)
        self.todo.append((function.__name__, owner))

    def _item(self, getter: Any) -> None:
        self.todo += [("itemgetter", item) for item in getter.__reduce__()[1]]

    def _class(self, kind: Any) -> None:
        """A class that may be called, or asked what its instances are."""
        if type(kind) not in (type, enum.EnumMeta) or kind.__module__ in STAND_INS or not in_python(kind):
            raise _CouldTellError(kind.__name__)
        self.swallows = True
        self._methods(kind, CONSTRUCTORS)
        self.todo += [(base.__name__, base) for base in kind.__bases__ if base is not object]
        self._hold(lambda name: _attribute(kind.__mro__, name))

    def _instance(self, name: str, value: Any) -> None:
        self.swallows = True
        kinds = [kind for kind in type(value).__mro__ if kind is not object]
        for kind in kinds:
            if id(kind) in HARMLESS:
                continue
            if kind.__module__ in STAND_INS or not in_python(kind):
                raise _CouldTellError(name)
            self._methods(kind, set())
        self._contents(name, value)
        attributes = _attributes_of(value)

        def find(name: str) -> Iterator[Any]:
            yield from attributes(name)
            yield from _attribute(kinds, name)

        self._hold(find)

    def _methods(self, kind: Any, constructors: set[str]) -> None:
        """The methods that are called without being named."""
        known = generated(kind)
        for name, value in vars(kind).items():
            if not (name.startswith("__") and name.endswith("__")) or name in UNCALLED:
                continue
            if name in known:
                self.todo += [(name, value) for value in known[name]]
            elif name == "__match_args__":
                self.names |= {argument for argument in value if isinstance(argument, str)}
            elif name in constructors or name not in CONSTRUCTORS:
                in_c = isinstance(value, types.WrapperDescriptorType | types.MethodDescriptorType)
                inherited = in_c and issubclass(kind, value.__objclass__)  # all the same
                self.todo += [] if inherited else [(name, value)]


LOOKS: dict[Any, Callable[[_Look, Any], None]] = {
    types.FunctionType: _Look._function,
    types.ModuleType: _Look._module,
    types.BuiltinFunctionType: _Look._builtin,
    types.MethodDescriptorType: _Look._builtin,
    types.ClassMethodDescriptorType: _Look._builtin,
    operator.itemgetter: _Look._item,
}


def _not_dunder(name: str) -> None:
    if len(name) > 4 and name.startswith("__") and name.endswith("__"):
        raise _CouldTellError(name)


def _attribute(kinds: Iterable[type], name: str) -> Iterator[Any]:
    yield from (vars(kind)[name] for kind in kinds if name in vars(kind) and kind is not object)


def _attributes_of(value: Any) -> Callable[[str], Iterator[Any]]:
    """Finds what an object itself holds, without asking its class for it."""
    try:
        own = object.__getattribute__(value, "__dict__")
    except AttributeError:
        own = {}

    def find(name: str) -> Iterator[Any]:
        if name in own:
            yield own[name]
        for slot in _attribute(type(value).__mro__, name):
            if isinstance(slot, types.MemberDescriptorType):
                with contextlib.suppress(AttributeError):
                    yield slot.__get__(value)

    return find


def _reads_no_attribute(text: Any) -> bool:
    """Whether `text.format` only takes arguments and items of them: "{0.__class__}" would be an attribute."""
    if type(text) is not str:
        return False
    with contextlib.suppress(ValueError):  # it raises, whatever it gets
        for _, name, specification, _ in Formatter().parse(text):
            if "." in (name or "") or not (specification is None or _reads_no_attribute(specification)):
                return False
    return True
