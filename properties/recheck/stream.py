"""What a transformer's program may compute at each position, layer by layer, in balls.

A row of the stream is known by a number, one for each layer that it goes into. It follows from the row before, and
behind an attention from what its heads' means can be: where these are alike, so is all that follows, whatever the leaf
and its length, and is worked out once.
"""

from collections import Counter
from collections.abc import Callable
from functools import wraps
from typing import Any, NamedTuple

import numpy as np

from properties.recheck.program import Ball, Matrix, Number, Program, Row, Vector
from zoo.errors import CertificateError
from zoo.transformer import Attention, Mlp, Transformer, unhandled
from zoo.transformer.arrays import Array


class Known(NamedTuple):
    """A row of the stream, and its mean by itself: where what is written sums to nothing, that does not move."""

    row: Row
    mean: Ball


class Heads(NamedTuple):
    """The means of an attention's values, column by column: [head, column]. Each is of so many `keys`.

    `size` is the largest that a value may be, by itself; none of the means is outside of `low` and `high`.
    """

    keys: int
    size: Array
    low: Array
    high: Array


class Passed(NamedTuple):
    """What an Mlp does: its units before and after the activation, and what rounding may change in its output."""

    i: int
    hidden: Row
    hidden_errors: Vector
    active: Row
    errors: Vector


def remembered(method: Callable[..., Any]) -> Callable[..., Any]:
    """What follows from the number of a row is worked out once."""

    @wraps(method)
    def recall(self: "Stream", *key: Any) -> Any:
        memory = self.memory
        if (method.__name__, key) not in memory:
            memory[method.__name__, key] = method(self, *key)
        return memory[method.__name__, key]

    return recall


class Stream:
    """The stream of one transformer: `embed`, `normalize`, `attend` and `transform` are those of the forward pass."""

    def __init__(self, transformer: Transformer) -> None:
        self.t, self.program = transformer, Program(transformer.dtype)
        self.vocab = range(len(transformer.token_embedding))
        vector, matrix = self.program.vector, self.program.matrix
        self.tokens, self.positions = map(matrix, (transformer.token_embedding, transformer.position_embedding))
        # By layer, name and head, which is 0 where there is none.
        self.matrices: dict[tuple[int, str, int], Matrix] = {}
        self.biases: dict[tuple[int, str, int], Vector] = {}
        for i, layer in enumerate(transformer.layers):
            if not isinstance(layer, Attention | Mlp):
                unhandled(layer)
            for name, array in layer.arrays():
                each = array if isinstance(layer, Attention) and name != "b_o" else [array]
                for h, part in enumerate(each):
                    if part.ndim == 2:
                        self.matrices[i, name, h] = matrix(part)
                    else:
                        self.biases[i, name, h] = vector(part)
        # What of a leaf can be seen before each layer: 0 nothing, 1 what stands before, 2 everything.
        self.sight = [0]
        for layer in transformer.layers:
            self.sight.append(max(self.sight[-1], 2 - layer.causal if isinstance(layer, Attention) else 0))
        self.memory: dict[Any, Any] = {}
        # For each layer, and behind the last: rows by number, None where nothing is known, and their numbers.
        self.rows: list[list[Known | None]] = [[] for _ in self.sight]
        self.numbers: list[dict[Any, int]] = [{} for _ in self.sight]

    def number(self, i: int, key: Any, make: Callable[[], Known]) -> int:
        """That of the row which goes into layer i and follows from a key: what is new is worked out."""
        numbers = self.numbers[i]
        if key not in numbers:
            try:
                known: Known | None = make()
            except CertificateError:  # it may overflow
                known = None
            numbers[key] = len(self.rows[i])
            self.rows[i].append(known)
        return numbers[key]

    def known(self, i: int, number: int) -> Known:
        """CertificateError where nothing is known of a row."""
        if (known := self.rows[i][number]) is None:
            raise CertificateError("numbers may overflow, and nothing can be confirmed of the program then")
        return known

    def embed(self, p: int, t: int) -> int:
        def make() -> Known:
            rows, zero, d = (self.tokens[t], self.positions[p]), self.program.zero, self.t.d_model
            token, position = ({e: Ball(entry, zero) for e, entry, _ in row} for row in rows)
            row = self.program.add(token, position)[0]
            return Known(row, Ball(*(sum((ball[k] for ball in row.values()), zero) / d for k in range(2))))

        return self.number(0, (p, t), make)

    def behind_mlp(self, i: int, number: int) -> int:
        return self.number(i + 1, number, lambda: self.transform(i, self.known(i, number))[0])

    def behind_attention(self, i: int, number: int, heads: Heads) -> int:
        key = number, heads.keys, heads.size.tobytes(), heads.low.tobytes(), heads.high.tobytes()
        return self.number(i + 1, key, lambda: self.attend(i, number, heads))

    @remembered
    def normalize(self, i: int, number: int) -> Row:
        """What layer i reads, behind its Norm."""
        norm, known = self.t.layers[i].norm, self.known(i, number)
        return self.program.normalize(known.row, norm, None if norm is None else known.mean)

    @remembered
    def projected(self, i: int, number: int, name: str, h: int) -> tuple[Row, Vector]:
        """A head's query, key or value, and the part of its radii that is rounding."""
        w, b = self.matrices[i, f"w_{name}", h], self.biases.get((i, f"b_{name}", h), {})
        return self.program.linear(self.normalize(i, number), w, b)

    def columns(self, i: int, h: int) -> list[int]:
        """Those of a head's values that are not exactly zero everywhere."""
        columns = {column for row in self.matrices[i, "w_v", h] for column, *_ in row}
        return sorted(columns | self.biases.get((i, "b_v", h), {}).keys())

    def attend(self, i: int, number: int, heads: Heads) -> Known:
        """The stream behind an attention, and its mean."""
        program, d, known = self.program, self.t.d_model, self.known(i, number)
        biases, counts = self.biases.get((i, "b_o", 0), {}), self.roundings(i)
        terms = {e: [(entry, program.zero)] for e, entry in biases.items()}
        moved = [(sum(biases.values(), program.zero) / d, program.zero)]
        for h, column in zip(*np.nonzero(heads.size)):
            ends = heads.low[h, column], heads.high[h, column], heads.size[h, column]
            if not np.isfinite(ends).all():
                raise CertificateError("numbers may overflow, and nothing can be confirmed of the program then")
            low, high, size = map(program.number, map(float, ends))
            mean = Ball((high + low) / 2, (high - low) / 2 + program.mean_error(size, heads.keys))
            row = self.matrices[i, "w_o", int(h)][column]
            for e, entry, absolute in row:
                terms.setdefault(e, []).append((mean.c * entry, mean.r * absolute))
            moved.append(self.share(row, mean))
        sums = {e: program.total(its, *counts[e]) for e, its in terms.items()}
        stream, more = program.add(known.row, {e: ball for e, (ball, _) in sums.items()})
        c, r = (sum(parts, program.zero) for parts in zip(*moved))
        spread = sum((error for _, error in sums.values()), program.zero) + sum(more.values(), program.zero)
        return Known(stream, Ball(known.mean.c + c, known.mean.r + r + spread / d))

    def share(self, row: list[tuple[int, Number, Number]], ball: Ball) -> tuple[Number, Number]:
        """What a number, through a row of a matrix, adds to the mean of the stream."""
        mean = sum((entry for _, entry, _ in row), self.program.zero) / self.t.d_model
        return ball.c * mean, ball.r * abs(mean)

    @remembered
    def roundings(self, i: int) -> dict[int, tuple[int, int]]:
        """How often a product in the output of an attention is rounded, and how many products there are in all heads.

        A product is rounded by itself and in its head's sum, as often as that has products; and as heads and b_o are
        added, once less than there are addends. b_o by itself may underflow like one product.
        """
        heads: list[Counter[int]] = []
        for h in range(self.t.layers[i].sizes["head"]):
            rows = (self.matrices[i, "w_o", h][column] for column in self.columns(i, h))
            heads.append(Counter(e for row in rows for e, *_ in row))
        addends = Counter(e for its in (*heads, self.biases.get((i, "b_o", 0), {})) for e in its)
        return {
            e: (max(its[e] for its in heads) + addends[e] - 1, max(1, sum(its[e] for its in heads))) for e in addends
        }

    def transform(self, i: int, x: Known) -> tuple[Known, Passed]:
        """The stream behind an Mlp, and its mean."""
        program, layer, zero = self.program, self.t.layers[i], self.program.zero
        assert isinstance(layer, Mlp)
        normed = program.normalize(x.row, layer.norm, x.mean)
        hidden, hidden_errors = program.linear(normed, self.matrices[i, "w_in", 0], self.biases[i, "b_in", 0])
        units = {unit: program.activate(ball, layer.activation) for unit, ball in hidden.items()}
        active = {unit: ball for unit, ball in units.items() if ball is not None}
        out, errors = program.linear(active, self.matrices[i, "w_out", 0], self.biases[i, "b_out", 0])
        stream, more = program.add(x.row, out)
        errors = {e: errors.get(e, zero) + more.get(e, zero) for e in errors | more}
        moved = [self.share(self.matrices[i, "w_out", 0][unit], ball) for unit, ball in active.items()]
        moved.append((sum(self.biases[i, "b_out", 0].values(), zero) / self.t.d_model, zero))
        c, r = (sum(parts, zero) for parts in zip(*moved))
        mean = Ball(x.mean.c + c, x.mean.r + r + sum(errors.values(), zero) / self.t.d_model)
        return Known(stream, mean), Passed(i, hidden, hidden_errors, active, errors)
