"""All that remembers, by the place where it does, and models whose rule it is."""

import array
import contextvars
import itertools
import random
import threading
import types
from collections import ChainMap, defaultdict, deque
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from properties.selftest.rule.remembering_functions import (
    Rule,
    appends,
    by_a_decorator,
    every_other_time,
    held,
    in_a_buffer,
    in_a_cache_by_equality,
    in_a_cell,
    in_a_default,
    in_a_global,
    in_a_global_that_is_evaluated,
    in_a_global_that_is_not_spelled,
    in_a_helper,
    in_a_keyword,
    in_a_new_global,
    in_a_weak_reference,
    in_an_attribute,
    in_another_module,
    in_another_modules_table,
    in_builtins,
    in_the_order_of_a_dictionary,
    noting,
)
from properties.selftest.rule.remembering_objects import Child, Data, Filled, Itself, Memo, Properties, Slots, Steps
from zoo import Model, Transformer

ALWAYS_A = Transformer(np.array([[1.0], [1.0]]), np.zeros((4, 1)), [], unembedding=np.array([[1.0], [0.0]]))
# What is made anew for each test, and the name that is said; all of them say a to everything, but for the last three.
REMEMBERS: dict[str, tuple[Callable[[], Rule], str]] = {
    "itself": (Itself, "seen"),
    "a method's object": (lambda: Itself().deeply, "deep"),
    "its class": (lambda: Itself().in_its_class, "last"),
    "a table of its class": (lambda: Itself().in_a_table_of_its_class, "table"),
    "a table of a base": (lambda: Child().in_a_table_of_its_class, "table"),
    "a new attribute": (lambda: Itself().anew, "added"),
    "vars": (lambda: Itself().by_vars, "last"),
    "a class method": (lambda: Child.of_the_class, "last"),
    "slots": (Slots, "calls"),
    "an empty slot": (lambda: Slots().sets, "unset"),
    "a dictionary of its own class": (Memo, "the function"),
    "a property": (Properties, "_last"),
    "a cached property": (lambda: Filled().remembers, "table"),
    "a dataclass": (Data, "seen"),
    "partial": (lambda: partial(lambda kept, c: kept.append(1) or {"a"}, []), "the function"),
    "keyword of partial": (lambda: partial(lambda c, kept: kept.update({len(c): 1}) or {"a"}, kept={}), "kept"),
    "partial of a method": (lambda: partial(Itself().deeply), "deep"),
    "closure": (lambda: appends([]), "kept"),
    "a list in a tuple": (lambda: held(([],), lambda kept, c: kept[0].append(1)), "kept"),
    "a list in a dictionary": (lambda: held({"x": {"y": []}}, lambda kept, c: kept["x"]["y"].append(1)), "kept"),
    "a set": (lambda: held(set(), lambda kept, c: kept.add(str(c[0]))), "kept"),
    "a set of a set": (lambda: held([set()], lambda kept, c: kept[0].add(1)), "kept"),
    "a deque": (lambda: appends(deque(maxlen=2)), "kept"),
    "a defaultdict": (lambda: held(defaultdict(int), lambda kept, c: kept[len(c)]), "kept"),
    "a bytearray": (lambda: held(bytearray(), lambda kept, c: kept.append(1)), "kept"),
    "a buffer": (in_a_buffer, "kept"),
    "an array": (lambda: held(array.array("i"), lambda kept, c: kept.append(1)), "kept"),
    "numpy": (lambda: held(np.zeros(3), lambda kept, c: kept.__setitem__(0, len(c) + 1)), "kept"),
    "numpy of objects": (
        lambda: held(np.array([[], None], dtype=object), lambda kept, c: kept[0].append(1)),
        "kept",
    ),
    "a namespace": (lambda: held(types.SimpleNamespace(n=0), lambda kept, c: setattr(kept, "n", kept.n + 1)), "kept"),
    "a chain of dictionaries": (lambda: held(ChainMap({}), lambda kept, c: kept.__setitem__(len(c), 1)), "maps"),
    "a weak reference": (in_a_weak_reference, "seen"),
    "order": (in_the_order_of_a_dictionary, "order"),
    "a cell": (in_a_cell, "last"),
    "a global": (lambda: in_a_global, "TOTAL"),
    "a new global": (lambda: in_a_new_global, "NEW"),
    "a global that is not spelled": (lambda: in_a_global_that_is_not_spelled, "SEEN"),
    "a global that is evaluated": (lambda: in_a_global_that_is_evaluated, "SEEN"),
    "a helper": (lambda: in_a_helper, "TOTAL"),
    "another module": (lambda: in_another_module, "remembered"),
    "a table in another module": (lambda: in_another_modules_table, "TABLE"),
    "builtins": (lambda: in_builtins, "remembered"),
    "an attribute of the function": (lambda: in_an_attribute, "last"),
    "a default": (lambda: in_a_default, "a default"),
    "a keyword": (lambda: in_a_keyword, "a default"),
    "a decorator": (by_a_decorator, "calls"),
    "a method of a list": (lambda: partial(lambda add, c: add(1) or {"a"}, [].append), "the function"),
    "an iterator": (lambda: held(itertools.count(), lambda kept, c: next(kept)), "kept"),
    "an iterator's method": (lambda: held(itertools.count().__next__, lambda kept, c: kept()), "kept"),
    "a generator": (lambda: held((i for i in range(10**9)), lambda kept, c: next(kept)), "kept"),
    "an iterator in Python": (lambda: held(Steps(), lambda kept, c: next(kept)), "kept"),
    "a cycle": (lambda: held([{"x": itertools.cycle("ab")}], lambda kept, c: next(kept[0]["x"])), "kept"),
    "a random generator": (lambda: held(random.Random(1), lambda kept, c: kept.random()), "kept"),
    "the random generator": (lambda: noting(lambda c: random.random()), "random"),
    "numpy's random generator": (lambda: held(np.random.default_rng(1), lambda kept, c: kept.random()), "kept"),
    "a context variable": (lambda: held(contextvars.ContextVar("x"), lambda kept, c: kept.set(len(c))), "kept"),
    "a thread's own": (lambda: held(threading.local(), lambda kept, c: setattr(kept, "x", 1)), "kept"),
    "a lock": (lambda: held(threading.Lock(), lambda kept, c: kept.acquire(blocking=False)), "kept"),
    "every other time": (every_other_time, "on"),
    "equality in a cache": (in_a_cache_by_equality, "another order"),
}
SAID = r"but should depend on nothing but its context"


def model_of(rule: Rule, transformer: Transformer = ALWAYS_A) -> Model:
    return Model("always_a", "ab", transformer, rule)


def always_a(context: Any) -> set[str]:
    return {"a"}


def looks_and_says_a(context: Any) -> set[str]:
    return {"a"} if type(context) is str else {"b"}
