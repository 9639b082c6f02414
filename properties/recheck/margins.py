"""By how much an answer wins over a leaf's contexts at least, in rigorous arithmetic.

Up to the last attention, what stands at each position is a row of the stream, by number. From there the difference of
answer and rival is followed backwards, as a direction, whose means over the heads are bounded by levels: of the values
along that direction, or of their columns, which say less where there are several and are enough mostly.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from properties.recheck.attention import Floats, Seen
from properties.recheck.means import above, below
from properties.recheck.prices import Counted
from properties.recheck.program import Number, Row, Vector
from properties.recheck.stream import Heads, Passed, remembered
from zoo.errors import CertificateError
from zoo.transformer import Mlp, Transformer
from zoo.transformer.arrays import Array


class End(NamedTuple):
    """The last position of contexts: its row before the last attention, and what the heads add to it."""

    number: int
    heads: Heads


class Shown(NamedTuple):
    """Of sets of contexts, what the last position of each ends in, and what it sees, if there is an attention."""

    ends: Array
    seen: Seen | None


class Behind(NamedTuple):
    """From the last attention on: the Mlps, what comes out of them, its sizes, and what the attention may round."""

    passed: list[Passed]
    final: Row
    sizes: Vector
    errors: Vector


class Normed(NamedTuple):
    """What the final Norm divides by, squared; what rounding may change before it and behind; the sizes there."""

    least: Number
    most: Number
    errors: list[Number]
    roundings: list[Number]
    sizes: Vector


class Margins(Floats):
    """The margins of one transformer. Where `fine`, levels are as low as they can be, and along directions always."""

    def __init__(self, transformer: Transformer, fine: bool = False) -> None:
        super().__init__(transformer, fine)
        last = transformer.last_attention
        self.heads = range(transformer.layers[last].sizes["head"] if last >= 0 else 0)
        self.last = max(last, 0)
        self.behind = range(last + 1, len(transformer.layers))  # Mlps
        self.readout = [self.program.vector(row) for row in transformer.readout]
        self.ends: list[End] = []
        self.end_numbers: dict[tuple[object, ...], int] = {}

    def lower(
        self,
        numbers: Array,
        masks: Array,
        t: int,
        pairs: Sequence[tuple[int, int]],
        counted: Counted | None = None,
        p: int = -1,
    ) -> Array:
        """Lower bounds on answer - rival at a position, where t stands: [set of contexts, pair], -inf if not known.

        `numbers` [set or 1, position, token] are those of the rows before the last attention, `masks` [set, position,
        token] say what each position that is seen may hold, `counted` how many of them hold what.
        """
        return self.lowest(self.shown(numbers, masks, t, counted, p), np.arange(len(masks)), pairs)

    def shown(self, numbers: Array, masks: Array, t: int, counted: Counted | None, p: int) -> Shown:
        """What stands at a position behind the last attention, whatever answer is asked about."""
        p %= masks.shape[1]
        own = np.broadcast_to(numbers[:, p, t], len(masks))
        if self.heads:
            seen = Seen(self, self.last, p, t, numbers, masks, counted)
            heads, which = seen.heads(columns=bool(self.behind) or self.t.final_norm is not None)
        else:
            seen, heads, which = None, [Heads(0, *np.zeros((3, 0, 0)))], np.zeros(len(masks), int)
        both, at = np.unique(own * len(heads) + which, return_inverse=True)
        ends = np.array([self.end(number // len(heads), heads[number % len(heads)]) for number in both.tolist()])
        return Shown(ends[at.reshape(-1)], seen)

    def lowest(self, shown: Shown, some: Array, pairs: Sequence[tuple[int, int]]) -> Array:
        """`lower` of some of the sets that are shown."""
        seen, (ends, which) = shown.seen, np.unique(shown.ends[some], return_inverse=True)
        if seen is None or (self.behind and not self.fine):
            found = np.array([[self.margin(end, *pair, None) for pair in pairs] for end in ends.tolist()])
            return found[which.reshape(-1)]
        out = np.full((len(some), len(pairs)), -np.inf)
        # Without an Mlp behind, the direction is the same at all ends.
        for end in ends.tolist() if self.behind else [None]:
            mine = np.flatnonzero((shown.ends[some] == end) | (end is None))
            for k, pair in enumerate(pairs):
                try:
                    along = [seen.level(h, self.along(h, *pair, end, seen.keys), some[mine]) for h in self.heads]
                except CertificateError:  # it may overflow
                    continue
                for i, levels in zip(mine.tolist(), np.transpose(along).tolist(), strict=True):
                    out[i, k] = self.margin(int(shown.ends[some[i]]), *pair, levels)
        return out

    def end(self, number: int, heads: Heads) -> int:
        key = number, heads.keys, heads.size.tobytes(), heads.low.tobytes(), heads.high.tobytes()
        if key not in self.end_numbers:
            self.end_numbers[key] = len(self.ends)
            self.ends.append(End(number, heads))
        return self.end_numbers[key]

    def margin(self, end: int, answer: int, rival: int, along: Sequence[float] | None) -> float:
        """At an end, with levels along the direction, of each head, or by those of the columns."""
        try:
            direction, bound, after = self.toward(end, answer, rival)
            if along is None:
                bound -= self.by_columns(end, direction)
            elif not np.isfinite(along).all():
                return -np.inf
            else:
                bound -= sum(map(self.program.number, along), self.program.zero)
            if self.t.final_norm is not None:
                normed = self.normed(end)
                bound = (bound / normed.least.sqrt()).min(bound / normed.most.sqrt())
            return below(bound + after)
        except CertificateError:  # it may overflow
            return -np.inf

    @remembered
    def difference(self, answer: int, rival: int) -> tuple[Vector, Vector]:
        """Answer - rival as a direction behind the final Norm, and before it but for what that divides by."""
        zero, norm = self.program.zero, self.t.final_norm
        both = self.readout[answer] | self.readout[rival]
        difference = {e: self.readout[answer].get(e, zero) - self.readout[rival].get(e, zero) for e in both}
        difference = {e: entry for e, entry in difference.items() if entry != 0}
        if norm is None:
            return difference, difference
        weighted = [difference.get(e, zero) * float(w) for e, w in enumerate(norm.weight)]
        mean = sum(weighted, zero) / len(weighted)
        return difference, {e: entry - mean for e, entry in enumerate(weighted)}

    @remembered
    def toward(self, end: int, answer: int, rival: int) -> tuple[Vector, Number, Number]:
        """The direction before the Mlps; the bound there but for the heads; what is added behind the final Norm."""
        bound = after = self.program.zero
        behind, number = self.from_end(end), self.ends[end].number
        difference, direction = self.difference(answer, rival)
        for step in reversed(behind.passed):
            direction, more = self.back(step, direction)
            bound += more
        for e, ball in self.known(self.last, number).row.items():
            if e in direction:
                bound += direction[e] * ball.c - abs(direction[e]) * ball.r
        if self.heads:
            bound += self.along_direction(self.biases.get((self.last, "b_o", 0), {}), behind.errors, direction)
        if self.t.final_norm is not None:
            normed, weight, bias = self.normed(end), self.t.final_norm.weight, self.t.final_norm.bias
            for e, entry in difference.items():
                bound -= abs(entry * float(weight[e])) * normed.errors[e]
                after += entry * float(bias[e]) - abs(entry) * normed.roundings[e]
        errors = self.logit_errors(end)
        return direction, bound, after - errors[answer] - errors[rival]

    def by_columns(self, end: int, direction: Vector) -> Number:
        """What the heads' means along -direction do not exceed, from the ends of their columns."""
        heads, bound = self.ends[end].heads, self.program.zero
        for h, column in zip(*np.nonzero(heads.size)):
            row = self.matrices[self.last, "w_o", int(h)][column]
            onto = sum((entry * direction[e] for e, entry, _ in row if e in direction), self.program.zero)
            low, high = (self.program.number(float(x[h, column])) for x in (heads.low, heads.high))
            bound += (-onto * low).max(-onto * high)
        return bound

    def along(self, h: int, answer: int, rival: int, end: int | None, numbers: Array) -> Array:
        """The largest values of a head's keys along rival - answer, rounded up: [number]"""
        i, zero, key = self.last, self.program.zero, (h, answer, rival, end)
        if key not in self.tables:
            direction = self.difference(answer, rival)[1] if end is None else self.toward(end, answer, rival)[0]
            onto = {
                column: sum((entry * direction[e] for e, entry, _ in row if e in direction), zero)
                for column, row in enumerate(self.matrices[i, "w_o", h])
            }
            biases = self.biases.get((i, "b_v", h), {}).items()
            constant = sum((entry * onto[column] for column, entry in biases), zero)
            through = [
                sum((entry * onto[column] for column, entry, _ in row), zero) for row in self.matrices[i, "w_v", h]
            ]

            def make(number: int) -> Array:
                least, errors = constant, self.projected(i, number, "v", h)[1]
                for m, ball in self.normalize(i, number).items():
                    least += ball.c * through[m] - ball.r * abs(through[m])
                return np.array(
                    above(sum((error * abs(onto[column]) for column, error in errors.items()), zero) - least)
                )

            self.table(key, (), make)
        return self.tables[key].of(numbers)[numbers]

    @remembered
    def logit_errors(self, end: int) -> list[Number]:
        """Of all, for a logit that is NaN is no answer, permitted or not."""
        sizes = self.from_end(end).sizes if self.t.final_norm is None else self.normed(end).sizes
        return [self.unembed(sizes, row) for row in self.readout]

    def unembed(self, sizes: Vector, row: Vector) -> Number:
        """What rounding may change in the product of a stream of these sizes and a row of the readout."""
        products = [sizes[e] * abs(entry) for e, entry in row.items() if e in sizes]
        return self.program.rounding(sum(products, self.program.zero), len(products))

    @remembered
    def from_end(self, end: int) -> Behind:
        number, heads = self.ends[end]
        sizes, errors = self.attended_errors(number, heads) if self.heads else ({}, {})
        entrywise = bool(self.behind) or self.t.final_norm is not None
        known, passed = self.known(self.last, number), []
        if self.heads and entrywise:
            known = self.known(self.last + 1, self.behind_attention(self.last, number, heads))
        for j in self.behind:
            known, step = self.transform(j, known)
            passed.append(step)
        if self.behind or not self.heads:
            sizes = {e: ball.size for e, ball in known.row.items()}
        return Behind(passed, known.row, sizes, errors)

    def attended_errors(self, number: int, heads: Heads) -> tuple[Vector, Vector]:
        """Behind the last attention: how large the stream's entries may be, and what rounding may change in them."""
        program, zero, i = self.program, self.program.zero, self.last
        sizes = {e: abs(entry) for e, entry in self.biases.get((i, "b_o", 0), {}).items()}
        errors, counts = dict.fromkeys(sizes, zero), self.roundings(i)
        for h, column in zip(*np.nonzero(heads.size)):
            size = program.number(float(heads.size[h, column]))
            error = program.mean_error(size, heads.keys)
            for e, _, absolute in self.matrices[i, "w_o", int(h)][column]:
                sizes[e] = sizes.get(e, zero) + (size + error) * absolute
                errors[e] = errors.get(e, zero) + error * absolute
        for e, size in sizes.items():
            errors[e] += program.rounding(size, *counts[e])
        for e, ball in self.known(
            i, number
        ).row.items():  # where that is exactly zero, all that may underflow is counted
            if e in sizes:
                errors[e] += program.rounding(sizes[e] + errors[e] + ball.size, 1)
            else:
                errors[e] = program.alone(ball)[1]
            sizes[e] = sizes.get(e, zero) + ball.size
        return {e: size + errors.get(e, zero) for e, size in sizes.items()}, errors

    def along_direction(self, x: Vector, errors: Vector, direction: Vector) -> Number:
        """At least how large x along the direction is, up to errors."""
        bound = sum((entry * direction[e] for e, entry in x.items() if e in direction), self.program.zero)
        return bound - sum((e * abs(direction[at]) for at, e in errors.items() if at in direction), self.program.zero)

    def back(self, step: Passed, direction: Vector) -> tuple[Vector, Number]:
        """From a direction behind an Mlp to one before it, and what is added. Units of relu surely on are linear."""
        layer, i, zero = self.t.layers[step.i], step.i, self.program.zero
        assert isinstance(layer, Mlp)
        bound = self.along_direction(self.biases[i, "b_out", 0], step.errors, direction)
        before = dict(direction)
        for unit, ball in step.active.items():
            out, hidden = self.matrices[i, "w_out", 0][unit], step.hidden[unit]
            onto = sum((entry * direction[e] for e, entry, _ in out if e in direction), zero)
            if layer.norm is None and layer.activation == "relu" and hidden.c - hidden.r >= 0:
                for e, entry in self.program.vector(layer.w_in[:, unit]).items():
                    before[e] = before.get(e, zero) + onto * entry
                bound += onto * self.biases[i, "b_in", 0].get(unit, zero) - abs(onto) * step.hidden_errors[unit]
            else:
                bound += onto * ball.c - abs(onto) * ball.r
        return before, bound

    @remembered
    def normed(self, end: int) -> Normed:
        program, norm = self.program, self.t.final_norm
        assert norm is not None
        c, errors = program.centred(self.from_end(end).final, len(norm.weight))
        least, most, relative = program.variances(c, norm)
        sizes, roundings = {}, []
        for e, ball in enumerate(c):
            weight, bias = program.number(float(norm.weight[e])), program.number(float(norm.bias[e]))
            size = ball.size / least.sqrt() * abs(weight)
            error = relative * size + 4 * program.tiny * (1 + abs(weight))
            error += program.rounding(size + error + abs(bias), 1)
            sizes[e] = size + abs(bias) + error
            roundings.append(error)
        return Normed(least, most, errors, roundings, sizes)
