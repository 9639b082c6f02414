"""Whatever a plain function does with a context, the leaves that are read lazily answer as it does to real contexts."""

from collections import Counter
from collections.abc import Callable, Mapping
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from properties.proof.boxes import Box
from properties.proof.counted import Counted
from properties.proof.reading.decision_tree import leaves
from properties.recheck.blindfold import blind_answer
from properties.recheck.counts import Count, groups
from properties.recheck.sight import Sight
from properties.selftest.counted_boxes import is_inside, random_box
from properties.selftest.examples import assert_occurred, many
from properties.selftest.idioms import BY_NAME, EVERYTHING, NUMBERS, OF_STRINGS, TOKENS, TRUTHS
from zoo.errors import CertificateError, RuleError
from zoo.rule import Asked, tells
from zoo.rule.telling import look

Rule = Callable[[Any], Any]
Arguments = tuple[str, tuple[str, ...], int, str, str, int, int]  # of `compare`
VOCABULARIES: list[tuple[str, ...]] = [
    ("a", "b"),
    ("a", "b", "c"),
    ("0", "1"),
    ("x",),
    ("b", "é", "%"),
    ("yes", "no", "maybe"),
    ("a", "bb"),
    ("{", "}", "."),
]
OF_ALL = TRUTHS | NUMBERS | TOKENS
ALL = OF_ALL | OF_STRINGS


def truth(function: Rule, vocab: tuple[str, ...]) -> Rule:
    return lambda c: {vocab[0]} if function(c) else {vocab[-1]}


def number(function: Rule, vocab: tuple[str, ...]) -> Rule:
    return lambda c: vocab[function(c) % len(vocab)]


def rule_of(name: str, vocab: tuple[str, ...], a: str, b: str, i: int, j: int) -> Rule:
    """The idiom's function, with a token or a set of tokens for an answer."""
    function = ALL[name](a, b, i, j)
    if name in TOKENS:
        return function
    return (number if name in NUMBERS else truth)(function, vocab)


def said(rule: Rule, vocab: tuple[str, ...], context: Any) -> frozenset[str] | None:
    """What it answers to a real context; None where that is no answer."""
    try:
        answer = rule(context)
    except Exception:
        return None
    tokens = [answer] if isinstance(answer, str) else list(answer)
    return frozenset(map(str, tokens)) if all(token in vocab for token in tokens) else None


def compare(name: str, vocab: tuple[str, ...], length: int, a: str, b: str, i: int, j: int) -> int:
    """Leaf by leaf; how many of them there are, or 0 where the function is refused."""
    return compare_rule(rule_of(name, vocab, a, b, i, j), name, vocab, length)


def compare_rule(rule: Rule, name: str, vocab: tuple[str, ...], length: int) -> int:
    strings = all(len(token) == 1 for token in vocab)
    contexts = ["".join(c) if strings else c for c in product(vocab, repeat=length)]
    right = {context: said(rule, vocab, context) for context in contexts}
    if None in right.values():
        with pytest.raises(RuleError):
            list(leaves(rule, vocab, length))
        return 0
    found = list(leaves(rule, vocab, length))
    for context in contexts:
        mine = [leaf for leaf in found if context in leaf]
        assert len(mine) == 1, f"{name}: {context!r} is in {len(mine)} leaves, but should be in one"
        assert mine[0].permitted == right[context], f"{name}: {context!r}"
    return len(found)


def boxes(draw: st.DrawFn, vocab: tuple[str, ...], length: int) -> dict[int, frozenset[str]]:
    """Contexts of which something is known of some positions."""
    tokens = st.frozensets(st.sampled_from(vocab), min_size=1)
    return draw(st.dictionaries(st.integers(0, length - 1), tokens))


def either(first: Rule, second: Rule, swallows: bool) -> Rule:
    """Both in one rule: the second where the first is true, or where it raises and that is swallowed."""

    def rule(c: Any) -> Any:
        try:
            if first(c):
                return False
        except Exception:
            if not swallows:
                raise
        return second(c)

    return rule


@st.composite
def drawn(draw: st.DrawFn) -> Arguments:
    vocab = draw(st.sampled_from(VOCABULARIES))
    strings = all(len(token) == 1 for token in vocab)
    name = draw(st.sampled_from(list(ALL if strings else OF_ALL)))
    length = draw(st.integers(1, 5 if len(vocab) < 3 else 4))
    a, b = (draw(st.sampled_from(vocab)) for _ in range(2))
    i, j = (draw(st.integers(-length - 1, length)) for _ in range(2))
    return name, vocab, length, a, b, i, j


@pytest.mark.soundness
def test_idioms(outcomes: Counter[str]) -> None:
    @many(39)
    @given(drawn())
    def check(arguments: Arguments) -> None:
        number = compare(*arguments)
        kind = "refused" if not number else "by name" if number == len(arguments[1]) ** arguments[2] else "lazy"
        outcomes[kind] += 1

    check()
    assert_occurred(outcomes, "lazy", "by name", least=10)


TWO = TRUTHS | NUMBERS


@pytest.mark.soundness
def test_two_idioms() -> None:
    given(st.data())(check_two)()


def check_two(data: st.DataObject) -> None:
    """What the first one does to a context of which not all is known changes nothing for the second."""
    _, vocab, length, a, b, i, j = data.draw(drawn())
    names = data.draw(st.lists(st.sampled_from(list(TWO)), min_size=2, max_size=2))
    first, second = (TWO[name](a, b, i, j) for name in names)
    rule = truth(either(first, second, data.draw(st.booleans())), vocab)
    event("read" if compare_rule(rule, " and ".join(names), vocab, length) else "refused")


@pytest.mark.parametrize("name", ALL)
def test_each_idiom(name: str) -> None:
    for vocab in VOCABULARIES[:2] if name in OF_STRINGS else (*VOCABULARIES[:2], VOCABULARIES[5]):
        for i, j in ((0, -1), (1, 9)):
            for length in (1, 3):
                compare(name, vocab, length, vocab[0], vocab[-1], i, j)


def nearest(box: Box, vocab: tuple[str, ...]) -> list[str]:
    """One of its contexts."""
    return [vocab[i] for i in box.nearest(vocab, np.zeros((box.length, len(vocab))))]


def blindfold(
    rule: Rule,
    vocab: tuple[str, ...],
    length: int,
    sets: dict[int, frozenset[str]],
    counts: Mapping[Counted, tuple[int, int]],
) -> bool:
    """Whether the checker believes that a function says one thing to all contexts of a box; then it must do so."""
    strings, every = all(len(token) == 1 for token in vocab), frozenset(vocab)
    its = {Count(one.positions, i): limits for i, (one, limits) in enumerate(counts.items())}
    sight = Sight(sets, every, length, groups(its, [one.tokens for one in counts], sets, every))
    try:
        found = blind_answer(Asked(rule, vocab), sight, strings, "the box", look(rule))
    except CertificateError:
        return False
    box = Box(length, sets, frozenset(), (), counts)
    for c in product(*(sorted(sets.get(at, vocab)) for at in range(length))):
        if is_inside(box, c):
            context = "".join(c) if strings else c
            assert said(rule, vocab, context) == found, f"{context!r} in {sets}, {counts}"
    return True


@pytest.mark.soundness
def test_idioms_blindfolded(outcomes: Counter[str]) -> None:
    @many(30)
    @given(st.data())
    def check(data: st.DataObject) -> None:
        name, vocab, length, a, b, i, j = data.draw(drawn())
        sets = data.draw(st.composite(boxes)(vocab, length))
        rule = rule_of(name, vocab, a, b, i, j)
        outcomes["believed" if blindfold(rule, vocab, length, sets, {}) else "not believed"] += 1

    check()
    assert_occurred(outcomes, "believed", "not believed", least=10)


NUMBER = st.integers(-2, 2)


@pytest.mark.soundness
def test_rules_that_count_blindfolded(outcomes: Counter[str]) -> None:
    """Of a box around one context, in which some tokens are counted, at all positions or at others."""

    @many(60)
    @given(st.sampled_from(VOCABULARIES[:2]), st.integers(1, 4), NUMBER, NUMBER, NUMBER, st.integers(0, 2**32 - 1))
    def check(vocab: tuple[str, ...], length: int, x: int, y: int, z: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        a, b, *_ = rng.permutation(list(vocab)).tolist()
        box, start = random_box(rng, vocab, length), int(rng.integers(-1, 2))
        counts, context = dict(box.counts), nearest(box, vocab)
        if seed % 2:
            some = ((token, context.count(token)) for token in (a, b, *vocab)[: rng.integers(1, len(vocab) + 1)])
            counts = {
                Counted(range(length), frozenset([t])): (n - min(n, 1), n + int(rng.integers(2))) for t, n in some
            }

        def compared(c: Any) -> bool:
            return bool(x * c[max(start, 0) :].count(a) + y * c.count(b) > z)

        its = truth(compared, vocab), vocab, length, dict(box.sets)
        with_counts, without = blindfold(*its, counts), blindfold(*its, {})
        outcomes.update(["believed" if with_counts else "not believed", *["by counts"] * (with_counts and not without)])

    check()
    assert_occurred(outcomes, "believed", "not believed", "by counts")


def test_leaves_of_idioms_are_confirmed_blindfolded() -> None:
    """What is found lazily is the leaf's answer; of the one idiom that is refused there is none."""
    found, refused = Counter[bool](), list[str]()
    for name in ALL:
        rule = rule_of(name, ("a", "b"), "a", "b", 0, -1)
        try:
            for leaf in leaves(rule, "ab", 3):
                found[blindfold(rule, ("a", "b"), 3, dict(leaf.sets), leaf.counts)] += 1
        except RuleError:
            refused.append(name)
    assert refused == ["no token"]
    assert (found[True] > 800, found[False]) == (True, 0)


def test_how_many_idioms_are_read_lazily() -> None:
    """At 4 tokens out of three: fewer leaves than contexts, but for those that read everything."""
    assert len(ALL) >= 190
    vocab, lazy = ("a", "b", "c"), Counter[bool]()
    for name in ALL:
        rule = rule_of(name, vocab, "a", "b", 0, -1)
        assert bool(tells(rule)) is (name in BY_NAME), f"{name}: {tells(rule)}"
        number = compare(name, vocab, 4, "a", "b", 0, -1)
        lazy[number < 3**4] += 1
        assert name in EVERYTHING or number < 3**4, f"{name} should be read lazily"
    assert lazy[True] >= 146
