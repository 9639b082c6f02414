"""What the checker of certificates says of a program holds for the program; faults planted in it are noticed."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from properties.recheck import attention, batches
from properties.recheck.attention import Floats, Seen
from properties.recheck.margins import Margins
from properties.recheck.means import weights
from properties.recheck.program import Ball, Program
from properties.recheck.stream import Heads, Stream
from properties.selftest.examples import many
from properties.selftest.random_models import assert_noticed, completions, random_boxes, transformers
from properties.selftest.recheck.alone import Alone
from properties.selftest.recheck.liars import GUESSERS, guessing
from zoo import Norm, Transformer, forward
from zoo.transformer.arrays import Array

pytest.importorskip("flint", reason="python-flint is not installed, and nothing can be confirmed without it")


def check_balls(transformer: Transformer, seed: int) -> None:
    """On random boxes, no entry of the stream and no difference of logits of a random completion leaves its ball.

    The boxes of all lengths are looked at together, those of one length with one token last.
    """
    rng, vocab = np.random.default_rng(seed), len(transformer.token_embedding)
    ends = {n: (int(rng.integers(vocab)), *rng.permutation(vocab)[:2]) for n in range(1, transformer.n_ctx + 1)}
    boxes = [box for n, (last, *_) in ends.items() for box in random_boxes(rng, 2, n, vocab)]
    for box in boxes:
        box[-1, ends[len(box)][0]] = True
    ways = Alone(transformer, fine=False), Alone(transformer)
    for alone in ways:
        alone.together(boxes)
    for n, (last, *pair) in ends.items():
        some = [i for i, box in enumerate(boxes) if len(box) == n]
        least = [alone.lowest(some, last, [(pair[0], pair[1])])[:, 0] for alone in ways]
        for i, lower in zip(some, np.transpose(least), strict=True):
            for tokens in completions(rng, boxes[i], 6):
                tokens[-1] = last
                check_run(ways, i, tokens, pair, lower.tolist())


def check_run(ways: Sequence[Alone], box: int, tokens: Array, pair: Sequence[int], lower: Sequence[float]) -> None:
    """What runs in one context of a box, against what each of the two ways knows of it."""
    program, trace = ways[0].margins.program, dict[str, Any]()
    with np.errstate(all="ignore"):
        logits = forward(ways[0].t, tokens[None], trace)[0, -1]
    difference = program.number(float(logits[pair[0]])) - program.number(float(logits[pair[1]]))
    for alone, least in zip(ways, lower):
        if least == -np.inf:
            continue  # it may overflow
        assert difference.is_finite(), "a logit should be a number"
        assert not difference < program.number(least), f"a difference is {difference}, but should be at least {least}"
        numbers = alone.numbers(len(alone.t.layers))
        for p, t in enumerate(tokens.tolist()):
            if (known := alone.margins.rows[-1][numbers[box if len(numbers) > 1 else 0, p, t]]) is None:
                continue
            for e, entry in enumerate(trace["residual"][0, p].tolist()):
                ball = known.row.get(e, Ball(program.zero, program.zero))
                off = abs(program.number(entry) - ball.c)
                assert not off > ball.r, f"an entry is off by {off}, but should be by {ball.r} at most"


@pytest.mark.soundness
def test_no_number_leaves_its_ball() -> None:
    many(12)(given(transformers(max_n_ctx=5), st.integers(0, 2**32 - 1))(check_balls))()


@pytest.mark.parametrize("guesser", GUESSERS)
def test_nor_does_any_where_guesses_are_lies(guesser: str) -> None:
    """Whatever is guessed, what is confirmed is so."""
    with guessing(guesser):
        many(8)(given(transformers(max_n_ctx=4), st.integers(0, 2**32 - 1))(check_balls))()


def without_rounding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Program, "rounding", lambda self, size, count, products=0: self.zero)


def with_rounding_of_the_wrong_dtype(monkeypatch: pytest.MonkeyPatch) -> None:
    original = Program.__init__

    def init(self: Program, dtype: Any) -> None:
        original(self, dtype)
        self.unit = self.number(2) ** -60

    monkeypatch.setattr(Program, "__init__", init)


def with_weights_that_may_not_vary(monkeypatch: pytest.MonkeyPatch) -> None:
    def middle(*ends: Any) -> tuple[Array, Array]:
        least, most = weights(*ends)
        with np.errstate(all="ignore"):
            return (np.sqrt(least) * np.sqrt(most),) * 2

    monkeypatch.setattr(attention, "weights", middle)


def with_levels_never_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    def lowest(least: Array, most: Array, value: Array, mask: Array, *others: Any) -> Array:
        found: Array = np.where(mask, value, np.inf).min(axis=(-2, -1))
        return found

    monkeypatch.setattr(attention, "levels", lowest)


def with_one_token_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    original = Seen.__init__

    def init(self: Seen, stream: Floats, i: int, p: int, t: int, numbers: Array, masks: Array, *counted: Any) -> None:
        original(self, stream, i, p, t, numbers, masks & (np.cumsum(masks, axis=-1) == 1), *counted)

    monkeypatch.setattr(Seen, "__init__", init)


def with_the_last_token_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    original = Seen.__init__

    def init(self: Seen, stream: Floats, i: int, p: int, t: int, numbers: Array, masks: Array, *counted: Any) -> None:
        original(self, stream, i, p, int(masks[0, p].argmax()), numbers, masks, *counted)

    monkeypatch.setattr(Seen, "__init__", init)


def with_what_another_leaf_saw(monkeypatch: pytest.MonkeyPatch) -> None:
    def behind(self: Stream, i: int, number: int, heads: Heads) -> int:
        return self.number(i + 1, (number, heads.keys), lambda: self.attend(i, number, heads))

    monkeypatch.setattr(Stream, "behind_attention", behind)


def with_what_came_behind_in_another_leaf(monkeypatch: pytest.MonkeyPatch) -> None:
    original = Margins.end

    def end(self: Margins, number: int, heads: Heads) -> int:
        seen: dict[Any, int] = vars(self).setdefault("seen", {})
        return seen.setdefault((number, heads.keys), original(self, number, heads))

    monkeypatch.setattr(Margins, "end", end)


def with_every_key_visible(monkeypatch: pytest.MonkeyPatch) -> None:
    original = batches._views
    monkeypatch.setattr(batches, "_views", lambda contexts, whole, causal: original(contexts, True, False))


def with_scores_that_move_half_as_far(monkeypatch: pytest.MonkeyPatch) -> None:
    original = Floats.felt
    monkeypatch.setattr(Floats, "felt", lambda self, *where: [felt / 4 for felt in original(self, *where)])


def with_every_unit_taken_for_linear(monkeypatch: pytest.MonkeyPatch) -> None:
    original = Margins.back

    def back(self: Margins, step: Any, direction: Any) -> Any:
        hidden = {unit: Ball(abs(ball.c) + ball.r, ball.r) for unit, ball in step.hidden.items()}
        active = {unit: step.active.get(unit, Ball(self.program.zero, self.program.zero)) for unit in hidden}
        return original(self, step._replace(hidden=hidden, active=active), direction)

    monkeypatch.setattr(Margins, "back", back)


def with_a_tenth_of_what_enters_a_norm(monkeypatch: pytest.MonkeyPatch) -> None:
    original = Program.normalize

    def normalize(self: Program, x: Any, norm: Norm | None, known: Ball | None = None) -> Any:
        return original(self, {e: Ball(ball.c, ball.r / 10) for e, ball in x.items()} if norm else x, norm, known)

    monkeypatch.setattr(Program, "normalize", normalize)


# Each fault with layers that can show it, whether there may be a Norm, and a seed with which it is seen soon.
FAULTS: list[tuple[Callable[[pytest.MonkeyPatch], None], Sequence[str] | None, bool, int]] = [
    (without_rounding, None, True, 2),
    (with_rounding_of_the_wrong_dtype, None, True, 2),
    (with_weights_that_may_not_vary, ["attention", "attention"], False, 7),
    (with_levels_never_raised, ["attention"], True, 7),
    (with_one_token_a_key, ["attention"], True, 7),
    (with_the_last_token_ignored, ["attention"], True, 7),
    (with_what_another_leaf_saw, ["attention", "attention"], True, 7),
    (with_what_came_behind_in_another_leaf, ["attention", "relu"], True, 7),
    (with_every_key_visible, ["attention", "attention"], False, 10),
    (with_scores_that_move_half_as_far, ["attention", "attention"], False, 7),
    (with_every_unit_taken_for_linear, ["attention", "relu"], False, 7),
    (with_a_tenth_of_what_enters_a_norm, ["attention", "attention"], True, 9),
]


@pytest.mark.parametrize(("fault", "layers", "normed", "seed"), FAULTS)
def test_a_planted_fault_is_noticed(
    fault: Callable[[pytest.MonkeyPatch], None],
    layers: Sequence[str] | None,
    normed: bool,
    seed: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fault(monkeypatch)
    assert_noticed(check_balls, transformers(max_n_ctx=5, layers=layers, normed=normed), 500, "should be", seed)


def test_a_gelu_has_one_minimum() -> None:
    """It falls up to -0.7525 and rises from -0.7524 on, and is nowhere below what is taken for its minimum."""
    program = Program(np.dtype(np.float64))
    ends = [program.gelu(program.number(x)) for x in np.linspace(-9, 4, 4001).tolist()]
    turn = int((9 - 0.7525) / 13 * 4000)
    assert all(a > b for a, b in pairwise(ends[:turn]))
    assert all(a < b for a, b in pairwise(ends[turn + 2 :]))
    assert all(end > program.number(-0.170041) for end in ends)
