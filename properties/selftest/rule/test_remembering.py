"""Rules that remember are refused, wherever they keep it and however they are asked; those that do not are not."""

import array
import builtins
import contextvars
import copy
import functools
import itertools
import json
import logging
import random
import re
import sys
import threading
import types
import weakref
from collections import ChainMap, OrderedDict, defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cache, cached_property, lru_cache, partial
from typing import Any

import numpy as np
import pytest

import properties.selftest.idioms
import reference
import zoo
from properties.checks.table import check_model
from properties.proof.certificate import certify
from properties.proof.decision_tree import leaves
from properties.proof.search import prove_answers
from properties.recheck.tree import confirmed_leaves as confirmed
from properties.robustness.mutants import stories
from zoo import Deviation, Model, Transformer
from zoo.errors import CertificateError, RuleError
from zoo.rule import Asked
from zoo.rule.copying import copied
from zoo.rule.watch import watching
from zoo.training.train import from_rule

Rule = Callable[[Any], Any]
ALWAYS_A = Transformer(np.array([[1.0], [1.0]]), np.zeros((4, 1)), [], unembedding=np.array([[1.0], [0.0]]))
SEEN: list[Any] = []
TOTAL = 0
ENVIRON = {"NAMED": {"deep": [()]}}


class Itself:
    """Remembers in an attribute of its own, or of its class."""

    last: Any = None
    table: dict[int, Any] = {}  # noqa: RUF012

    def __init__(self) -> None:
        self.seen: dict[int, Any] = {}
        self.deep = {"list": [([0],)]}

    def __call__(self, c: Any) -> set[str]:
        self.seen.setdefault(len(c), str(c[0]))
        return {"a"}

    def deeply(self, c: Any) -> set[str]:
        self.deep["list"][0][0].append(len(c))
        return {"a"}

    def in_its_class(self, c: Any) -> set[str]:
        Itself.last = c[0]
        return {"a"}

    def in_a_table_of_its_class(self, c: Any) -> set[str]:
        self.table[len(c)] = c[0]
        return {"a"}

    def anew(self, c: Any) -> set[str]:
        self.added = c[0]
        return {"a"}

    def by_vars(self, c: Any) -> set[str]:
        vars(self)["last"] = str(c[0])
        return {"a"}

    @classmethod
    def of_the_class(cls, c: Any) -> set[str]:
        cls.last = str(c[0])
        return {"a"}


class Child(Itself):
    """In a base."""


class Slots:
    __slots__ = ("calls", "unset")

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, c: Any) -> set[str]:
        self.calls += 1
        return {"a"}

    def sets(self, c: Any) -> set[str]:
        self.unset = str(c[0])
        return {"a"}


class Memo(dict[int, str]):
    """A dictionary of its own class."""

    def __call__(self, c: Any) -> set[str]:
        self.setdefault(len(c), str(c[0]))
        return {"a"}


class Properties:
    def __init__(self) -> None:
        self._last: Any = None

    @property
    def last(self) -> Any:
        return self._last

    @last.setter
    def last(self, value: Any) -> None:
        self._last = value

    def __call__(self, c: Any) -> set[str]:
        self.last = str(c[0])
        return {"a"}


class Filled:
    """What `cached_property` fills is no memory; what is then put into it is."""

    @cached_property
    def table(self) -> dict[int, str]:
        return {}

    def __call__(self, c: Any) -> set[str]:
        return {"a"} if not self.table.get(9) else {"b"}

    def remembers(self, c: Any) -> set[str]:
        self.table.setdefault(len(c), str(c[0]))
        return {"a"}


@dataclass
class Data:
    seen: list[str] = field(default_factory=list)

    def __call__(self, c: Any) -> set[str]:
        self.seen.append(str(c[0]))
        return {"a"}


class Alike:
    """Equal to all of its kind: a cache takes one for another."""

    def __init__(self, token: str) -> None:
        self.token = token

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0


class Steps:
    """An iterator in Python."""

    def __init__(self) -> None:
        self.at = 0

    def __iter__(self) -> "Steps":
        return self

    def __next__(self) -> int:
        self.at += 1
        return self.at


def noting(note: Callable[[Any], Any]) -> Rule:
    """Says a whatever it is asked, and notes something of it."""
    return lambda c: {"a"} if note(c) != 0.5 else {"b"}


def appends(kept: Any) -> Rule:
    return noting(lambda c: kept.append(str(c[0])))


def held(kept: Any, do: Callable[[Any, Any], Any]) -> Rule:
    """`do` with what is kept and the context."""
    return noting(lambda c: do(kept, c))


def in_a_global(c: Any) -> set[str]:
    global TOTAL
    TOTAL += 1
    return {"a"}


def in_a_new_global(c: Any) -> set[str]:
    global NEW
    NEW = str(c[0])  # type: ignore[name-defined]
    return {"a"}


def in_a_global_that_is_not_spelled(c: Any) -> set[str]:
    globals()["SE" + "EN"].append(str(c[0]))
    return {"a"}


def in_a_global_that_is_evaluated(c: Any) -> set[str]:
    exec("SEEN.append(1)")
    return {"a"}


def in_a_helper(c: Any) -> set[str]:
    return in_a_global(c)


def in_another_module(c: Any) -> set[str]:
    reference.remembered = str(c[0])  # type: ignore[attr-defined]
    return {"a"}


def in_another_modules_table(c: Any) -> set[str]:
    properties.selftest.idioms.TABLE[str(c[0])] = 1
    return {"a"}


def in_builtins(c: Any) -> set[str]:
    builtins.remembered = str(c[0])  # type: ignore[attr-defined]
    return {"a"}


def in_an_attribute(c: Any) -> set[str]:
    in_an_attribute.last = str(c[0])  # type: ignore[attr-defined]
    return {"a"}


def in_a_default(c: Any, seen: list[Any] = []) -> set[str]:  # noqa: B006
    seen.append(str(c[0]))
    return {"a"}


def in_a_keyword(c: Any, *, seen: dict[str, int] = {}) -> set[str]:  # noqa: B006
    seen[str(c[0])] = 1
    return {"a"}


def in_a_cell() -> Rule:
    last = ""

    def rule(c: Any) -> set[str]:
        nonlocal last
        last = str(c[0])
        return {"a"}

    return rule


def every_other_time() -> Rule:
    """Back where it was after two calls."""
    on = [False]

    def rule(c: Any) -> set[str]:
        on[0] = not on[0]
        return {"a"} if on[0] else {"a", "b"}

    return rule


def in_the_order_of_a_dictionary() -> Rule:
    order = OrderedDict.fromkeys("ab")
    return noting(lambda c: order.move_to_end(str(c[0])))


def by_a_decorator() -> Rule:
    def counting(function: Rule) -> Rule:
        calls: list[int] = []

        @functools.wraps(function)
        def counted(c: Any) -> Any:
            calls.append(1)
            return function(c)

        return counted

    return counting(reference.ab)


def in_a_cache_by_equality() -> Rule:
    helper = cache(lambda alike: alike.token)
    return lambda c: {helper(Alike(str(c[-1])))}


def in_what_a_cache_says_of_itself() -> Rule:
    helper = lru_cache(lambda token: token)
    return lambda c: {"a"} if helper(str(c[0])) and helper.cache_info().hits >= 0 else {"b"}


def in_a_weak_reference() -> Rule:
    kept = Itself()
    KEPT.append(kept)
    return held(weakref.ref(kept), lambda reference, c: reference().seen.update({len(c): 1}))


def in_a_buffer() -> Rule:
    kept = bytearray(4)
    return held(memoryview(kept), lambda view, c: view.__setitem__(0, len(c)))


KEPT: list[Any] = []
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


@pytest.fixture(autouse=True)
def _as_before() -> Any:
    """What the rules here leave behind does not reach the next test."""
    before, table = dict(globals()), dict(properties.selftest.idioms.TABLE)
    yield
    globals().pop("NEW", None)
    globals().update(before)
    properties.selftest.idioms.TABLE.clear()
    properties.selftest.idioms.TABLE.update(table)
    Itself.last = None
    for kept in (Itself.table, SEEN, vars(in_an_attribute), (in_a_keyword.__kwdefaults__ or {})["seen"]):
        kept.clear()
    for holder in (reference, builtins, Child):
        for name in {"remembered", "last"} & vars(holder).keys():
            delattr(holder, name)


def rule_of(model: Model) -> Rule:
    assert model.rule is not None
    return model.rule


def prove(model: Model) -> None:
    prove_answers(model.transformer, model.vocab, rule_of(model))


WAYS: dict[str, Callable[[Model], object]] = {
    "enumerate": lambda model: check_model(model, "enumerate", ["rule"]),
    "prove": prove,
    "certify": lambda model: certify(model, rule_of(model)),
    "mutants": lambda model: list(stories(model)),
    "training": lambda model: from_rule(model, rule_of(model), ["a", "b", "aa", "ab", "bb"]),
    "deviations": lambda model: check_model(
        replace(model, rule=None, deviations=[Deviation(rule_of(model), ("a",), "it is so")]),
        "enumerate",
        ["deviations"],
    ),
}


def model_of(rule: Rule, transformer: Transformer = ALWAYS_A) -> Model:
    return Model("always_a", "ab", transformer, rule)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", REMEMBERS)
def test_what_remembers_is_refused(name: str, way: str) -> None:
    make, what = REMEMBERS[name]
    with pytest.raises(RuleError, match=SAID) as refused:
        WAYS[way](model_of(make()))
    assert what in str(refused.value)
    assert "\n" not in str(refused.value)


def always_a(context: Any) -> set[str]:
    return {"a"}


def looks_and_says_a(context: Any) -> set[str]:
    return {"a"} if type(context) is str else {"b"}


@pytest.mark.parametrize("name", REMEMBERS)
def test_a_certificate_of_what_remembers_is_refused(name: str) -> None:
    """One that was made of a rule which is asked of every context by itself."""
    tree = json.loads(json.dumps(certify(model_of(looks_and_says_a), looks_and_says_a)[1]))["trees"]["4"]
    assert len(list(confirmed(tree, model_of(looks_and_says_a), looks_and_says_a, 0, 4))) == 16
    rule = REMEMBERS[name][0]()
    with pytest.raises(CertificateError, match=rf"{SAID}|permits \['a'\], but should permit"):
        list(confirmed(tree, model_of(rule), rule, 0, 4))


class Letter(StrEnum):
    A = "a"


class Tables:
    """A large object that stays what it is."""

    def __init__(self) -> None:
        self.tables = {i: [(i, {"x": bytearray(2)})] for i in range(1000)}
        self.array = np.arange(1000)
        self.itself = self

    @cached_property
    def first(self) -> str:
        return "a"

    def __call__(self, c: Any) -> set[str]:
        return {self.first} if self.tables[len(c)] and self.array[0] == 0 else {"b"}


@cache
def helper(token: str) -> str:
    return token.lower()


@lru_cache(maxsize=1)
def small(token: str) -> str:
    return token


def logs(c: Any) -> set[str]:
    LOG.debug("asked about %s", c)
    return {"a"}


def prints(c: Any) -> set[str]:
    print(c, file=sys.stderr)
    return {"a"}


def uses_what_it_makes(c: Any) -> set[str]:
    seen: list[str] = []
    counts: defaultdict[str, int] = defaultdict(int)
    for token in c:
        seen.append(token)
        counts[token] += 1
    return {"a"} if len(seen) == sum(counts.values()) else {"b"}


LOG = logging.getLogger(__name__)
TOWER = zoo.load("aab")
KEEPS: dict[str, Rule] = {
    "a cached helper": lambda c: {"a"} if helper(str(c[0])) in "ab" else {"b"},
    "a small cache": lambda c: {"a"} if small(str(c[0])) != small(str(c[-1])) + "x" else {"b"},
    "a cached rule": cache(always_a),
    "tables": Tables(),
    "a cached property": Filled(),
    "logging": logs,
    "printing": prints,
    "what it makes itself": uses_what_it_makes,
    "an enumeration": lambda c: {"a"} if c[0] != Letter.A or Letter("a") else {"b"},
    "another model": lambda c: {"a"} if TOWER.predict(c[:5]) in "ab" else {"b"},
    "a table of another module": lambda c: {"a"} if properties.selftest.idioms.TABLE else {"b"},
    "one of the zoo": lambda c: {"a"} if reference.aab_assembly(c) else {"b"},
    "an environment": lambda c: {"a"} if ENVIRON["NAMED"]["deep"] else {"b"},
    "what is equal again": held([0], lambda kept, c: kept.__setitem__(0, 0)),
    "a compiled pattern": partial(lambda pattern, c: {"a"} if pattern is not None else {"b"}, re.compile("a")),
    "a deep copy": lambda c: {"a"} if copy.deepcopy([c]) else {"b"},
}


@pytest.mark.parametrize("method", ["enumerate", "prove"])
@pytest.mark.parametrize("name", KEEPS)
def test_what_does_not_remember_is_not_refused(name: str, method: str) -> None:
    [verdict] = check_model(model_of(KEEPS[name]), method, ["rule"])
    assert verdict.status == "holds"


def test_the_limit_is_said() -> None:
    table = dict.fromkeys(range(10**6), "a")
    with pytest.raises(RuleError, match=r"reaches more than 1,000,000 values, but should"):
        list(leaves(held(table, lambda kept, c: kept[0]), "ab", 2))


def test_a_copy_shares_nothing_that_is_written_to() -> None:
    for make, _ in REMEMBERS.values():
        rule = make()
        other = copied(rule)
        if other is not None and "global" not in str(rule):
            assert other is not rule or not hasattr(rule, "__closure__") or rule.__closure__ is None


def test_a_copy_has_memory_and_caches_of_its_own() -> None:
    kept: list[str] = []
    rule = appends(kept)
    other = copied(rule)
    assert other is not None
    other("ab")
    assert not kept
    cached = in_a_cache_by_equality()
    assert [cached("a"), cached("b")] == [{"a"}, {"a"}]
    other = copied(cached)
    assert other is not None
    assert [other("b"), other("a")] == [{"b"}, {"b"}]


def test_what_calls_itself_is_copied() -> None:
    def recursive(c: Any) -> set[str]:
        return {"a"} if not c else recursive(c[1:])

    other: Any = copied(recursive)
    assert other("abc") == {"a"}
    assert other.__closure__[0].cell_contents is other


def test_many_contexts_are_asked_about_again_in_the_opposite_order() -> None:
    asked: list[str] = []
    with watching(Asked(always_a, "ab")) as ask:
        for i in range(6000):
            ask(str(i))

    def notes(c: Any) -> set[str]:
        asked.append(c)
        return {"a"}

    with pytest.raises(RuleError, match="changes 'asked'"), watching(Asked(notes, "ab")) as ask:
        ask("a")


def no_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zoo.rule.watch.copied", lambda function: None)


def no_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zoo.rule.remembering._Walk._class", lambda self, kind: None)


def no_contents(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zoo.rule.remembering._Walk._instance", lambda self, name, value: None)


def no_comparison(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zoo.rule.remembering.Memory.changed", lambda self: "")


@pytest.mark.parametrize(
    ("fault", "name"),
    [
        (no_copy, "equality in a cache"),
        (no_classes, "a table of its class"),
        (no_contents, "a list in a tuple"),
        (no_comparison, "itself"),
        (no_comparison, "a cell"),
    ],
)
@pytest.mark.parametrize("method", ["enumerate", "prove"])
def test_a_fault_planted_in_what_remembers_is_noticed(
    fault: Callable[[pytest.MonkeyPatch], None], name: str, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fault(monkeypatch)
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        test_what_remembers_is_refused(name, method)
