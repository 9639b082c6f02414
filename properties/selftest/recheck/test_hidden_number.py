"""How often tokens occur, as a function sees it that does not see them: what it compares is so in every context."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import pytest

from properties.recheck.blindfold import blind_answer
from properties.recheck.counts import KINDS, Count, groups
from properties.recheck.hidden import PeekError
from properties.recheck.hidden_number import number
from properties.recheck.sight import Sight, Unasked
from zoo.errors import CertificateError
from zoo.rule import Asked

Words = frozenset[str]


@dataclass(frozen=True)
class Leaf:
    """Contexts of so many tokens, with what some positions hold, and how often sets of tokens occur where."""

    vocab: str
    n: int
    sets: dict[int, str] = field(default_factory=dict)
    counts: dict[tuple[range, str], tuple[int, int]] = field(default_factory=dict)

    @property
    def sight(self) -> Sight:
        held, every = {at: frozenset(its) for at, its in self.sets.items()}, frozenset(self.vocab)
        counts = {Count(where, i): limits for i, ((where, _), limits) in enumerate(self.counts.items())}
        return Sight(held, every, self.n, groups(counts, [frozenset(its) for _, its in self.counts], held, every))

    def contexts(self) -> Iterator[str]:
        for tokens in product(*(self.sets.get(at, self.vocab) for at in range(self.n))):
            numbers = [sum(tokens[at] in its for at in where) for where, its in self.counts]
            if all(low <= number <= high for number, (low, high) in zip(numbers, self.counts.values())):
                yield "".join(tokens)


WHOLE, END = range(4), range(1, 4)
LEAVES = {
    "nothing": Leaf("ab", 4),
    "a count": Leaf("ab", 4, {}, {(WHOLE, "a"): (1, 3)}),
    "and what stands where": Leaf("abc", 4, {0: "ab", 3: "bc"}, {(WHOLE, "a"): (1, 2)}),
    "the count of what is left": Leaf("abc", 4, {2: "b"}, {(WHOLE, "bc"): (2, 3)}),
    "two counts": Leaf("abc", 4, {1: "a"}, {(WHOLE, "a"): (2, 3), (WHOLE, "b"): (0, 1)}),
    "all of a kind": Leaf("abc", 4, {}, {(WHOLE, "a"): (2, 2), (WHOLE, "b"): (0, 2)}),
    "of some positions": Leaf("ab", 4, {0: "a"}, {(END, "a"): (2, 3)}),
    "of the others": Leaf("ab", 4, {}, {(END, "a"): (1, 2)}),
    "of so many": Leaf("ab", 4, {}, {(WHOLE, "a"): (2, 2)}),
    "of many kinds": Leaf("abcde", 4, {0: "a", 1: "b"}, {(WHOLE, its): (1, 2) for its in "abc"}),
}
# What is compared with k, of one number: it is decided wherever it is the same in all contexts.
ONE: dict[str, Callable[[Any, int], Any]] = {
    "above": lambda c, k: c.count("a") > k,
    "at least": lambda c, k: c.count("a") >= k,
    "below": lambda c, k: c.count("b") < k,
    "at most": lambda c, k: k >= c.count("b"),
    "the same": lambda c, k: c.count("a") == k,
    "another": lambda c, k: c.count("b") != k,
    "no whole number": lambda c, k: c.count("a") == k + 0.5,
    "any": lambda c, k: bool(c.count("b") - k),
    "so many more": lambda c, k: 2 + c.count("a") + 1 > k + 3,
    "all but these": lambda c, k: 4 - c.count("a") > k,
    "minus": lambda c, k: -c.count("b") + 3 > k,
    "twice": lambda c, k: 2 * c.count("a") + True > k,
    "of two sums": lambda c, k: (c.count("a") + 5) - (1 - c.count("a")) > k + 4,
    "what cancels": lambda c, k: c.count("a") > -1 and (c.count("a") + 5) - (2 + c.count("a")) == k,
    "itself": lambda c, k: 0 <= c.count("a") == c.count("a") >= c.count("a") - k - 1 and c.count("a") * 0 == k,
    "backwards": lambda c, k: c[::-1].count("a") > k,
}
# What has several terms, or is counted at some positions: it may be refused.
MORE: dict[str, Callable[[Any, int], Any]] = {
    "two numbers": lambda c, k: c.count("a") > c.count("b") - k,
    "two with what is added": lambda c, k: (c.count("a") + 2) - (c.count("b") + 3) >= k,
    "twice one": lambda c, k: 2 * c.count("a") - c.count("b") >= k,
    "a sum": lambda c, k: c.count("a") + c.count("b") > k,
    "all": lambda c, k: sum(c.count(token) for token in "abcde") == k,
    "of the end": lambda c, k: c[1:].count("a") > k,
    "of the beginning": lambda c, k: c[:1].count("a") == k,
    "of every other": lambda c, k: c[::2].count("b") > k,
    "of none": lambda c, k: c[4:].count("a") == k,
}
BETWEEN: dict[str, Callable[[Any, int], Any]] = {
    "from": lambda c, k: c.count("a", 1) > k,
    "from the end": lambda c, k: c.count("a", -3) > k,
    "up to": lambda c, k: c.count("a", 0, 1) == k,
    "from no end": lambda c, k: c.count("a", None, None) > k,
}


def believed(leaf: Leaf, function: Callable[[Any, int], Any], k: int, strings: bool) -> Words | None:
    try:
        asked = Asked(lambda c: {"a"} if function(c, k) else {"b"}, ["a", "b"])
        return blind_answer(asked, leaf.sight, strings, "the leaf")
    except CertificateError:
        return None


@pytest.mark.parametrize("strings", [True, False])
@pytest.mark.parametrize("name", LEAVES)
def test_what_is_believed_of_numbers_is_so_in_every_context(name: str, strings: bool) -> None:
    leaf, number = LEAVES[name], 0
    contexts = [context if strings else tuple(context) for context in leaf.contexts()]
    for (which, function), k in product({**ONE, **MORE, **(BETWEEN if strings else {})}.items(), range(-1, 6)):
        true = {bool(function(context, k)) for context in contexts}
        found = believed(leaf, function, k, strings)
        assert found is None or {found == {"a"}} == true, (which, k)
        if which in ONE and name not in ("of some positions", "of the others", "the count of what is left"):
            assert (found is None) == (len(true) == 2), (which, k)
        number += found is not None and which in MORE
    assert number > 6


def test_several_contexts_that_begin_and_end_alike_are_not_one() -> None:
    """The first and the last of a leaf are the same: how often tokens occur is known, but not where."""
    leaf = LEAVES["of so many"]
    first, last = leaf.sight.ends
    assert first == last
    assert len(list(leaf.contexts())) == 6
    assert believed(leaf, lambda c, k: c[0] == first[0], 0, True) is None


class Above:
    """What is finite by what it says, and below one number only."""

    def __init__(self, one: int) -> None:
        self.one = one

    def __float__(self) -> float:
        return 0.0

    def __lt__(self, other: object) -> bool:
        return other == self.one


OPEN = LEAVES["a count"]
REFUSED: dict[str, Callable[[Any], Any]] = {
    "a product": lambda c: c.count("a") * c.count("a") >= 0,
    "by a fraction": lambda c: c.count("a") * 0.5 >= 0,
    "a fraction more": lambda c: c.count("a") + 0.5 >= 0,
    "infinity": lambda c: c.count("a") < math.inf,
    "no number": lambda c: c.count("a") != math.nan,
    "a word": lambda c: c.count("a") == "a",
    "what is above 2 alone": lambda c: c.count("a") > Above(2),
    "its text": lambda c: str(c.count("a")) == "9",
    "a remainder": lambda c: c.count("a") % 2 == 5,
    "a list": lambda c: [0, 0, 0, 0, 0][c.count("a")],
    "what is no token": lambda c: c.count(1),
    "between what is no end": lambda c: c.count("a", "b"),
    "by its name": lambda c: c.count(sub="a"),
    "what is longer": lambda c: c.count("ab") > 5,
    "what is read and not compared": lambda c: c.count("a") is None,
    "one of two that are read": lambda c: c.count("a") > c.count("b") - 9 and c[:2].count("a") is None,
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_decided_by_ranges_is_refused(name: str) -> None:
    asked = Asked(lambda c: {"a"} if REFUSED[name](c) else {"b"}, ["a", "b"])
    with pytest.raises(CertificateError, match=r"by what the leaf says alone|reads more than the leaf says"):
        blind_answer(asked, OPEN.sight, True, "the leaf")


@pytest.mark.parametrize("name", LEAVES)
def test_a_number_is_a_constant_and_what_is_counted(name: str) -> None:
    """Of all positions and of some, of every token: in each context, and known wherever it is the same in all."""
    leaf, known = LEAVES[name], 0
    contexts = list(leaf.contexts())
    assert {"".join(end) for end in leaf.sight.ends} <= {*contexts}
    for where, token in product([WHOLE, END, range(0, 4, 2), range(1), range(0)], leaf.vocab):
        sight = leaf.sight
        numbers = {sum(context[at] == token for at in where) for context in contexts}
        if (found := sight.number(where, token)) is None:
            others = [(at, its) for at, its in leaf.counts if set(at) & set(where)]
            assert any(at != where or (token in its and len(its) > 1) for at, its in others)
            continue
        constant, terms = found
        assert len(sight.groups) == len({group.positions for group in sight.groups})
        assert all(len(group.kinds) <= KINDS + 1 for group in sight.groups)
        for context in contexts:
            each = [
                times * sum(context[at] in sight.groups[group].kinds[kind] for at in where)
                for (group, kind), times in terms.items()
            ]
            assert constant + sum(each) == sum(context[at] == token for at in where)
        assert all(sight.limit(key)[0] < sight.limit(key)[1] for key in terms)
        if len(terms) < 2:
            ends = [constant + sum(times * sight.limit(key)[i] for key, times in terms.items()) for i in range(2)]
            assert [min(numbers), max(numbers)] == sorted(ends)
        known += 1
    assert known > 3


@pytest.mark.parametrize("sign", [1, -1])
def test_a_sum_of_what_is_counted_has_all_its_terms(sign: int) -> None:
    """Of two that are each 0 to 3, whichever is added to the other: the ends are those of both."""
    sight = Sight(
        {},
        frozenset("ab"),
        6,
        groups({Count(range(3), 0): (0, 3), Count(range(3, 6), 0): (0, 3)}, [frozenset("a")], {}, frozenset("ab")),
    )
    first, second = (number(0, {(group, 0): 1}, Unasked(sight)) for group in range(2))
    low, high = (0, 6) if sign > 0 else (-3, 3)
    for its in (first + sign * second, sign * second + first):
        assert its >= low
        assert not its > high
        for inside in (low, high - 1):
            with pytest.raises(PeekError):
                bool(its > inside)


def test_as_many_kinds_are_counted_as_may_be() -> None:
    """Of more than four nothing is known."""
    sight = Leaf("abcdef", 4, {}, {(WHOLE, its): (0, 1) for its in "abc"}).sight
    assert sight.number(WHOLE, "d") == (0, {(0, 3): 1})
    assert sight.number(WHOLE, "e") is None
    assert len(sight.groups[0].kinds) == KINDS + 1


def test_of_some_of_the_positions_that_are_counted_nothing_is_known() -> None:
    sight = OPEN.sight
    assert sight.number(END, "a") is None
    assert sight.number(range(3, -1, -1), "a") is None
    assert [group.positions for group in sight.groups] == [WHOLE]
