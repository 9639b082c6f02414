"""More than a hundred ways in which a plain function reads its context, to be tried lazily against really.

Each is made with two tokens a and b, and two positions i and j that may be outside. What it says is turned into an
answer: a truth into one of two tokens, a number into one token of all.
"""
# ruff: noqa: RUF007, UP030, UP031, UP032

import functools
import itertools
import math
import operator
import re
import string
from bisect import bisect_left
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, lru_cache, partial, reduce
from heapq import nsmallest
from itertools import accumulate, chain, compress, dropwhile, groupby, islice, pairwise, takewhile, zip_longest
from typing import Any, NamedTuple

import reference

Function = Callable[[Any], Any]
Idiom = Callable[[str, str, int, int], Function]


class Letter(StrEnum):
    A = "a"
    B = "b"


class Row(NamedTuple):
    token: str
    then: str


@dataclass
class Follows:
    """A rule as an object."""

    token: str
    at: int

    def __call__(self, c: Any) -> bool:
        return bool(c[self.at] == self.token) if -len(c) <= self.at < len(c) else False


@dataclass(frozen=True)
class Frozen:
    tokens: tuple[str, ...]

    def says(self, c: Any) -> bool:
        return c[-1] in self.tokens

    @property
    def first(self) -> str:
        return self.tokens[0]


class Slotted:
    __slots__ = ("table",)

    def __init__(self, table: dict[str, bool]) -> None:
        self.table = table

    def __call__(self, c: Any) -> bool:
        return self.table.get(c[0], False)


class Automaton:
    """A state for each step, by a method."""

    def __init__(self, token: str) -> None:
        self.token = token

    def step(self, state: int, token: str) -> int:
        return (state + 1) % 3 if token == self.token else state

    def __call__(self, c: Any) -> int:
        state = 0
        for token in c:
            state = self.step(state, token)
        return state


class Either:
    """Equal to several tokens."""

    def __init__(self, *tokens: str) -> None:
        self.tokens = tokens

    def __eq__(self, other: object) -> bool:
        return other in self.tokens

    def __hash__(self) -> int:
        return 0


class Loud(str):
    """A token that is equal to others without regard to case."""

    def __eq__(self, other: object) -> bool:
        return str.lower(self) == str(other).lower()

    def __hash__(self) -> int:
        return hash(str.lower(self))


class Word(str):
    """Text that is a class of its own, and adds nothing."""


@cache
def is_vowel(token: str) -> bool:
    return token in "aeiou"


@lru_cache(maxsize=2)
def doubled(token: str) -> str:
    return token * 2


def recursive(c: Any, a: str) -> int:
    return 0 if not len(c) else (c[0] == a) + recursive(c[1:], a)


def last_run(c: Any) -> int:
    run = 1
    while run < len(c) and c[-run - 1] == c[-1]:
        run += 1
    return run


def reads_backwards(c: Any) -> Iterator[str]:
    for i in range(len(c) - 1, -1, -1):
        yield c[i]


def get(c: Any, i: int) -> Any:
    return c[i] if -len(c) <= i < len(c) else ""


def index_error(c: Any, a: str, i: int) -> bool:
    try:
        return bool(c[i] == a)
    except IndexError:
        return False


def key_error(c: Any, a: str) -> bool:
    table = {a: True}
    try:
        return table[c[-1]]
    except KeyError:
        return False


def message_of_an_error(c: Any, i: int) -> bool:
    try:
        c[i + 9]
    except IndexError as error:
        return "string" in str(error)
    return True


def suppressed(c: Any, i: int) -> bool:
    with suppress(IndexError):
        return bool(c[i] == c[0])
    return False


def for_else(c: Any, a: str) -> bool:
    for token in c:
        if token == a:
            break
    else:
        return False
    return True


def walrus(c: Any, a: str) -> bool:
    return (n := len(c)) > 1 and c[n - 2] == a


def matched(c: Any, a: str, b: str) -> int:
    match c[-1]:
        case "a" | "b":
            return 1
        case token if token == b:
            return 2
        case str():
            return 0
    return 3


def matched_whole(c: Any) -> int:
    match c:
        case "ab" | "aab":
            return 1
        case str() if len(c) > 2:
            return 2
        case [*_, "yes"]:
            return 1
        case [_, _]:
            return 2
    return 0


def matched_enum(c: Any) -> bool:
    match c[0]:
        case Letter.A:
            return True
    return False


def unpacked(c: Any) -> bool:
    whole: list[Any] = [*c, ""]
    first, *_, last = whole
    return bool(first == last)


def unpacked_two(c: Any) -> bool:
    try:
        one, two = c
    except ValueError:
        return False
    return bool(one == two)


def dispatched(c: Any, a: str) -> bool:
    actions = {True: lambda: c[0], False: lambda: c[-1]}
    return bool(actions[len(c) % 2 == 0]() == a)


def closure_counter(c: Any, a: str) -> int:
    seen = 0

    def look(token: str) -> None:
        nonlocal seen
        seen += token == a

    for token in c:
        look(token)
    return seen


def by_stack(c: Any, a: str, b: str) -> bool:
    stack: list[str] = []
    for token in c:
        if token == a:
            stack.append(token)
        elif token == b and stack:
            stack.pop()
    return not stack


def longest_common(c: Any) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(c, reversed(c))))


def bits(c: Any, a: str) -> int:
    return functools.reduce(lambda number, token: (number << 1 | (token == a)) & 7, c, 0)


def numbers(c: Any) -> int:
    return sum(int(token) for token in c if token.isdigit())


def swallowed_type_error(c: Any) -> bool:
    try:
        return ord(c[-1]) > 97
    except TypeError:
        return False


def counted(c: Any) -> "Counter[str]":
    return Counter(c)


def aliased(text: Any) -> Any:
    kind: Any = tuple
    return kind[text]


def unused(c: Any, a: str) -> bool:
    """Cuts out more than it looks at; C code looks at some of it."""
    ends, first = (c[2:], c[1:3]), c[:1]
    return bool(re.match(re.escape(a), "".join(first))) and len(ends) == 2


def number_of(text: Any) -> int:
    try:
        return int(text)
    except ValueError:
        return -1


def tallied(c: Any) -> dict[str, int]:
    counts: defaultdict[str, int] = defaultdict(int)
    for token in c:
        counts[token] += 1
    return counts


def ordered(c: Any) -> str:
    seen: OrderedDict[str, None] = OrderedDict()
    for token in c:
        seen.setdefault(token)
        seen.move_to_end(token)
    return next(iter(seen))


def looks_up(c: Any, a: str, b: str) -> bool:
    return any(row.then == b for row in (Row(a, b), Row(b, a)) if row.token == c[-1])


def by_default(frozen: Frozen) -> Function:
    def rule(c: Any, rule: Frozen = frozen) -> bool:
        return bool(c[0] == rule.first)

    return rule


def compiled(pattern: re.Pattern[str]) -> Function:
    return lambda c: pattern.search(c) is not None


def by_method(count: Callable[[str], int]) -> Function:
    return lambda c: count(str(c[0])) > 0


ROWS = (Row("a", "b"), Row("b", "a"), Row("yes", "no"))
TABLE = {"a": 1, "b": 2, "yes": 3}
TRIE: dict[str, dict[str, str]] = {"a": {"a": "x"}, "b": {"b": "y"}}

# What is true of a context or not; those that read everything anyhow stand in EVERYTHING.
TRUTHS: dict[str, Idiom] = {
    "last": lambda a, b, i, j: lambda c: c[-1] == a,
    "not equal": lambda a, b, i, j: lambda c: c[0] != a,
    "constant first": lambda a, b, i, j: lambda c: a == c[0],
    "get": lambda a, b, i, j: lambda c: get(c, i) == a,
    "index error": lambda a, b, i, j: lambda c: index_error(c, a, i),
    "suppressed": lambda a, b, i, j: lambda c: suppressed(c, i),
    "key error": lambda a, b, i, j: lambda c: key_error(c, a),
    "message of an error": lambda a, b, i, j: lambda c: message_of_an_error(c, i),
    "two tokens": lambda a, b, i, j: lambda c: get(c, i) == get(c, j),
    "slice": lambda a, b, i, j: lambda c: c[-2:] == a + b,
    "slice of a pair": lambda a, b, i, j: lambda c: tuple(c[:2]) == (a, b),
    "empty slice": lambda a, b, i, j: lambda c: not c[i:i] and len(c[:0]) == 0,
    "slices": lambda a, b, i, j: lambda c: c[:2] == c[-2:],
    "stepped": lambda a, b, i, j: lambda c: all(token == a for token in c[::2]),
    "backwards": lambda a, b, i, j: lambda c: c[::-1] == c,
    "in": lambda a, b, i, j: lambda c: a in c,
    "not in": lambda a, b, i, j: lambda c: b not in c[1:],
    "in a pair": lambda a, b, i, j: lambda c: c[-1] in (a, b),
    "in a list": lambda a, b, i, j: lambda c: c[-1] in [a, b],
    "in a set": lambda a, b, i, j: lambda c: c[-1] in {a, b},
    "in letters": lambda a, b, i, j: lambda c: c[-1] in "abc",
    "in string.ascii_letters": lambda a, b, i, j: lambda c: str(c[0]) in string.ascii_letters,
    "whole in a set": lambda a, b, i, j: lambda c: c in {a + b, a, (a, b)},
    "whole in a list": lambda a, b, i, j: lambda c: c in [a + b, a, (a, b)],
    "equal to whole": lambda a, b, i, j: lambda c: c == a + b or c == (a, b),
    "slice in the rest": lambda a, b, i, j: lambda c: c[-1] in c[:-1],
    "all": lambda a, b, i, j: lambda c: all(token == a for token in c),
    "any": lambda a, b, i, j: lambda c: any(token == b for token in c[i:]),
    "for else": lambda a, b, i, j: lambda c: for_else(c, a),
    "walrus": lambda a, b, i, j: lambda c: walrus(c, a),
    "chained": lambda a, b, i, j: lambda c: c[0] == c[-1] == a,
    "conditional": lambda a, b, i, j: lambda c: (c[0] if len(c) > 2 else c[-1]) == a,
    "enumerate": lambda a, b, i, j: lambda c: any(k == i and token == a for k, token in enumerate(c)),
    "zip": lambda a, b, i, j: lambda c: any(x == a and y == b for x, y in zip(c, c[1:])),
    "pairwise": lambda a, b, i, j: lambda c: (a, b) in pairwise(c),
    "zip longest": lambda a, b, i, j: lambda c: all(x == y for x, y in zip_longest(c[:2], (a, b))),
    "next": lambda a, b, i, j: lambda c: next(iter(c)) == a,
    "next with a default": lambda a, b, i, j: lambda c: next((t for t in c if t != a), b) == b,
    "reversed": lambda a, b, i, j: lambda c: next(reversed(c)) == b,
    "generator": lambda a, b, i, j: lambda c: next(reads_backwards(c)) == a,
    "islice": lambda a, b, i, j: lambda c: a in islice(c, 2),
    "takewhile": lambda a, b, i, j: lambda c: len(list(takewhile(lambda t: t == a, c))) > 1,
    "dropwhile": lambda a, b, i, j: lambda c: b in dropwhile(lambda t: t == a, c),
    "chain": lambda a, b, i, j: lambda c: next(chain(c[1:], (a,))) == a,
    "compress": lambda a, b, i, j: lambda c: a in compress(c, (1, 0, 1)),
    "map": lambda a, b, i, j: lambda c: any(map(str.isdigit, c)),
    "filter": lambda a, b, i, j: lambda c: bool(list(filter(lambda t: t == a, c[:2]))),
    "match": lambda a, b, i, j: lambda c: matched(c, a, b) == 1,
    "match of an enum": lambda a, b, i, j: matched_enum,
    "enum": lambda a, b, i, j: lambda c: c[-1] == Letter.B,
    "enum by value": lambda a, b, i, j: lambda c: str(c[-1]) == Letter.A.value,
    "equal to several": lambda a, b, i, j: lambda c: c[-1] == Either(a, b),
    "several equal to it": lambda a, b, i, j: lambda c: Either(a, b) == c[0],
    "another class of text": lambda a, b, i, j: lambda c: Word(a) == c[-1] or c[0] == Word(b),
    "text with a mind of its own": lambda a, b, i, j: lambda c: c[-1] == Loud("A"),
    "a set of such": lambda a, b, i, j: lambda c: c[-1] in (Loud(b.upper()), Word(a)),
    "startswith": lambda a, b, i, j: lambda c: "".join(c).startswith(a + b),
    "object": lambda a, b, i, j: Follows(a, i),
    "method": lambda a, b, i, j: Frozen((a, b)).says,
    "property": lambda a, b, i, j: by_default(Frozen((a, b))),
    "slots": lambda a, b, i, j: Slotted({a: True, b: False}),
    "partial": lambda a, b, i, j: partial(lambda token, c: bool(c[-1] == token), a),
    "keyword partial": lambda a, b, i, j: partial(lambda c, *, token: bool(c[0] == token), token=b),
    "cached helper": lambda a, b, i, j: lambda c: is_vowel(c[0]),
    "small cache": lambda a, b, i, j: lambda c: doubled(c[-1]) == a + a,
    "cached whole": lambda a, b, i, j: cache(lambda c: c[-1] == a),
    "dispatch": lambda a, b, i, j: lambda c: dispatched(c, a),
    "dispatch by a dictionary": lambda a, b, i, j: lambda c: {a: len, b: bool}.get(c[-1], len)(c) == 1,
    "dictionary": lambda a, b, i, j: lambda c: {a: True}.get(c[-1], False),
    "nested dictionary": lambda a, b, i, j: lambda c: get(c, -2) in TRIE.get(c[-1], {}),
    "operators": lambda a, b, i, j: lambda c: operator.eq(operator.getitem(c, 0), a),
    "itemgetter": lambda a, b, i, j: lambda c: operator.itemgetter(0, -1)(c) == (a, b),
    "contains": lambda a, b, i, j: lambda c: operator.contains(c, b),
    "less": lambda a, b, i, j: lambda c: c[0] < c[-1],
    "less than a constant": lambda a, b, i, j: lambda c: a >= c[0],
    "less as a whole": lambda a, b, i, j: lambda c: c <= c[::-1],
    "unpacked": lambda a, b, i, j: unpacked,
    "unpacked into two": lambda a, b, i, j: unpacked_two,
    "isinstance": lambda a, b, i, j: lambda c: isinstance(c, str) and isinstance(c[0], str),
    "swallowed TypeError": lambda a, b, i, j: swallowed_type_error,
    "f-string": lambda a, b, i, j: lambda c: f"{c[0]}{c[-1]}" == a + b,
    "f-string with a width": lambda a, b, i, j: lambda c: f"{c[0]:>3}" == f"{a:>3}",
    "f-string of repr": lambda a, b, i, j: lambda c: f"{c[-1]!r}" == repr(b),
    "format": lambda a, b, i, j: lambda c: "{}-{:>2}".format(c[0], c[-1]) == "{}-{:>2}".format(a, b),
    "format by index": lambda a, b, i, j: lambda c: "{0[0]}".format(c) == a,
    "percent": lambda a, b, i, j: lambda c: "%s%s" % (c[0], a) == a + a,
    "added": lambda a, b, i, j: lambda c: c[0] + c[-1] == a + b,
    "added from the left": lambda a, b, i, j: lambda c: a + c[0] == a + b,
    "multiplied": lambda a, b, i, j: lambda c: c[-1] * 2 == a * 2,
    "bool of a token": lambda a, b, i, j: lambda c: bool(c[0]) and not bool(""),
    "stack": lambda a, b, i, j: lambda c: by_stack(c, a, b),
    "whole repeated": lambda a, b, i, j: lambda c: (c + c)[1] == a,
    "suffix by addition": lambda a, b, i, j: lambda c: (c[-1:] + c[:1])[0] == b,
    "hashed": lambda a, b, i, j: lambda c: hash(c[0]) == hash(a),
    "aab": lambda a, b, i, j: lambda c: "b" in reference.aab(c),
    "rows": lambda a, b, i, j: lambda c: any(row.token == c[-1] for row in ROWS),
    "rows made here": lambda a, b, i, j: lambda c: looks_up(c, a, b),
    "min": lambda a, b, i, j: lambda c: min(c) == a,
    "max with a key": lambda a, b, i, j: lambda c: max(c, key=lambda t: t == a) == a,
    "sorted": lambda a, b, i, j: lambda c: sorted(c)[0] == b,
    "re.search": lambda a, b, i, j: lambda c: re.search(f"{re.escape(a)}$", "".join(c)) is not None,
    "set of all": lambda a, b, i, j: lambda c: {a, b} <= set(c),
    "bisect": lambda a, b, i, j: lambda c: bisect_left(sorted(c), b) > 0,
    "deque": lambda a, b, i, j: lambda c: deque(c, maxlen=1)[0] == a,
    "nsmallest": lambda a, b, i, j: lambda c: nsmallest(1, c)[0] == a,
    "casefold": lambda a, b, i, j: lambda c: c[0].casefold() == a.casefold() and c[-1].islower(),
    "unused slices": lambda a, b, i, j: lambda c: unused(c, a),
    "hashed slice": lambda a, b, i, j: lambda c: c[-2:] in {a + b, (a, b)},
    "in a generic alias": lambda a, b, i, j: lambda c: aliased(c[:1]) == aliased(a),
    "slice of another kind": lambda a, b, i, j: lambda c: c[-2:] == [a, b] or c[:2] == a + b,
    "product": lambda a, b, i, j: lambda c: (a, b) in itertools.product(c[:1], c[-1:]),
}
# What counts something.
NUMBERS: dict[str, Idiom] = {
    "count": lambda a, b, i, j: lambda c: c.count(a),
    "sum": lambda a, b, i, j: lambda c: sum(token == a for token in c),
    "len": lambda a, b, i, j: lambda c: len(c),
    "len of a token": lambda a, b, i, j: lambda c: len(c[0]),
    "index": lambda a, b, i, j: lambda c: c.index(a) if a in c else len(c),
    "Counter": lambda a, b, i, j: lambda c: counted(c)[a],
    "defaultdict": lambda a, b, i, j: lambda c: tallied(c)[a],
    "distinct": lambda a, b, i, j: lambda c: len(set(c)),
    "distinct by a dictionary": lambda a, b, i, j: lambda c: len(dict.fromkeys(c)),
    "recursion": lambda a, b, i, j: lambda c: recursive(c, a),
    "last run": lambda a, b, i, j: last_run,
    "runs": lambda a, b, i, j: lambda c: len(list(groupby(c))),
    "longest run": lambda a, b, i, j: lambda c: max(len(list(run)) for _, run in groupby(c)),
    "reduce": lambda a, b, i, j: lambda c: reduce(lambda n, t: n + (t == b), c, 0),
    "accumulate": lambda a, b, i, j: lambda c: max(accumulate(1 if t == a else -1 for t in c)) + len(c),
    "bits": lambda a, b, i, j: lambda c: bits(c, a),
    "automaton": lambda a, b, i, j: Automaton(b),
    "closure": lambda a, b, i, j: lambda c: closure_counter(c, a),
    "common ends": lambda a, b, i, j: longest_common,
    "lookup": lambda a, b, i, j: lambda c: TABLE.get(c[-1], 0),
    "match of a whole": lambda a, b, i, j: matched_whole,
    "digits": lambda a, b, i, j: numbers,
    "powers": lambda a, b, i, j: lambda c: math.isqrt(sum(2 for t in c if t == a) ** 2),
    "most common": lambda a, b, i, j: lambda c: counted(c).most_common(1)[0][1],
    "position": lambda a, b, i, j: lambda c: next((k for k, t in enumerate(c) if t == a), 0),
    "last position": lambda a, b, i, j: lambda c: max((k for k, t in enumerate(c) if t == b), default=0),
    "remainder": lambda a, b, i, j: lambda c: sum(k for k in range(len(c)) if k % 2 == 0 and c[k] == a),
    "chain map": lambda a, b, i, j: lambda c: sum(map(operator.eq, c, c[1:])),
    "operator count": lambda a, b, i, j: lambda c: operator.countOf(c, a),
}
# What gives a token.
TOKENS: dict[str, Idiom] = {
    "first": lambda a, b, i, j: lambda c: c[0],
    "its set": lambda a, b, i, j: lambda c: {c[-1]},
    "its frozenset": lambda a, b, i, j: lambda c: frozenset(c[-1:]),
    "keys": lambda a, b, i, j: lambda c: dict.fromkeys(c).keys(),
    "by index": lambda a, b, i, j: lambda c: c[i % len(c)],
    "most frequent": lambda a, b, i, j: lambda c: max(sorted(set(c)), key=c.count),
    "least": lambda a, b, i, j: lambda c: {min(c)},
    "conditional token": lambda a, b, i, j: lambda c: a if c[0] == b else c[-1],
    "constant": lambda a, b, i, j: lambda c: {a},
    "nothing": lambda a, b, i, j: lambda c: set() if c[0] == a else {a, b},
    "difference": lambda a, b, i, j: lambda c: {a, b} - {c[-1]},
    "comprehension": lambda a, b, i, j: lambda c: {token for token in c if token != a},
    "join": lambda a, b, i, j: lambda c: "".join(c[:1]),
    "ordered": lambda a, b, i, j: ordered,
    "raises": lambda a, b, i, j: lambda c: c[i],
    "no token": lambda a, b, i, j: lambda c: "nothing" if c[-1] == a else b,
    "induction": lambda a, b, i, j: reference.induction,
    "enum token": lambda a, b, i, j: lambda c: Letter.A if c[-1] == a else b,
}
# Of strings only.
OF_STRINGS: dict[str, Idiom] = {
    "str.startswith": lambda a, b, i, j: lambda c: c.startswith(a + b),
    "startswith one of": lambda a, b, i, j: lambda c: c.startswith((a + a, b)),
    "endswith": lambda a, b, i, j: lambda c: c.endswith((a + b, Word(b))),
    "endswith itself": lambda a, b, i, j: lambda c: c.endswith(c[0]),
    "startswith from": lambda a, b, i, j: lambda c: c.startswith(a, 1),
    "find": lambda a, b, i, j: lambda c: c.find(a + b) >= 0,
    "rfind": lambda a, b, i, j: lambda c: c.rfind(b) > c.find(a),
    "text in": lambda a, b, i, j: lambda c: a + b in c,
    "a class of text in": lambda a, b, i, j: lambda c: Word(a) in c,
    "text in half": lambda a, b, i, j: lambda c: c[-2:] in c[:-2],
    "replace": lambda a, b, i, j: lambda c: c.replace(a, "") == "",
    "strip": lambda a, b, i, j: lambda c: c.strip(a) == b,
    "split": lambda a, b, i, j: lambda c: len(c.split(a)) > 2,
    "partition": lambda a, b, i, j: lambda c: c.partition(a)[2] == b,
    "translate": lambda a, b, i, j: lambda c: c.translate({ord(a): b}) == b * len(c),
    "maketrans": lambda a, b, i, j: lambda c: c.translate(str.maketrans(a, b))[0] == b,
    "re.match of a slice": lambda a, b, i, j: lambda c: bool(re.match(a, c[-2:])),
    "a slice in letters": lambda a, b, i, j: lambda c: c[-2:] in a + b + a,
    "a slice to C": lambda a, b, i, j: lambda c: "".join(reversed(c[:2])) == b + a and a.join(c[1:3]) != b,
    "number of a slice": lambda a, b, i, j: lambda c: number_of(c[-2:]) == 1,
    "stripped slice": lambda a, b, i, j: lambda c: (a + b + a).strip(c[:2]) == b,
    "upper": lambda a, b, i, j: lambda c: c.upper() == (a * len(c)).upper(),
    "re.match": lambda a, b, i, j: lambda c: bool(re.match(f"[{a}{b}]+$", c)),
    "re.fullmatch": lambda a, b, i, j: lambda c: bool(re.fullmatch(f"({a}{b})*{a}?", c)),
    "compiled": lambda a, b, i, j: compiled(re.compile(a + "+$")),
    "ord": lambda a, b, i, j: lambda c: ord(c[0]) > ord(a),
    "encode": lambda a, b, i, j: lambda c: c.encode()[0] == a.encode()[0],
    "removeprefix": lambda a, b, i, j: lambda c: c.removeprefix(a) == b,
    "whole f-string": lambda a, b, i, j: lambda c: f"<{c}>" == f"<{a}{b}>",
    "joined with": lambda a, b, i, j: lambda c: "-".join(c) == "-".join(a + b),
    "bound method": lambda a, b, i, j: by_method("ab".count),
    "lstrip": lambda a, b, i, j: lambda c: bool(c.lstrip(a)),
    "center": lambda a, b, i, j: lambda c: c.center(9, "-")[4] == a,
}
# These read all of their context, or hand it to C code that does; all others should be read lazily.
EVERYTHING = {
    "whole in a set",
    "map",
    "startswith",
    "cached whole",
    "less as a whole",
    "stack",
    "whole repeated",
    "rows made here",
    "min",
    "sorted",
    "re.search",
    "set of all",
    "bisect",
    "nsmallest",
    "count",
    "Counter",
    "defaultdict",
    "distinct",
    "distinct by a dictionary",
    "digits",
    "most common",
    "keys",
    "most frequent",
    "least",
    "comprehension",
    "ordered",
    "startswith from",
    "find",
    "rfind",
    "replace",
    "strip",
    "split",
    "partition",
    "translate",
    "maketrans",
    "upper",
    "re.match",
    "re.fullmatch",
    "compiled",
    "encode",
    "removeprefix",
    "whole f-string",
    "joined with",
    "lstrip",
    "center",
}
# The code of these could tell a lazy context, as far as is known.
BY_NAME = {"rows made here"}
