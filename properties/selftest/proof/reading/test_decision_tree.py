"""Lazy contexts: the leaves partition all contexts and answer as the function does, whatever it does with a context."""

import re
from collections import Counter
from collections.abc import Callable
from collections.abc import Sequence as AbstractSequence
from functools import cache
from itertools import count, product
from random import Random
from typing import Any

import pytest

import reference
from properties.proof.boxes import Box
from properties.proof.reading.decision_tree import leaves
from properties.selftest.proof.reading.own_classes import AnyCase, Refusing, Three, Unlike
from zoo import RuleError

Function = Callable[[Any], Any]


def last(context: Any) -> str:
    return str(context[-1])


def swallows_ord(context: Any) -> set[str]:
    try:
        return {"a"} if ord(context[-1]) == 97 else {"b"}
    except Exception:
        return {"c"}


def swallows_everything(context: Any) -> set[str]:
    try:
        return {"a"} if context[-1] == "a" else {"b"}
    except:  # noqa: E722
        return {"c"}


def swallows_re(context: Any) -> set[str]:
    try:
        return {"b"} if re.fullmatch("(ab)*aabb|b", context) else {"a"}
    except Exception:
        return {"a"}


def swallows_ord_of_a_token_it_compared(context: Any) -> set[str]:
    token = context[-1]
    if token == "z":
        return {"b"}
    try:
        return {"b"} if ord(token) == 98 else {"c"}
    except TypeError:
        return {"a"}


def matches(context: Any) -> set[str]:
    match context[-1]:
        case "a":
            return {"b"}
        case str() as token:
            return {token}
        case _:
            return {"c"}


def asks_the_type(context: Any) -> set[str]:
    if not isinstance(context, str) or not isinstance(context, AbstractSequence):
        return {"c"}
    return {"a"} if isinstance(context[0], str) and context[0] == "b" else {"b"}


FUNCTIONS: list[Function] = [
    swallows_re,
    swallows_ord_of_a_token_it_compared,
    matches,
    asks_the_type,
    lambda c: c[-1:],
    reference.aab_assembly,
    reference.induction,
    reference.two_head_as_built,
    reference.third_previous_as_built,
    last,
    swallows_ord,
    swallows_everything,
    lambda c: "abc"[{"a": 0, "b": 1}.get(c[0], 2)],
    lambda c: {"a"} if c.endswith(("aab", "b")) else {"b"},
    lambda c: {"a"} if c.startswith("ab") else {"b"},
    lambda c: {"a"} if c[-2:] == "ab" else {"b"},
    lambda c: {"a"} if c[::-1] == c else {"b"},
    lambda c: {"a"} if "ab" in c else {"b"},
    lambda c: {"a"} if "c" in c[1:] else {"b"},
    lambda c: {"a"} if c[-2:] in c[:-2] else {"b"},
    lambda c: {"a"} if c[-1] in {"a", "c"} else {"b"},
    lambda c: {"a"} if c[-1] in ("a", "c") else {"b"},
    lambda c: {"a"} if c[-1] in "ac" else {"b"},
    lambda c: {"a"} if c[0] == c[-1] else {c[0]},
    lambda c: {"a"} if c[0] < c[-1] else {"b"},
    lambda c: {"a"} if f"{c[-1]}x" == "ax" else {"b"},
    lambda c: {"a"} if c[0] + c[-1] == "ab" else {"b"},
    lambda c: {"a"} if "x" + c[-1] == "xa" else {"b"},
    lambda c: {"a"} if c[-1].upper() == "A" else {"b"},
    lambda c: {"a"} if len(c[-1]) == 1 and c[-1] else {"b"},
    lambda c: {"a"} if re.search("ab+a", str(c)) else {"b"},
    lambda c: {"a"} if re.search("ab+a", c) else {"b"},
    lambda c: {"a"} if "".join(c).count("a") > 1 else {"b"},
    lambda c: {Counter(c).most_common(1)[0][0]},
    lambda c: {min(c)},
    lambda c: {"a"} if c.rfind("b") > c.find("c") else {"b"},
    lambda c: {"a"} if (c + "b")[-2] == "a" else {"b"},
    lambda c: {"a"} if hash(c) == hash(str(c)) else {"b"},
    lambda c: {"a"} if not any(t == "b" for t in c) else {"b"},
    lambda c: {"a"} if next(iter(reversed(c))) == "a" else {"b"},
    lambda c: set() if c[0] != "a" else {"a", "b"},
    lambda c: {"a"} if c[0] != AnyCase("A") else {"b"},
    lambda c: {"a"} if c[-1] != Unlike("a") else {"b"},
    lambda c: {"a"} if c[-2:] != Unlike("ab") else {"b"},
    lambda c: {"a"} if c.count("a") != Three(3) else {"b"},
    cache(lambda c: {"a"} if c[-1] == "a" else {"b"}),
]


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("length", [1, 2, 4])
def test_leaves_partition_the_contexts_and_answer_as_the_function(function: Function, length: int) -> None:
    found = list(leaves(function, "abc", length))
    contexts = ["".join(c) for c in product("abc", repeat=length)]
    for context in contexts:
        mine = [leaf for leaf in found if _holds(leaf, context)]
        answer = function(context)
        assert len(mine) == 1, f"{context!r} is in {len(mine)} leaves, but should be in one"
        assert mine[0].permitted == (answer if isinstance(answer, set) else {answer})
    assert sum(leaf.count(3) for leaf in found) == len(contexts)


def test_tokens_that_are_no_characters() -> None:
    def rule(context: Any) -> set[str]:
        assert not hasattr(context, "endswith")
        return {"yes"} if context[-2:] == ("no", "yes") or "maybe" in context else {"no"}

    def matched(context: Any) -> set[str]:
        match context:
            case [*_, "yes", "no"]:
                return {"maybe"}
            case tuple():
                return {"no"}
            case _:
                return {"yes"}

    def compared(context: Any) -> set[str]:
        """Of a length or another, a real tuple asks the first that differs."""
        try:
            return {"no"} if context == (Refusing(),) or context != () else {"yes"}
        except LookupError:
            return {"maybe"}

    vocab = ("yes", "no", "maybe")
    for function in (rule, matched, compared):
        found = list(leaves(function, vocab, 3))
        for context in product(vocab, repeat=3):
            assert [leaf.permitted for leaf in found if _holds(leaf, context)] == [function(context)]


def test_a_cached_rule_is_read_beneath_its_cache() -> None:
    assert len(list(leaves(cache(lambda c: {"a"} if c[-1] == "a" else {"b"}), "abc", 50))) == 2


def constant(answer: object) -> Function:
    return lambda context: answer


def test_a_rule_answers_sets_and_a_predictor_tokens() -> None:
    for kind, answer, right in (("rule", "a", "a set of tokens"), ("predictor", {"a"}, "a token")):
        with pytest.raises(RuleError, match=f"should answer {right}$"):
            list(leaves(constant(answer), "ab", 2, kind=kind))


def depends_on_calls() -> Function:
    calls = count()
    return lambda c: "ab"[next(calls) // 2 % 2]


def random_answer() -> Function:
    generator = Random(1)
    return lambda c: generator.choice("ab")


def answer_to_the_context_before() -> Function:
    memory = ["a"]

    def rule(context: Any) -> str:
        memory.append("a" if context[-1] == "a" else "b")
        return memory[-2]

    return rule


def remembers_by_length() -> Function:
    """Once it has answered for a length, it is a function of its context, though not the one that was written."""
    answers: dict[int, str] = {}
    return lambda c: answers[len(c)] if len(c) in answers else answers.setdefault(len(c), "ab"[c[-1] == "a"])


def remembers_what_it_read() -> Function:
    answers: dict[int, str] = {}

    def rule(context: Any) -> str:
        if len(context) not in answers:
            answers[len(context)] = str(context[-1])
        return answers[len(context)]

    return rule


def remembers_all_the_same() -> Function:
    """It reads its context every time, and answers from memory every time but the first."""
    answers: dict[int, str] = {}
    return lambda c: answers.setdefault(len(c), str(c[-1]))


def counts_in_a_global() -> Function:
    def rule(context: Any) -> str:
        global calls
        calls += 1
        return "a" if context[-1] == "a" or calls > 10**9 else "b"

    return rule


def remembers_in_a_default() -> Function:
    def rule(context: Any, memory: list[str] = []) -> str:  # noqa: B006
        memory.append(str(context[-1]))
        return memory[0]

    return rule


class Remembers:
    def __init__(self) -> None:
        self.last = "a"

    def __call__(self, context: Any) -> str:
        self.last, before = str(context[-1]), self.last
        return "a" if before in "ab" and context[-1] == "a" else "b"


calls = 0
TRAPS: list[Callable[[], Function]] = [
    remembers_all_the_same,
    counts_in_a_global,
    remembers_in_a_default,
    Remembers,
    remembers_by_length,
    remembers_what_it_read,
    depends_on_calls,
    random_answer,
    answer_to_the_context_before,
]


@pytest.mark.parametrize("trap", TRAPS)
def test_what_depends_on_more_than_its_context_is_refused(trap: Callable[[], Function]) -> None:
    with pytest.raises(RuleError, match=r"should depend on nothing but its context"):
        list(leaves(trap(), "ab", 4, samples=8))


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda c: {"z"}, "answers 'z', but should answer tokens out of a, b"),
        (lambda c: "ab", "answers 'ab', but should answer tokens out of a, b"),
        (lambda c: 3, "answers 3, but should answer a token or a set of tokens"),
        (lambda c: ["a"], "but should answer a token or a set of tokens"),
        (lambda c: {1}, "answers 1, but should answer tokens out of a, b"),
        (lambda c: exit(3), r"raises SystemExit \(3\) on '...', but should answer every context"),
        (lambda c: {c[5]}, r"raises IndexError .* on '...', but should answer every context"),
    ],
)
def test_answers_that_are_none(function: Function, message: str) -> None:
    with pytest.raises(RuleError, match=message):
        list(leaves(function, "ab", 3))


def _holds(leaf: Box, context: Any) -> bool:
    return context in leaf
