"""How many contexts are run, together and at all: by numbers that are counted by hand for small transformers."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from properties.checks import settle
from properties.checks.verdict import How
from properties.selftest.models import ab
from zoo import Attention, Domain, Mlp, Model, ModelError, Transformer
from zoo.transformer import Layer

RULE = 10_000  # operations for asking a rule once
MODEL = ab.MODEL  # 2 + 4 + 8 + 16 + 32 contexts; of n tokens, 2n operations embed and 8n unembed
OF_FIVE = 50 + RULE  # what one of the longest costs


def heads(number: int) -> Attention:
    reads = np.zeros((number, 4, 2))
    return Attention(reads, reads, reads, np.zeros((number, 2, 4)))


def hidden(number: int) -> Mlp:
    return Mlp(np.zeros((4, number)), np.zeros(number), np.zeros((number, 4)), np.zeros(4), "relu")


@pytest.mark.parametrize(
    ("layers", "numbers"),
    [
        # Of three rows each: 4 streams of 4; of the answer 4 times 6 logits.
        ([], 3 * 16 + 24),
        # Of each head, 3 scores a key, and a stream.
        ([heads(1)], 3 * (16 + 9 + 4) + 24),
        ([heads(2)], 3 * (16 + 2 * (9 + 4)) + 24),
        ([hidden(5)], 3 * (16 + 15) + 24),
        # One layer is there at a time: the widest counts.
        ([heads(2), hidden(5), heads(1), hidden(7)], 3 * (16 + 2 * (9 + 4) + 21) + 24),
    ],
)
def test_what_a_forward_pass_has_in_hand(layers: list[Layer], numbers: int) -> None:
    transformer = Transformer(np.zeros((2, 4)), np.zeros((3, 4)), layers, None, np.zeros((6, 4)))
    assert settle._numbers(transformer) == numbers


@pytest.mark.parametrize(
    ("each", "rows"),
    [
        (2**25 // 5, [2, 4, 5, 3, 5, 5, 5, 1, *[5] * 6, 2]),  # five contexts have 2^25 numbers in hand
        (2**25 // 31, [2, 4, 8, 16, 31, 1]),
        (2**25 // 32, [2, 4, 8, 16, 32]),
        (2**25, [1] * 62),
        (2**26, [1] * 62),  # one is run, however large it is
    ],
)
def test_a_batch_has_so_many_numbers_in_hand(each: int, rows: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[Any] = []

    def steps(batches: Any, doing: str, total: int) -> Any:
        said.append(total)
        return batches

    monkeypatch.setattr(settle, "_numbers", lambda transformer: each)
    monkeypatch.setattr(settle, "steps", steps)
    method, batches = settle.sweep(MODEL)
    assert (method, [len(batch) for batch in batches]) == ("enumerated", rows)
    assert said == [len(rows)]  # what a bar is of


@pytest.mark.parametrize(
    ("cost", "each"),
    [(1, 50 + RULE), (2, 100 + RULE), (10, 500 + RULE), (0.5, 25 + RULE / 2), (0.01, 0.5 + RULE / 100)],
)
def test_how_many_contexts_the_budget_reaches_for(cost: float, each: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """What makes each operation dearer leaves the rule at what it costs; what makes it cheaper, none of it."""
    monkeypatch.setattr(settle, "BUDGET", 62 * each)
    assert settle.most_contexts(MODEL, cost) == 62
    assert settle.affordable(MODEL, cost)
    monkeypatch.setattr(settle, "BUDGET", 62 * each - 0.01)
    assert settle.most_contexts(MODEL, cost) == 61
    assert not settle.affordable(MODEL, cost)


def test_each_costs_what_the_longest_of_the_domain_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settle, "BUDGET", 7 * (20 + RULE))
    short = replace(MODEL, domain=Domain.layout("xy", x="ab", y="ab"), cycle=None)
    assert settle.most_contexts(short) == 7
    assert settle.most_contexts(MODEL) == 6


@pytest.mark.parametrize(
    ("method", "affordable", "swept"),
    [
        ("auto", 1, "enumerated"),
        ("auto", 0, "sampled"),
        ("prove", 1, "enumerated"),
        ("prove", 0, "sampled"),
        ("sample", 1, "sampled"),
        ("sample", 0, "sampled"),
        ("enumerate", 1, "enumerated"),
        ("enumerate", 0, "enumerated"),
    ],
)
def test_all_contexts_are_run_or_a_sample(
    method: Any, affordable: int, swept: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settle, "BUDGET", 62 * OF_FIVE + affordable - 1)
    assert settle.sweep(MODEL, How(method))[0] == swept
    # Of operations ten times as dear, the budget reaches for fewer; that of an hour still does.
    assert settle.sweep(MODEL, How(method), 10)[0] == ("enumerated" if method == "enumerate" else "sampled")


@pytest.mark.parametrize("reaches", [True, False])
def test_an_hour_reaches_for_a_thousand_times_as_many(reaches: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the operation: a thousandth of 50 and of the rule's."""
    monkeypatch.setattr(settle, "BUDGET", 62 * OF_FIVE / 1000 - (0 if reaches else 0.01))
    hint = "; --method enumerate would settle it, by running all 62 contexts"
    assert settle.means(MODEL, How()) == settle.means(MODEL, How("prove")) == (hint if reaches else "")
    assert settle.means(MODEL, How("enumerate")) == ""  # that is what is being done
    if reaches:
        assert settle.sweep(MODEL, How("enumerate"))[0] == "enumerated"
    else:
        with pytest.raises(ModelError, match="has 62 contexts of up to 5 tokens, but should have fewer"):
            settle.sweep(MODEL, How("enumerate"))
        assert settle.sweep(MODEL, How())[0] == settle.sweep(MODEL, How("prove"))[0] == "sampled"


def sample(model: Model, cost: float = 1) -> list[tuple[int, int]]:
    """How many contexts of which lengths."""
    return [(batch.shape[1], len(batch)) for batch in settle._sample(model, cost)]


@pytest.mark.parametrize(
    ("budget", "cost", "rows"),
    [
        (500, 1, {1: 2, 2: 4, 3: 3, 4: 2, 5: 2}),  # 100 a length; of the first two there are no more
        (500, 2, {1: 2, 2: 2, 3: 1, 4: 1, 5: 1}),
        (500, 10, {1: 1, 2: 1, 3: 1, 4: 1, 5: 1}),
        (200, 10, {1: 1, 2: 1, 3: 1, 4: 1}),  # 400 for one context, and no more
    ],
)
def test_how_many_of_each_length_a_sample_has(
    budget: int, cost: float, rows: dict[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settle, "SAMPLE", budget)
    assert sample(MODEL, cost) == list(rows.items())


@pytest.mark.parametrize(("less", "rows"), [(0, 256), (1, 255), (-1000, 256)])
def test_a_sample_has_256_of_a_length_at_most(less: int, rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    two = replace(ab.build(n_ctx=10), domain=Domain.layout("x" * 10, start=9, x="ab"), cycle=None)
    assert sample(two) == [(9, 256), (10, 256)]  # as many as that cost little of a small model
    monkeypatch.setattr(settle, "SAMPLE", 2 * 100 * 256 - less)
    assert sample(two) == [(9, 256), (10, rows)]  # of 512 and 1024, for 90 and 100 operations each


def test_a_sample_has_the_shortest_lengths_and_ever_fewer_of_the_long_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixteen, as 40^(i/15) goes on, of which those below 4 fall together."""
    lengths = [1, 2, 3, 4, 6, 7, 9, 12, 15, 19, 24, 31, 40]
    assert [length for length, _ in sample(ab.build(n_ctx=40))] == lengths
    domain = Domain.layout("x" * 40, start=3, x="ab")  # from 3 to 40 tokens: the first, second, ... of 38
    later = replace(ab.build(n_ctx=40), domain=domain, cycle=None)
    drawn = [length for length, _ in sample(later)]
    assert (drawn[:4], drawn[-1]) == ([3, 4, 5, 6], 40)
    monkeypatch.setattr(settle, "SAMPLE", 0)
    assert sample(later) == [(3, 1)]  # of the shortest there is one, whatever it costs


def test_a_sample_is_always_the_same_and_within_the_domain() -> None:
    model = replace(ab.build(n_ctx=9), domain=Domain.layout("axxxxxxxx", start=2, x="ab"), cycle=None)
    once, again = list(settle._sample(model, 1)), list(settle._sample(model, 1))
    assert all(np.array_equal(one, other) for one, other in zip(once, again, strict=True))
    assert all(context in model.scope for batch in once for context in model.decode_rows(batch))
