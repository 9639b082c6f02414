"""What the checker makes of counts, against every context there is; and of folds."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from properties.proof.boxes import Box
from properties.proof.counted import Counted
from properties.recheck import prices
from properties.recheck.counts import KINDS, Count, Group, fits, groups
from properties.recheck.sight import Sight
from properties.recheck.walk import Walk
from properties.selftest.counted_boxes import contexts_of, random_box
from properties.selftest.proof.test_folds import FOLDS
from properties.selftest.recheck.alone import Alone
from reference import Fold
from zoo import Attention, Model, Transformer
from zoo.errors import CertificateError
from zoo.rule import Asked

Limits = tuple[int, int]
VOCABS = "ab", "abc"


def drawn(number: int) -> Iterator[tuple[str, Box, list[Group]]]:
    """Random boxes, and the groups of positions in which tokens are counted in them."""
    rng = np.random.default_rng(7)
    for i in range(number):
        vocab = VOCABS[i % 2]
        box = random_box(rng, vocab, int(rng.integers(1, 6 if len(vocab) == 2 else 5)))
        yield vocab, box, grouped(vocab, box)


def grouped(vocab: str, box: Box) -> list[Group]:
    counts = {Count(one.positions, i): limits for i, (one, limits) in enumerate(box.counts.items())}
    return groups(counts, [one.tokens for one in box.counts], box.sets, frozenset(vocab))


def test_what_follows_from_counts_is_so() -> None:
    """In how many ways there are tokens, what may stand at each position, how often each kind can occur, examples."""
    several = 0
    for vocab, box, its in drawn(250):
        inside, sight = contexts_of(box, vocab), Sight(box.sets, frozenset(vocab), box.length, its)
        free = [len(box.sets.get(at, vocab)) for at in range(box.length) if at not in sight.group_at]
        assert len(inside) == np.prod(free, dtype=int) * np.prod([group.ways() for group in its], dtype=int)
        assert all(group.feasible for group in its)
        assert [*sight] == [{context[at] for context in inside} for at in range(box.length)]
        assert sight.is_one == (len(inside) == 1)
        assert set(map("".join, sight.ends)) <= {*inside}
        for group in its:
            several += len(group.kinds) > 2
            for kind, tokens in enumerate(group.kinds):
                numbers = [sum(context[at] in tokens for at in group.positions) for context in inside]
                assert group.limit(kind) == (min(numbers), max(numbers))
    assert several > 20


def test_what_cannot_be_is_not_feasible() -> None:
    """Each box with limits of its own that are moved: feasible exactly where a context is left."""
    seen = {True: 0, False: 0}
    for vocab, box, _ in drawn(120):
        for one, (least, most) in box.counts.items():
            for limits in ((least + 1, most + 1), (least - 2, least - 1), (most + 1, most + 2), (most, least)):
                moved = Box(box.length, box.sets, frozenset(), (), {**box.counts, one: limits})
                left = bool(contexts_of(moved, vocab))
                assert all(group.feasible for group in grouped(vocab, moved)) == left
                assert all(group.ways() > 0 for group in grouped(vocab, moved)) == left
                seen[left] += 1
    assert min(seen.values()) > 20


def test_the_first_and_the_last_of_what_may_be() -> None:
    """As few of the first kind as there may be, and as many; of each kind the first token, and the last."""
    group = Group(range(3), [frozenset("ab"), frozenset("cd")], [(1, 2), (0, 3)], {}, frozenset("abcdef"))
    assert group.example(False) == {0: "a", 1: "e", 2: "e"}
    assert group.example(True) == {0: "b", 1: "b", 2: "d"}
    assert sorted(
        Group(range(3), group.kinds[:2], [(1, 1), (1, 2)], {1: frozenset("bc")}, group.every).example(False).items()
    ) == [(0, "c"), (1, "b"), (2, "e")]


def test_what_can_be_counted_together() -> None:
    sets = [frozenset([0]), frozenset([1]), frozenset([0, 2])]
    one = Count(range(4), 0)
    assert (
        fits(one, [], sets) == fits(one, [Count(range(4), 1)], sets) == fits(one, [Count(range(4, 6), 0)], sets) == ""
    )
    assert "a token is counted twice" in fits(one, [Count(range(4), 2)], sets)
    assert "that are not the same" in fits(one, [Count(range(3), 1)], sets)
    many = [frozenset([i]) for i in range(KINDS + 2)]
    assert "more than 4 kinds" in fits(Count(range(4), KINDS), [Count(range(4), i) for i in range(KINDS)], many)


def test_how_many_are_among_the_first_keys() -> None:
    """As few and as many as there are in any context of a box."""
    for vocab, box, _ in drawn(60):
        inside = np.array([[[at in one.positions for at in range(box.length)] for one in box.counts]])
        tokens = np.array([[[t in one.tokens for t in vocab] for one in box.counts]])
        limits = np.array([list(box.counts.values())])
        for keys in range(1, box.length + 1):
            seen = prices.Counted.seen(inside, tokens, limits, keys)
            for c, one in enumerate(box.counts):
                numbers = [
                    sum(x[at] in one.tokens for at in one.positions if at < keys) for x in contexts_of(box, vocab)
                ]
                assert seen.least[0, c] <= min(numbers)
                assert max(numbers) <= seen.most[0, c]
        whole = prices.Counted.seen(inside, tokens, limits, box.length)
        assert whole.least[0].tolist() == limits[0, :, 0].tolist()


def test_rows_of_sets_with_other_counts_are_others() -> None:
    """In which the same may stand everywhere: together they are as each by itself."""
    pytest.importorskip("flint", reason="python-flint is not installed, and nothing can be confirmed without it")
    none = np.zeros((1, 2, 1))
    mean = Attention(none, none, np.array([[[1.0], [0]]]), np.array([[[1.0, 0]]]))
    t = Transformer(np.eye(2), np.zeros((3, 2)), [mean, mean])
    box, a = np.ones((t.n_ctx, 2), bool), np.array([True, False])
    counts = [[(range(t.n_ctx), a, (n, n))] for n in (1, t.n_ctx)]
    together, alone = Alone(t), Alone(t)
    together.together([box, box], counts)
    found = [together.margins.known(1, number).row for number in together.numbers(1)[:, -1, 0]]
    for row, its in zip(found, counts):
        alone.together([box], [its])
        mine = alone.margins.known(1, int(alone.numbers(1)[0, -1, 0])).row
        assert all(abs(row[e].c - mine[e].c) < 1e-9 for e in mine)
    assert any(abs(found[0][e].c - found[1][e].c) > 1e-3 for e in found[0])


def test_sets_that_are_heard_alike_have_counts_of_their_own() -> None:
    """Nothing is heard of the first position: how often a token occurs says what may be heard of the others."""
    pytest.importorskip("flint", reason="python-flint is not installed, and nothing can be confirmed without it")
    ones, first, value = np.eye(5)[None, :, 3:4], -1000 * np.eye(5)[None, :, 2:3], np.eye(5)[None, :, :1]
    embedding, positions, unembedding = np.eye(2, 5), np.zeros((4, 5)), np.zeros((2, 5))
    embedding[:, 3], positions[0, 2], unembedding[0, 4] = 1, 1, 1
    layer = Attention(ones, first, value, np.eye(5)[None, 4:], scale=1.0)
    t = Transformer(embedding, positions, [layer], None, unembedding)
    box, a = np.ones((4, 2), bool), np.array([True, False])
    numbers = (1, 2, 3)
    alone = Alone(t, fine=False)
    alone.together([box] * 3, [[(range(4), a, (number, number))] for number in numbers])
    found = alone.lowest(range(3), 1, [(0, 1), (1, 0)])
    for (least, most), number in zip(found, numbers):
        assert least == pytest.approx((number - 1) / 3, abs=1e-6)  # of three that are heard, where the last is none
        assert -most == pytest.approx(min(number, 2) / 3, abs=1e-6)


def walk_of(fold: Fold, vocab: str) -> Walk:
    """With each token by itself as a set, and last all of them."""
    model = Model("fold", vocab, Transformer(np.eye(len(vocab)), np.zeros((4, len(vocab))), []), rule=fold)
    sets = [frozenset([token]) for token in range(len(vocab))]
    return Walk(fold, model, Asked(fold, vocab), [*sets, frozenset(range(len(vocab)))])


@pytest.mark.parametrize("name", FOLDS)
def test_where_a_fold_ends(name: str) -> None:
    vocab, fold = FOLDS[name]
    walk = walk_of(fold, vocab)
    for n in (1, 3, 4):
        zero, one = Count(range(n), 0), Count(range(n), 1)
        cases: list[tuple[dict[int, int], dict[Count, Limits]]] = [
            *(
                ({}, {}),
                ({0: 0}, {}),
                ({}, {zero: (0, 1)}),
                ({n - 1: 1}, {one: (1, n)}),
                ({}, {zero: (1, 1), one: (0, 1)}),
            )
        ]
        for known, counts in cases:
            sets = {at: frozenset(vocab[token]) for at, token in known.items()}
            its = {Counted(count.positions, frozenset(vocab[count.tokens])): limits for count, limits in counts.items()}
            inside = contexts_of(Box(n, sets, frozenset(), (), its), vocab)
            found = walk.split(n, known, counts)
            assert sum(found.values()) == len(inside)
            for said, number in found.items():
                mine = [context for context in inside if {vocab[token] for token in said} == {*fold(context)}]
                assert len(mine) == number
                assert "".join(vocab[token] for token in walk.example(n, known, counts, said)) in mine
    three = {Count(range(4), kind): (0, 4) for kind in (0, 1, len(vocab))}
    for counts in ({Count(range(3), 0): (0, 1)}, three):
        with pytest.raises(CertificateError, match="2 kinds of tokens should be counted at most, at all positions"):
            walk.split(4, {}, counts)


def test_states_that_are_equal_and_of_other_types_are_others() -> None:
    """1 is True, and 1.0; a fold may tell them apart."""
    fold = Fold(1, lambda state, token: True if token == "b" else state, lambda state: {"ab"[state is True]})
    walk = walk_of(fold, "ab")
    assert walk.split(2, {}, {}) == {frozenset([0]): 1, frozenset([1]): 3}


def test_a_fold_may_have_as_many_states_as_it_says() -> None:
    def walk(states: int) -> Walk:
        return walk_of(Fold(0, lambda state, token: min(state + 1, 2), lambda state: {"a"}, states=states), "ab")

    assert walk(3).split(4, {}, {}) == {frozenset([0]): 16}
    with pytest.raises(CertificateError, match="more than 2 states"):
        walk(2).split(4, {}, {})


def test_folds_that_are_none() -> None:
    def raising(state: int, token: str) -> int:
        raise KeyError(token)

    def listing(state: Any, token: str) -> Any:
        return [token]

    for fold, why in (
        (Fold(0, raising, lambda state: {"a"}), "raises KeyError"),
        (Fold(0, listing, lambda state: {"a"}), "has the state"),
        (Fold(0, lambda state, token: state + 1, lambda state: {"a"}, states=3), "more than 3 states"),
        (Fold(0, lambda state, token: state, lambda state: {"c"}), "the function raises .* after ''$"),
    ):
        with pytest.raises(CertificateError, match=why):
            walk_of(fold, "ab").split(4, {}, {})
