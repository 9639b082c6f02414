"""Functions and tables that idioms use."""

import functools
import re
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache, lru_cache
from itertools import takewhile
from typing import Any

from properties.selftest.idioms.classes import Frozen, Letter, Row

Function = Callable[[Any], Any]
Idiom = Callable[[str, str, int, int], Function]


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
