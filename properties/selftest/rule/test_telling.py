"""Rules that tell a real context from what stands in for it: their code is seen through, and they are asked by name."""
# ruff: noqa: B010, B024, E721, F507, RUF015, UP030, UP031, UP032

import copy
import functools
import itertools
import json
import operator
import pickle
import sys
import typing
from abc import ABC
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np
import pytest

import properties.proof.lazy
import reference
import zoo
from properties.checks import settle
from properties.checks.table import check_model
from properties.proof.certificate import certify
from properties.proof.decision_tree import leaves
from properties.recheck.tree import confirmed_leaves as confirmed
from zoo import Model, Transformer
from zoo.errors import CertificateError, RuleError
from zoo.rule import tells

Rule = Callable[[Any], Any]
ALWAYS_A = Transformer(np.array([[1.0], [1.0]]), np.zeros((4, 1)), [], unembedding=np.array([[1.0], [0.0]]))
KIND = type
EQUALS = "abba".__eq__
GET = getattr
SAME = operator.is_
PARTS, PATTERN = ["__e", "q__"], ["{0.__l", "en__}"]
KINDS = {str: True}
FUNCTIONS: dict[str, Any] = {"kind": type, "nested": [{"kind": (type,)}]}
hidden: Any = "hidden in a module"


class Strings(ABC):
    """Whatever is not of this very class."""

    @classmethod
    def __subclasshook__(cls, other: type) -> bool:
        return other is str


class WithoutHook(ABC):
    """Which a stand-in was registered with."""


WithoutHook.register(properties.proof.lazy.LazyString)


class Looks:
    """Its functions are in it and in its class."""

    kind: Any = type

    def __init__(self) -> None:
        self.mine: Any = type

    def by_itself(self, c: Any) -> bool:
        return bool(self.mine(c) == str)

    def by_its_class(self, c: Any) -> bool:
        return bool(self.kind(c) == str)

    def through(self, c: Any) -> bool:
        return self.by_itself(c)

    def __getattr__(self, name: str) -> Any:
        return lambda c: type(c) == str

    def by_getattr(self, c: Any) -> bool:
        return bool(self.anything(c))

    def __len__(self) -> int:
        return 1

    @property
    def how(self) -> Any:
        return type

    def by_property(self, c: Any) -> bool:
        return bool(self.how(c) == str)


class Slots:
    __slots__ = ("kind",)

    def __init__(self) -> None:
        self.kind: Any = type

    def __call__(self, c: Any) -> bool:
        return bool(self.kind(c) == str)


class Equal:
    """Looks at what it is compared with."""

    def __eq__(self, other: object) -> bool:
        return type(other) is str

    def __hash__(self) -> int:
        return 0


@dataclass
class Holds:
    """Looks at what it holds when it is printed."""

    held: Any

    def __repr__(self) -> str:
        return type(self.held).__name__


def by_default(c: Any, kind: Any = type) -> bool:
    return bool(kind(c) == str)


def by_keyword(c: Any, *, kind: Any = type) -> bool:
    return bool(kind(c) == str)


def by_attribute(c: Any) -> bool:
    return bool(by_attribute.kind(c) == str)  # type: ignore[attr-defined]


by_attribute.kind = type  # type: ignore[attr-defined]


def enclosed(kind: Any) -> Rule:
    return lambda c: kind(c) == str


def enclosed_in(kinds: tuple[list[Any], ...]) -> Rule:
    return lambda c: kinds[0][0](c) == str


@functools.wraps(by_default)
def wrapped(*arguments: Any) -> bool:
    return by_default(*arguments)


def by_import(c: Any) -> bool:
    from builtins import type as kind

    return bool(kind(c) == str)


def by_a_class(c: Any) -> bool:
    class Text(str):
        pass

    return Text(c).__class__.__class__(c) == str


def by_class_pattern(c: Any) -> bool:
    match c:
        case str(__class__=kind):
            return bool(kind.__class__(c) == str)
    return False


def by_setting(c: Any) -> bool:
    try:
        setattr(c, "x", 1)
    except AttributeError as error:
        return "'str' object has no attribute 'x'" in str(error)
    return False


def by_percent(c: Any) -> bool:
    try:
        "x" % c
    except TypeError:
        return True
    return False


def by_percent_of_a_token(c: Any) -> bool:
    try:
        KINDS_OF_PERCENT[0] % c[0]
    except TypeError:
        return True
    return False


KINDS_OF_PERCENT = ("x",)


def by_sum(c: Any) -> bool:
    try:
        sum([], c)
    except TypeError:
        return True
    return False


def by_sum_of(c: Any, add: Any = sum) -> bool:
    try:
        add([], start=c)
    except TypeError:
        return True
    return False


def by_frame(c: Any) -> bool:
    def look() -> Iterator[Any]:
        yield generator.gi_frame.f_back.f_back.f_back.f_code.co_name == "watched"

    generator: Any = look()
    return not next(generator)


def by_traceback(c: Any) -> bool:
    try:
        raise ValueError
    except ValueError as error:
        frame = error.__traceback__.tb_frame.f_back  # type: ignore[union-attr]
        return "raw" not in str(frame)


def by_evaluation(c: Any) -> bool:
    return bool(eval("type(c) is str"))


def by_globals(c: Any) -> bool:
    return bool(globals()["KI" + "ND"](c) == str)


def by_iterator(c: Any) -> bool:
    return not hasattr(iter(c), "send") and "str" in repr(iter(c))


def by_copy(c: Any) -> bool:
    return copy.copy(c) is c


def by_pickle(c: Any) -> bool:
    with suppress(Exception):
        return bool(pickle.loads(pickle.dumps(c)) == "abba")
    return False


def code_of_another_file(c: Any) -> bool:
    return reference.rules.looks(c)  # type: ignore[attr-defined,no-any-return]


# True of a real context of characters, and not, or not surely, of one that is none; with what is found to tell.
TELLERS: dict[str, tuple[Rule, str]] = {
    "type": (lambda c: type(c) is str, "type"),
    "an alias": (lambda c: KIND(c) == str, "type"),
    "a dictionary by type": (lambda c: KINDS.get(type(c), False), "type"),
    "type in a dictionary": (lambda c: FUNCTIONS["kind"](c) == str, "type"),
    "type deep in containers": (lambda c: FUNCTIONS["nested"][0]["kind"][0](c) == str, "type"),
    "type of a token": (lambda c: all(type(token) == str for token in c), "type"),
    "map of type": (lambda c: list(map(type, c))[0] == str, "type"),
    "a class of a class": (lambda c: c.__class__.__class__(c) == str, "__class__"),
    "__eq__ of a constant": (lambda c: "abba".__eq__(c) is True, "__eq__"),
    "__ne__ of a constant": (lambda c: "abba".__ne__(c) is False, "__ne__"),
    "__lt__ of a constant": (lambda c: "abba".__lt__(c) is False, "__lt__"),
    "__eq__ of str": (lambda c: str.__eq__("abba", c) is True, "__eq__"),
    "a bound __eq__": (lambda c: EQUALS(c) is True, "EQUALS"),
    "getattr": (lambda c: getattr("abba", "__e" + "q__")(c) is True, "__eq__"),  # which Python puts together
    "an alias of getattr": (lambda c: GET("abba", "".join(PARTS))(c) is True, "getattr"),
    "operator.is_": (lambda c: SAME(c[:], c), "is_"),
    "is": (lambda c: c[:] is c, "is"),
    "is of tokens": (lambda c: c[0] is c[-1], "is"),
    "operator.attrgetter": (lambda c: operator.attrgetter("__class__.__class__")(c)(c) == str, "__class__.__class__"),
    "operator.methodcaller": (lambda c: operator.methodcaller("isdecimal")(c) is False, "methodcaller"),
    "operator.length_hint": (lambda c: operator.length_hint(iter(c)) == 4, "length_hint"),
    "operator.mod": (by_percent, "%"),
    "percent of a token": (by_percent_of_a_token, "%"),
    "sum with a start": (by_sum, "sum with a start"),
    "an alias of sum": (by_sum_of, "sum"),
    "hasattr": (lambda c: not hasattr(c, "_run") and not hasattr(c, "_StandIn__known"), "hasattr"),
    "dir": (lambda c: dir(c) == dir(""), "dir"),
    "vars": (by_setting, "setattr"),
    "id": (lambda c: id(c[:]) == id(c), "id"),
    "numpy": (lambda c: np.array(c).size == 1, "size"),
    "sys.gettrace": (lambda c: sys.gettrace() is None, "gettrace"),
    "sys.getsizeof": (lambda c: sys.getsizeof(c) == sys.getsizeof("abba"), "getsizeof"),
    "frames": (by_frame, "gi_frame"),
    "traceback": (by_traceback, "__traceback__"),
    "eval": (by_evaluation, "eval"),
    "globals": (by_globals, "globals"),
    "import": (by_import, "import builtins"),
    "a class made here": (by_a_class, "__class__"),
    "a pattern": (by_class_pattern, "__class__"),
    "isinstance by a hook": (lambda c: isinstance(c, Strings), "Strings"),
    "isinstance of what was registered": (lambda c: not isinstance(c, WithoutHook), "WithoutHook"),
    "isinstance of a stand-in": (lambda c: not isinstance(c, properties.proof.lazy.LazyString), "LazyString"),
    "a stand-in's file": (lambda c: properties.proof.lazy._real(c) is c, "_real"),
    "typing": (lambda c: isinstance(c, typing.Sequence), "__subclasscheck__"),
    "format": (lambda c: "{0.__class__.__class__}".format(c) == "<class 'type'>", "format"),
    "format of an attribute": (lambda c: "{0.__len__}".format(c).startswith("<method-w"), "format"),
    "format that is not spelled": (lambda c: "".join(PATTERN).format(c)[:9] == "<method-w", "format"),
    "an iterator": (by_iterator, "hasattr"),
    "copy": (by_copy, "__copy__"),
    "pickle": (by_pickle, "loads"),
    "a default": (by_default, "type"),
    "a keyword": (by_keyword, "type"),
    "an attribute of a function": (by_attribute, "type"),
    "a closure": (enclosed(type), "type"),
    "a closure of a list in a tuple": (enclosed_in(([type],)), "type"),
    "a wrapped function": (wrapped, "type"),
    "a cached function": (cache(lambda c: type(c) == str), "type"),
    "partial": (partial(lambda kind, c: kind(c) == str, type), "type"),
    "keyword of partial": (partial(lambda c, kind: kind(c) == str, kind=type), "type"),
    "an object": (Slots(), "type"),
    "a method": (Looks().by_itself, "type"),
    "a class attribute": (Looks().by_its_class, "type"),
    "another method": (Looks().through, "type"),
    "__getattr__": (Looks().by_getattr, "type"),
    "a property": (Looks().by_property, "type"),
    "an operator of a class": (lambda c: (Equal() == c) is True, "type"),
    "what is printed": (lambda c: f"{Holds(c)}" == "str", "__name__"),
    "code of another file": (code_of_another_file, "type"),
    "reduce": (lambda c: functools.reduce(lambda known, token: known and type(token) is str, c, True), "type"),
    "another's function in itertools": (lambda c: next(itertools.starmap(type, [(c,)])) == str, "type"),
}


@pytest.fixture(autouse=True)
def _looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference.rules, "looks", lambda c: type(c) is str, raising=False)


def says_b_once(real: Rule) -> Rule:
    """Wrong of the model after abba, where it is asked about a real context."""
    return lambda c: {"b"} if real(c) and c == "abba" else {"a"}


@pytest.mark.parametrize("name", TELLERS)
def test_what_could_tell_is_found(name: str) -> None:
    real, found = TELLERS[name]
    assert real("abba"), "it should be true of a real context"
    assert tells(real) == found
    assert tells(says_b_once(real)) == found


@pytest.mark.parametrize("method", ["prove", "enumerate"])
@pytest.mark.parametrize("name", TELLERS)
def test_a_rule_that_tells_fails(name: str, method: str) -> None:
    model = Model("always_a", "ab", ALWAYS_A, says_b_once(TELLERS[name][0]))
    [verdict] = check_model(model, method, ["rule"])
    assert verdict.status == "failed"
    assert verdict.counterexample is not None
    assert verdict.counterexample.context == "abba"
    assert certify(model, model.rule)[1] is None  # type: ignore[arg-type]


def always_a(context: Any) -> set[str]:
    return {"a"}


@pytest.mark.parametrize("name", TELLERS)
def test_a_certificate_of_a_rule_that_tells_is_refused(name: str) -> None:
    """One of a rule that says a to whatever it is given, held against it."""
    model = Model("always_a", "ab", ALWAYS_A, always_a)
    made = json.loads(json.dumps(certify(model, always_a)[1]))
    assert len(list(confirmed(made["trees"]["4"], model, always_a, 0, 4))) == 1
    rule = says_b_once(TELLERS[name][0])
    with pytest.raises(CertificateError, match=r"uses .*should be a single context|something else after"):
        list(confirmed(made["trees"]["4"], model, rule, 0, 4))


def looks_and_says_a(context: Any) -> set[str]:
    return {"a"} if type(context) is str else {"b"}


def test_what_could_tell_and_does_not_is_proved_and_confirmed_context_by_context() -> None:
    model = Model("always_a", "ab", ALWAYS_A, looks_and_says_a)
    found = list(leaves(looks_and_says_a, "ab", 4))
    assert len(found) == 16
    proof, certificate = certify(model, looks_and_says_a)
    assert (proof.status, proof.contexts, proof.tells, proof.leaves) == ("holds", 30, "type", 30)
    trees = json.loads(json.dumps(certificate))["trees"]
    found_again = [leaf for n in range(1, 5) for leaf in confirmed(trees[str(n)], model, looks_and_says_a, 0, n)]
    assert [leaf.contexts for leaf in found_again] == [1] * 30


def test_a_proof_that_takes_too_long_says_what_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settle, "PROOF_SECONDS", {"auto": 0.2, "prove": 0.2})
    long = Transformer(np.array([[1.0], [1.0]]), np.zeros((40, 1)), [], unembedding=np.array([[1.0], [0.0]]))
    changes: dict[str, Any] = {"rule": looks_and_says_a, "predictors": [lambda c: type(c) and "a"]}
    for field, value in changes.items():
        kind = field.removesuffix("s")
        model = Model("always_a", "ab", long, **{field: value})
        [verdict] = check_model(model, "prove", [field])
        assert verdict.status == "undecided"
        assert verdict.detail.endswith(f"; the {kind} uses type, and is asked of every context by itself")


def test_a_cycle_is_not_sought_for_ages_where_every_context_is_a_leaf(monkeypatch: pytest.MonkeyPatch) -> None:
    from properties.checks.cycles import of_suffixes

    long = Transformer(np.array([[1.0], [1.0]]), np.zeros((64, 1)), [], unembedding=np.array([[1.0], [0.0]]))
    assert of_suffixes(looks_and_says_a, Model("always_a", "ab", long, looks_and_says_a)) is None


RULES = [getattr(reference, name) for name in reference.__all__ if name not in ("Assembly", "run")]
STATED = [(name, f) for name in zoo.names() for f in (zoo.load(name).rule, *zoo.load(name).predictors) if f is not None]


@pytest.mark.parametrize("rule", [*RULES, *(f for _, f in STATED)])
def test_no_rule_of_the_zoo_could_tell(rule: Rule) -> None:
    assert tells(rule) == ""


def never_looked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zoo.rule.watch.tells", lambda function: "")


def names_not_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zoo.rule.telling._Look._attributes", lambda self: False)


def constants_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zoo.rule.telling._not_dunder", lambda name: None)


def operators_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zoo.rule.bytecode.Code.suspicious", lambda self, at: "")


@pytest.mark.parametrize(
    ("fault", "name"),
    [
        (never_looked, "type"),
        (never_looked, "__eq__ of a constant"),
        (names_not_looked_up, "an object"),
        (constants_not_looked_at, "__ne__ of a constant"),
        (operators_not_looked_at, "operator.mod"),
    ],
)
def test_a_fault_planted_in_what_tells_is_noticed(
    fault: Callable[[pytest.MonkeyPatch], None], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fault(monkeypatch)
    with pytest.raises((AssertionError, RuleError), match=r"assert 'holds' == 'failed'|read token by token"):
        test_a_rule_that_tells_fails(name, "prove")
