"""What a function may say, as one number: of its code and of all that it reaches, by value.

A rule is asked anew by no one where an answer is kept. So whatever it could ask counts: its code, defaults and closure,
the variables of modules that it spells, and what these hold, wherever it stands. What has no value that could be told
from another, or is read as it runs (a file, the environment, the clock), is refused, as is what could reach that: of
Python and of numpy those functions are let through which answer what they are given.
"""

import operator
import re
import sys
import types
from collections import defaultdict, deque, namedtuple
from collections.abc import Callable, Iterator, Sequence
from enum import Enum
from typing import Any, NamedTuple

import numpy as np

from zoo.errors import RuleError
from zoo.rule import asking
from zoo.rule.bytecode import Code, inside
from zoo.rule.harmless import CONTAINERS, EXACT, WRAPPERS, content, generated, in_python
from zoo.rule.holding import dict_of, is_cached, slots
from zoo.rule.origin import in_library, packages
from zoo.shards import pure
from zoo.shards.data import PROJECT
from zoo.shards.pure import is_known, is_of_numpy, is_ours, is_pure, name_of, of_code, plain

MOST = 10**5  # objects
Find = Callable[[str], Iterator[Any]]


def values(function: Any) -> Iterator[bytes]:
    """All that tells a function from others. RuleError for what reaches that of which nobody knows what it will be."""
    found = _Values(function)
    try:
        yield from found.through()
        return
    except _UnknownError as unknown:
        what = str(unknown)
    except Exception as error:  # of a stranger's object that does not let itself be looked at
        what = f"what raises {type(error).__name__} when it is looked at"
    raise RuleError(
        f"{asking.name_of(function)} reaches {what}, which may be another the next time, "
        "but should depend on nothing but its context and what stands in its file for what is settled to be kept"
    )


class _UnknownError(Exception):
    """What is reached has no value."""


class _Of(NamedTuple):
    """The class of an object that is there already: what constructs one is not called, unless the class is reached."""

    kind: Any


class _Values:
    """A walk, in an order that is the same wherever all is the same; objects go by the number of their turn."""

    def __init__(self, function: Any) -> None:
        self.numbers: dict[int, int] = {}
        self.objects: list[Any] = []  # by number; held, so that no other gets their identity
        self.names: set[str] = set()  # of attributes, that code spells
        self.holders: list[tuple[str, Find, set[str]]] = []  # of attributes, and the names that were looked up
        self.own = packages(function)
        self.kinds: dict[int, _Of] = {}
        self.ref(function)

    def through(self) -> Iterator[bytes]:
        done = 0
        while True:
            while done < len(self.objects):
                yield from self.parts(self.objects[done])
                done += 1
            looked = [*self.looked()]
            if not looked:
                return
            yield from looked

    def looked(self) -> Iterator[bytes]:
        """What holders have under names that are new to them."""
        for what, find, known in [*self.holders]:
            for name in sorted(self.names - known):
                known.add(name)
                for value in find(name):
                    yield f"{what} {name}".encode() + self.ref(value)

    def ref(self, value: Any) -> bytes:
        """A value in a word: what it is, or its number."""
        if (text := plain(value)) is not None:
            return text
        if id(value) not in self.numbers:
            if len(self.objects) >= MOST:
                raise _UnknownError(f"more than {MOST:,} objects")
            self.numbers[id(value)] = len(self.objects)
            self.objects.append(value)
        return b" #%d" % self.numbers[id(value)]

    def is_library(self, module: Any, file: str) -> bool:
        """Whether code is not looked into: that of the project, and of libraries, but the function's own package."""
        if not isinstance(module, str):
            return True
        looked = module.partition(".")[0] in self.own or module.startswith(PROJECT)
        return is_ours(module) or (not looked and (in_library(file) or module in sys.builtin_module_names))

    def parts(self, value: Any) -> Iterator[bytes]:
        kind = type(value)
        yield f"{kind.__module__}.{kind.__qualname__}".encode()
        if kind is _Of:
            yield from self.of_class(value.kind, made=True)
        elif is_known(value) or is_of_numpy(value):
            yield name_of(value).encode()
        elif kind in PARTS:
            yield from PARTS[kind](self, value)
        elif kind in EXACT:
            yield from self.contents(value)
        elif kind in WRAPPERS:
            yield from self.refs([getattr(value, part) for part in WRAPPERS[kind]])
        elif issubclass(kind, type):
            yield from self.of_class(value)
        else:
            yield from self.instance(value)

    def refs(self, held: Sequence[Any]) -> Iterator[bytes]:
        yield str(len(held)).encode()
        yield from map(self.ref, held)

    def contents(self, value: Any) -> Iterator[bytes]:
        of = next((one for one in CONTAINERS if isinstance(value, one)), None)
        if of in (set, frozenset):
            texts = [plain(item) for item in CONTAINERS[set if of is set else frozenset](value)]
            if None in texts:
                raise _UnknownError("a set of what has no order")
            yield from sorted(filter(None, texts))
        elif of is not None:
            yield from self.refs(list(CONTAINERS[of](value)))
        if isinstance(value, deque):
            yield self.ref(value.maxlen)
        if isinstance(value, defaultdict):
            yield self.ref(value.default_factory)

    def function(self, function: types.FunctionType) -> Iterator[bytes]:
        names, built_in = function.__globals__, getattr(function, "__builtins__", {})
        cells = [[*content(cell)] for cell in function.__closure__ or ()]
        yield from self.refs([*pure.parts(function), cells])
        yield self.ref(vars(function))
        module = names.get("__name__")
        its = vars(sys.modules[module]) if module in sys.modules else {}
        if names is its and self.is_library(module, function.__code__.co_filename):
            if not is_pure(function):
                raise _UnknownError(name_of(function))
            yield name_of(function).encode()
            return
        yield from of_code(function.__code__, self.ref)

        def value_of(name: str) -> Any:
            return names.get(name, built_in.get(name))

        free = {name: value for name, cell in zip(function.__code__.co_freevars, cells) for value in cell}
        for code in inside(function.__code__, free, value_of):
            yield from self.spelled(code, names, built_in)

    def spelled(self, code: Code, names: dict[str, Any], built_in: dict[str, Any]) -> Iterator[bytes]:
        """What global names stand for, and what is imported."""
        for name, _ in code.globals:
            if name in names:
                yield f"global {name}".encode() + self.ref(names[name])
            elif name in built_in:
                if not is_known(built_in[name]):
                    raise _UnknownError(name)
                yield f"built-in {name}".encode()
        attributes = {name for name, _ in code.attributes}
        if dynamic := sorted(attributes & pure.DYNAMIC):
            raise _UnknownError(dynamic[0])
        for at, one in enumerate(code.instructions):
            if one.opname == "IMPORT_NAME":
                yield from self.imported(one.argval, code.instructions[at - 2].argval)
        self.names |= attributes | {"__class__" for name, _ in code.globals if name == "type"}
        for text in code.strings:  # what could be looked up by them
            self.names |= set(re.findall(r"\w+", text))

    def imported(self, name: str, level: Any) -> Iterator[bytes]:
        parts = name.split(".")
        for end in range(1, len(parts) + 1):
            known = sys.modules.get(".".join(parts[:end]))
            if known is None or level != 0:
                raise _UnknownError(f"import {name}")
            yield self.ref(known)

    def module(self, module: types.ModuleType) -> Iterator[bytes]:
        name = module.__name__
        if name.startswith("numpy") and name not in pure.NUMPY:
            raise _UnknownError(name)
        yield name.encode()

        def find(name: str) -> Iterator[Any]:
            if name in vars(module):
                yield vars(module)[name]
            elif "__getattr__" in vars(module) and not self.is_library(
                module.__name__, getattr(module, "__file__", None) or ""
            ):
                raise _UnknownError(f"{module.__name__}.__getattr__")

        self.holders.append((f"module {name}", find, set()))

    def builtin(self, function: Any) -> Iterator[bytes]:
        """A method of a value, `{"a": "b"}.get`; of a type, `str.upper`."""
        owner = getattr(function, "__self__", getattr(function, "__objclass__", None))
        of = owner if isinstance(owner, type) else type(owner)
        if owner is None or of not in pure.OWNERS or function.__name__ in pure.DYNAMIC:
            raise _UnknownError(name_of(function))
        yield function.__name__.encode() + self.ref(owner)

    def descriptor(self, one: Any) -> Iterator[bytes]:
        yield one.__name__.encode()

    def pattern(self, one: Any) -> Iterator[bytes]:
        yield from self.refs([one.pattern, one.flags])

    def reduced(self, getter: Any) -> Iterator[bytes]:
        yield self.ref(getter.__reduce__()[1])

    def array(self, array: Any) -> Iterator[bytes]:
        if array.dtype.hasobject:
            raise _UnknownError("an array of objects")
        yield repr((array.shape, array.dtype.descr)).encode()
        yield array.tobytes()

    def of_class(self, kind: Any, made: bool = False) -> Iterator[bytes]:
        its: Any = getattr(sys.modules.get(kind.__module__), kind.__name__, None)  # it may only say that it is there
        if not in_python(kind) or (its is kind and self.is_library(kind.__module__, pure.file_of(its))):
            if not is_pure(kind):
                raise _UnknownError(name_of(kind))
            yield name_of(kind).encode()
            return
        known = generated(kind)
        held = {name: value for name, value in vars(kind).items() if name not in pure.INTERNAL}
        implied = {name for name in held if name.startswith("__") and not (made and name in pure.CONSTRUCTORS)}
        methods = {n: v for n, v in held.items() if type(v) in pure.METHODS and n not in implied and n not in known}
        yield self.ref(kind.__qualname__)
        yield from self.refs([*(map(self.of, kind.__bases__) if made else kind.__bases__), type(kind)])
        for name, value in held.items():
            if name not in methods:
                yield name.encode() + b"".join(map(self.ref, known.get(name, [value])))

        def find(name: str) -> Iterator[Any]:
            if name in methods:
                yield methods[name]
            elif name == "__class__":
                yield kind

        self.holders.append((f"class {kind.__qualname__}", find, set()))

    def of(self, kind: Any) -> _Of:
        """The same for every object of it."""
        return self.kinds.setdefault(id(kind), _Of(kind))

    def instance(self, value: Any) -> Iterator[bytes]:
        kind = type(value)
        native = next((base for base in kind.__mro__ if not in_python(base)), object)
        if not (native is object or native in pure.PLAIN | EXACT or issubclass(kind, BaseException)):
            raise _UnknownError(f"an object of {name_of(kind)}")
        yield self.ref(self.of(kind))
        if isinstance(value, Enum):
            yield from self.refs([value.name, value.value])
            return
        if native in pure.PLAIN:
            by_value: Any = native
            yield by_value.__repr__(value).encode()
        yield from self.contents(value)
        if isinstance(value, BaseException):
            yield self.ref(value.args)
        cached = {name for base in kind.__mro__ for name, part in vars(base).items() if is_cached(part)}
        own = {name: held for name, held in (dict_of(value) or {}).items() if name not in cached}
        for slot in slots(kind):
            try:
                own[f"{slot.__objclass__.__qualname__}.{slot.__name__}"] = slot.__get__(value)
            except AttributeError:
                continue
        for name, held in own.items():
            yield name.encode() + self.ref(held)


PARTS: dict[Any, Callable[[_Values, Any], Iterator[bytes]]] = {
    types.FunctionType: _Values.function,
    types.ModuleType: _Values.module,
    types.BuiltinFunctionType: _Values.builtin,
    types.MethodDescriptorType: _Values.builtin,
    types.WrapperDescriptorType: _Values.builtin,
    types.ClassMethodDescriptorType: _Values.builtin,
    types.MemberDescriptorType: _Values.descriptor,
    types.GetSetDescriptorType: _Values.descriptor,
    re.Pattern: _Values.pattern,
    operator.itemgetter: _Values.reduced,
    type(vars(namedtuple("_", "field"))["field"]): _Values.reduced,
    np.ndarray: _Values.array,
}
