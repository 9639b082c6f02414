"""A rule as a function of one number: a head reads the window as a number, each token counting more than all before it.

Tokens are digits 0, 1, 2, … in some order, and of two neighbours the later weighs e^r times as much, so that contexts
with the same last tokens are an interval of numbers. Where the rule says one thing above a gap and another below it, a
step in the gap says so: by the output alone where there is one step, else two neurons a step.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, islice, permutations
from math import ceil, exp, log

import numpy as np

from zoo.basis import Basis, move
from zoo.compiling.built import Built
from zoo.compiling.tables import Table
from zoo.errors import ModelError
from zoo.transformer import Attention, Mlp, Transformer
from zoo.transformer.arrays import Array

LOUD = 16.0  # by how much an answer wins, before the current token's own logit of 1
UNIT = 2.0**-24  # of float32: a rounding is off by so much of a number
LOOKED_AT = 200_000  # numbers, in choosing the order of the digits


@dataclass(frozen=True)
class Step:
    """All numbers from `low` to `high` that contexts have: what is permitted after all of these."""

    low: float
    high: float
    permitted: frozenset[str]


@dataclass(frozen=True)
class Line:
    """The rule along the line of numbers."""

    order: tuple[str, ...]  # the token that is the digit 0, 1, …; the first has a logit of zero, and no direction
    apart: tuple[
        int, ...
    ]  # the lengths that are moved to numbers of their own, as they are in conflict with longer ones
    steps: list[Step]

    @property
    def size(self) -> tuple[int, int]:
        """About what it costs: a step two neurons, a length of its own a weight."""
        return len(self.steps), len(self.apart)

    @property
    def gaps(self) -> list[tuple[float, float]]:
        return [(below.high, above.low) for below, above in zip(self.steps, self.steps[1:])]

    @property
    def says(self) -> list[str]:
        """What is said at each step: the token whose logit is zero where that may be."""
        zero = self.order[0]
        return [zero if zero in step.permitted else min(step.permitted) for step in self.steps]

    @property
    def direct(self) -> bool:
        """Whether the output can say it without neurons."""
        return len(self.steps) <= 2 and not self.apart


def from_number(table: Table, vocab: tuple[str, ...], n_ctx: int) -> Built:
    """d_model is a direction for each token but one, one for the position, and one for the number where it is needed.

    ModelError where some steps are too close to be told apart in float32: what a mean of n_ctx numbers is off by.
    """
    if len(table) == 1:
        return _by_output(table, vocab, n_ctx)
    rate = _rate(len(vocab), len(table))
    line = _line(table, vocab, rate, n_ctx)
    head = Basis(recent=1)
    one = head["recent"]
    families = [*map(_name, line.order[1:]), "pos", *(() if line.direct else ["number"])]
    basis = Basis(**dict.fromkeys(families, 1))
    digits = _directions(line, basis)
    wpe = np.arange(n_ctx)[:, None] * basis["pos"]
    for length in line.apart:
        wpe[length - 1] -= _away(length, len(vocab)) * basis["number", 0]
    w_o, b_o, layers = _direct(line, digits, one) if line.direct else _by_steps(line, digits, one, basis)
    reading = Attention(
        w_q=np.zeros((1, len(basis), 1)),  # whoever I am, I ask the same:
        b_q=rate * one,  # that a token should be recent
        w_k=np.stack([move(basis["pos"], one)]),  # I am as recent as my position says
        w_v=np.stack([sum((i * move(digits[t], one) for i, t in enumerate(line.order)), np.zeros((len(basis), 1)))]),
        w_o=w_o,
        b_o=b_o,
        scale=1,
    )
    wte = np.stack([digits[token] for token in vocab])
    return Built(Transformer(wte, wpe, [reading, *layers]), basis, head, LOUD - 1)


def _by_output(table: Table, vocab: tuple[str, ...], n_ctx: int) -> Built:
    """Of the last token alone: the unembedding is the whole rule."""
    basis = Basis(tok=vocab)
    said = np.zeros((len(vocab), len(vocab)))
    for (token,), permitted in table[1].items():
        said[vocab.index(min(permitted))] += basis["tok", token]
    return Built(Transformer(basis["tok"], np.zeros((n_ctx, len(vocab))), [], unembedding=said), basis, None, 1)


def _rate(tokens: int, window: int) -> float:
    """e^-rate is about the q that leaves the widest gaps, (w - 1) / (w V); in eighths, so that multiples are exact."""
    return ceil(8 * log(window * tokens / (window - 1))) / 8


def _away(length: int, tokens: int) -> int:
    """How far the numbers of a short length are moved down, from all others: a number is 0 to V - 1."""
    return 2 * length * tokens


def _numbers(table: Table, order: Sequence[str], rate: float, apart: Sequence[int]) -> Iterator[Step]:
    """The numbers that contexts have, with what is permitted after them.

    A context shorter than the window has the mean of its digits, as the same tokens again and again would. One that is
    longer has that of its last tokens, and up to q^window of the largest digit for all that stand before.
    """
    digit = {token: i for i, token in enumerate(order)}
    weights = [exp(-rate * back) for back in range(len(table) + 1)]
    for length, entries in table.items():
        whole = length == len(table)
        total = 1 / (1 - weights[1]) if whole else sum(weights[:length])
        moved = _away(length, len(order)) if length in apart else 0
        for context, permitted in entries.items():
            low = sum(digit[token] * weights[back] for back, token in enumerate(reversed(context))) / total - moved
            yield Step(low, low + (len(order) - 1) * weights[length] if whole else low, permitted)


def _steps(numbers: Iterator[Step], gap: float) -> list[Step] | None:
    """The fewest steps; None where two that have no token in common are closer than the gap."""
    steps: list[Step] = []
    for step in sorted(numbers, key=lambda step: step.low):
        last = steps[-1] if steps else None
        if last and (both := last.permitted & step.permitted):
            steps[-1] = Step(last.low, max(last.high, step.high), both)
        elif last and step.low - last.high < gap:
            return None
        else:
            steps.append(step)
    return steps


def _line(table: Table, vocab: tuple[str, ...], rate: float, n_ctx: int) -> Line:
    """The order of digits with the fewest steps, of those with the fewest lengths apart."""
    # The weights and their sum are off by n roundings each, relative to a mean that is at most the largest digit, and
    # what is moved by two more; a step takes half of its gap to rise, so that a quarter is left on each side.
    gap = 4 * 2 * UNIT * ((n_ctx + 8) * (len(vocab) - 1) + 2 * _away(len(table), len(vocab)))
    tried = max(1, LOOKED_AT // sum(map(len, table.values())))
    short, best = range(1, len(table)), list[Line]()
    for apart in [*(some for size in range(3) for some in combinations(short, size)), tuple(short)]:
        if best and len(apart) > max(1, len(best[0].apart)):
            break
        for order in islice(permutations(vocab), tried):
            steps = _steps(_numbers(table, order, rate, apart), gap)
            if steps is not None and _quiet(line := Line(order, apart, steps)):
                best = [min([*best, line], key=lambda line: line.size)]
    if not best:
        raise ModelError(
            f"as a number, the rule has steps that are closer than {gap:.2g}, but should have none to be told apart "
            f"in float32 at n_ctx {n_ctx}"
        )
    return best[0]


def _quiet(line: Line) -> bool:
    """Whether what neurons add up to is rounded, in float32, by no more than a quarter of how loud an answer is."""
    if line.direct:
        return True
    span, count = line.steps[-1].high - line.steps[0].low, 2 * len(line.gaps) + 4
    size = sum(2 * 2 * LOUD * 2 * span / (high - low) for low, high in line.gaps)  # of two neurons a step
    return 2 * count * UNIT * size < LOUD / 4


def _directions(line: Line, basis: Basis) -> dict[str, Array]:
    zero = {line.order[0]: np.zeros(len(basis))}
    return zero | {token: basis[_name(token), 0] for token in line.order[1:]}


def _name(token: str) -> str:
    """Of its direction. Each is a family of one: a family of all would lose its label where there are two tokens."""
    return f"tok {token}"


def _unsaid(line: Line, digits: dict[str, Array]) -> Array:
    """Speaks against the tokens that are said nowhere."""
    return -LOUD * sum(
        (digits[token] for token in line.order if token not in line.says), np.zeros(len(digits[line.order[0]]))
    )


def _direct(line: Line, digits: dict[str, Array], one: Array) -> tuple[Array, Array, list[Mlp]]:
    """The number speaks for what is said above the gap; at its middle both are equal."""
    first, *later = line.says
    if not later:
        return np.zeros((1, 1, len(digits[first]))), LOUD * digits[first] + _unsaid(line, digits), []
    [(low, high)] = line.gaps
    towards = 2 * LOUD / (high - low) * (digits[later[0]] - digits[first])
    return np.stack([move(one[0], towards)]), -(low + high) / 2 * towards + _unsaid(line, digits), []


def _by_steps(line: Line, digits: dict[str, Array], one: Array, basis: Basis) -> tuple[Array, None, list[Mlp]]:
    """Two neurons a step: the first is on from a quarter of the gap on, the other, against it, from three quarters."""
    number = basis["number", 0]
    quiet = sum((digits[token] for token in {*line.says}), np.zeros(len(basis))) / 2  # the logit of zero stands between
    w_in, b_in, w_out = [], [], []
    for (low, high), before, after in zip(line.gaps, line.says, line.says[1:]):
        quarter = (high - low) / 4
        for at, sign in ((low + quarter, 1), (high - quarter, -1)):
            w_in.append(number / (2 * quarter))
            b_in.append(-at / (2 * quarter))
            w_out.append(sign * 2 * LOUD * (digits[after] - digits[before]))
    start = 2 * LOUD * (digits[line.says[0]] - quiet) + _unsaid(line, digits)
    return (
        np.stack([move(one[0], number)]),
        None,
        [Mlp(np.stack(w_in, axis=1), np.array(b_in), np.stack(w_out), start, "relu")],
    )
