"""Wrong contexts are made simple: as short, and with as few and as early tokens, as goes."""

from collections.abc import Callable
from itertools import product
from random import Random

import pytest

from properties.checks.shrinking import Shrinker
from properties.selftest.adders import PLANTED, Add, long_chain
from zoo import Domain
from zoo.generators import DIGITS, addends, sums_domain, written_sum

VOCAB = [*DIGITS, "+", "="]
EVERY = Domain.every("abc", 6)


def shrunk(wrong: Callable[[str], bool], context: str, domain: Domain = EVERY, calls: int = 5000) -> object:
    vocab = "abc" if domain is EVERY else VOCAB
    return Shrinker(domain, vocab, lambda words: wrong("".join(words)), calls).simplest(context)


@pytest.mark.parametrize(
    ("wrong", "context", "simplest"),
    [
        (lambda c: "b" in c, "cacbca", "b"),
        (lambda c: c.endswith("c"), "bbabac", "c"),
        (lambda c: len(c) >= 4, "cbcbcb", "aaaa"),
        (lambda c: c.count("c") >= 2 and "b" in c, "bcacbc", "bcc"),
        (lambda c: c[0] == c[-1] == "b" and len(c) > 3, "bcaccb", "baab"),
        (lambda c: sum(map("abc".index, c)) == 5, "abbbbb", "bcc"),
    ],
)
def test_the_shortest_and_simplest(wrong: Callable[[str], bool], context: str, simplest: str) -> None:
    assert wrong(context)
    assert shrunk(wrong, context) == simplest


@pytest.mark.parametrize("token", ["a", "b", "c"])
@pytest.mark.parametrize("least", [1, 2, 4])
def test_from_wherever_it_starts(token: str, least: int) -> None:
    """From many of the wrong contexts there are, to the shortest of them."""
    every = ["".join(words) for n in range(1, 7) for words in product("abc", repeat=n)]
    wrong = [context for context in every if context.count(token) >= least]
    for context in wrong[::97]:
        assert shrunk(lambda c: c.count(token) >= least, context) == token * least


def _is_wrong(add: Add, context: str) -> bool:
    a, b = int(context[:10]), int(context[11:21])
    try:
        return bool(add(a, b) != a + b)
    except IndexError:
        return True


@pytest.mark.parametrize(
    ("add", "simplest"),
    [
        (long_chain, (1, 99_999_999)),
        (PLANTED[1], (1, 10**10 - 1)),
        (PLANTED[2], (1000, 9_999_999_000)),
        (PLANTED[3], (10**9, 10**9)),
        (PLANTED[5], (0, 100_000)),
        (PLANTED[6], (0, 9_999_999)),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_sums_get_as_many_zeros_as_they_can(add: Add, simplest: tuple[int, int]) -> None:
    """From whatever wrong pair: what one number loses the other gets, so that a sum of nine stays one."""
    random, met = Random(1), 0
    while met < 10:
        context = written_sum(*addends(random))
        if _is_wrong(add, context):
            met += 1
            assert shrunk(lambda c: _is_wrong(add, c), context, sums_domain()) == written_sum(*simplest)


def test_it_stays_within_the_domain_and_the_calls() -> None:
    asked: list[str] = []

    def wrong(context: str) -> bool:
        asked.append(context)
        return True

    domain = sums_domain()
    assert shrunk(wrong, written_sum(123, 456), domain) == written_sum(0, 0)
    assert asked
    assert all(context in domain for context in asked)
    assert len(set(asked)) == len(asked)  # each once
    asked.clear()
    found = shrunk(lambda c: wrong(c) and "9" in c, written_sum(9_999_999_999, 9_999_999_999), domain, calls=7)
    assert len(asked) == 7
    assert "9" in str(found)


def test_tokens_of_several_characters() -> None:
    shrinker = Shrinker(Domain.every(["one", "two"], 3), ["one", "two"], lambda c: "two" in c, 100)
    assert shrinker.simplest(("two", "one", "two")) == ("two",)
