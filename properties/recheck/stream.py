"""What a transformer's program may compute at each position over a leaf's contexts, layer by layer.

Each position carries, for each token it may hold, a ball around every entry of its vector there.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, NamedTuple

from properties.recheck.program import Ball, Matrix, Number, Program, Row, Vector
from zoo.transformer import Attention, Mlp, Transformer, unhandled

REMEMBERED = 300_000  # rows, of 1.2 kB in a small model
Options = Sequence[tuple[int, ...]]  # the tokens that each position may hold


class Passed(NamedTuple):
    """What an Mlp does: its units before and after the activation, and what rounding may change in its output."""

    i: int
    hidden: Row
    hidden_errors: Vector
    active: Row
    errors: Vector


def _remembered(behind: bool) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def wrapped(method: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(method)
        def recall(self: "Stream", i: int, p: int, t: int, *more: Any) -> Any:
            memory, key = (
                self.memories[self.sight[i + behind]],
                (method.__name__, i, p, t, more, self.seen(i + behind, p)),
            )
            if key not in memory:
                memory[key] = method(self, i, p, t, *more)
            return memory[key]

        return recall

    return wrapped


# Of what goes into layer i at position p with token t, or out of it; kept as long as that sees the same of the leaf.
remembered, remembered_behind = _remembered(False), _remembered(True)


class Stream:
    """The stream of one transformer. `at` turns to a leaf; `before` is the vector that goes into a layer.

    `embed`, `normalize`, `attend` and `transform` are the operations of `zoo.transformer.forward` on balls.
    """

    def __init__(self, transformer: Transformer) -> None:
        self.t, self.program = transformer, Program(transformer.dtype)
        self.vocab = range(len(transformer.token_embedding))
        vector, matrix = self.program.vector, self.program.matrix
        self.tokens, self.positions = map(matrix, (transformer.token_embedding, transformer.position_embedding))
        self.matrices: dict[
            tuple[int, str, int], Matrix
        ] = {}  # by layer, name and head, which is 0 where there is none
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
        self.counts: dict[int, dict[int, tuple[int, int]]] = {}  # by layer, see `roundings`
        self.combined: dict[tuple[int, int], list[list[Number]]] = {}  # by layer and head, |w_q w_k'|
        # What of a leaf can be seen before each layer: 0 nothing, 1 what stands before, 2 everything. So a row there is
        # remembered for all leaves, for those with the same beginning, or for this leaf.
        self.sight = [0]
        for layer in transformer.layers:
            self.sight.append(max(self.sight[-1], 2 - layer.causal if isinstance(layer, Attention) else 0))
        self.memories: tuple[dict[Any, Any], ...] = ({}, {}, {})  # by sight
        self.prefixes: dict[Any, int] = {}
        self.options: Options = []

    def at(self, options: Options) -> None:
        self.memories[2].clear()  # of another leaf
        if len(self.memories[1]) > REMEMBERED:
            self.memories[1].clear()
        self.options, self.ids = options, [1]
        for its in options:  # equal beginnings of leaves have equal numbers
            self.ids.append(self.prefixes.setdefault((self.ids[-1], its), len(self.prefixes) + 2))

    def seen(self, i: int, p: int) -> int:
        return (0, self.ids[p], -self.ids[-1])[self.sight[i]]

    def open(self, p: int, t: int, j: int) -> Sequence[int]:
        """What position j may hold where t stands at p."""
        return (t,) if j == p else self.options[j]

    @remembered
    def before(self, i: int, p: int, t: int) -> Row:
        """What goes into layer i, or behind the last one comes out."""
        if i == 0:
            return self.embed(p, t)
        x, layer = self.before(i - 1, p, t), self.t.layers[i - 1]
        if isinstance(layer, Mlp):
            return self.transform(i - 1, x, self.mean(i - 1, p, t))[0]
        if isinstance(layer, Attention):
            return self.program.add(x, self.attend(i - 1, p, t)[0])[0]
        unhandled(layer)

    def embed(self, p: int, t: int) -> Row:
        rows = (self.tokens[t], self.positions[p])
        token, position = ({e: Ball(entry, self.program.zero) for e, entry, _ in row} for row in rows)
        return self.program.add(token, position)[0]

    @remembered
    def mean(self, i: int, p: int, t: int) -> Ball:
        """The mean of `before`, followed by itself: where what is written sums to nothing, it does not move."""
        d, zero = self.t.d_model, self.program.zero
        if i == 0:
            balls = self.before(i, p, t).values()
            return Ball(sum((ball.c for ball in balls), zero) / d, sum((ball.r for ball in balls), zero) / d)
        x, mean = self.before(i - 1, p, t), self.mean(i - 1, p, t)
        if isinstance(self.t.layers[i - 1], Mlp):
            return self.transform(i - 1, x, mean)[1]
        out, moved, errors = self.attend(i - 1, p, t)
        _, more = self.program.add(x, out)
        spread = sum(errors.values(), zero) + sum(more.values(), zero)
        return Ball(mean.c + moved.c, mean.r + moved.r + spread / d)

    @remembered
    def normalize(self, i: int, p: int, t: int) -> Row:
        """What layer i reads, behind its Norm."""
        norm = self.t.layers[i].norm
        return self.program.normalize(self.before(i, p, t), norm, None if norm is None else self.mean(i, p, t))

    @remembered
    def projected(self, i: int, p: int, t: int, name: str, h: int) -> tuple[Row, Vector]:
        """A head's query, key or value, and the part of its radii that is rounding."""
        w, b = self.matrices[i, f"w_{name}", h], self.biases.get((i, f"b_{name}", h), {})
        return self.program.linear(self.normalize(i, p, t), w, b)

    def heads_of(self, i: int) -> range:
        return range(self.t.layers[i].sizes["head"])

    def keys(self, i: int, p: int) -> range:
        """The positions that a query sees."""
        layer = self.t.layers[i]
        assert isinstance(layer, Attention)
        return range(p + 1 if layer.causal else len(self.options))

    def weights(self, i: int, p: int, t: int, h: int) -> dict[tuple[int, int], tuple[Number, Number]]:
        """The least and the most that each position and token may weigh; at its own position, a query sees its own."""
        layer = self.t.layers[i]
        assert isinstance(layer, Attention)
        q, scale = self.projected(i, p, t, "q", h)[0], self.program.number(float(self.t.dtype.type(layer.multiplier)))
        seen = [(j, o) for j in self.keys(i, p) for o in ([t] if j == p else self.vocab)]
        if not self.sight[i]:
            return self.program.weights({at: self.program.score(q, self.key(i, *at, h), scale) for at in seen})
        within = self.spread(i, p, t, h)
        scores = {at: self.program.score(q, self.key(i, *at, h), scale, within(*at)) for at in seen}
        return self.program.weights(scores)

    def key(self, i: int, j: int, o: int, h: int) -> Row:
        return self.projected(i, j, o, "k", h)[0]  # type: ignore[no-any-return]

    def spread(self, i: int, p: int, t: int, h: int) -> Callable[[int, int], Number]:
        """How far a query's scores move with what goes into it and its keys, through w_q and w_k together.

        Of (x + dx) A (y + dy) they move by at most |x A| |dy| + |dx| (|A y| + |A| |dy|), A being w_q w_k'.
        """
        zero = self.program.zero
        q, q_errors = self.projected(i, p, t, "q", h)
        asks = [abs(sum((q[e].c * entry for e, entry, _ in row if e in q), zero)) for row in self.matrices[i, "w_k", h]]

        def within(j: int, o: int) -> Number:
            k, k_errors = self.projected(i, j, o, "k", h)
            moved = sum((asks[m] * y.r for m, y in self.normalize(i, j, o).items()), zero)
            moved += sum((x.r * self.offers(i, j, o, h)[m] for m, x in self.normalize(i, p, t).items()), zero)
            moved += sum((error * k[e].size for e, error in q_errors.items() if e in k), zero)
            return moved + sum((error * q[e].size for e, error in k_errors.items() if e in q), zero)

        return within

    @remembered
    def offers(self, i: int, j: int, o: int, h: int) -> list[Number]:
        """|A y| + |A| |dy|"""
        k, y, zero = self.key(i, j, o, h), self.normalize(i, j, o), self.program.zero
        if (i, h) not in self.combined:
            columns = [{e: entry for e, entry, _ in row} for row in self.matrices[i, "w_k", h]]
            self.combined[i, h] = [
                [abs(sum((entry * column[e] for e, entry, _ in row if e in column), zero)) for column in columns]
                for row in self.matrices[i, "w_q", h]
            ]
        return [
            abs(sum((entry * k[e].c for e, entry, _ in row if e in k), zero))
            + sum((both[m] * ball.r for m, ball in y.items()), zero)
            for row, both in zip(self.matrices[i, "w_q", h], self.combined[i, h])
        ]

    def sizes(self, i: int, p: int, t: int, h: int) -> Vector:
        """The largest values that a query may see, column by column."""
        sizes: Vector = {}
        for j in self.keys(i, p):
            for o in [t] if j == p else self.vocab:
                for column, ball in self.projected(i, j, o, "v", h)[0].items():
                    sizes[column] = ball.size.max(sizes.get(column, self.program.zero))
        return sizes

    @remembered_behind
    def attend(self, i: int, p: int, t: int) -> tuple[Row, Ball, Vector]:
        """What an attention adds to the stream: to each entry, to their mean, and what of it may be rounding."""
        program, keys = self.program, self.keys(i, p)
        none = Ball(program.zero, program.zero)
        biases, d = self.biases.get((i, "b_o", 0), {}), self.t.d_model
        terms = {e: [(entry, program.zero)] for e, entry in biases.items()}
        moved = [(sum(biases.values(), program.zero) / d, program.zero)]
        for h in self.heads_of(i):
            weights = self.weights(i, p, t, h)
            seen = [[(j, o) for o in self.open(p, t, j)] for j in keys]
            for column, size in self.sizes(i, p, t, h).items():
                values = {(j, o): self.projected(i, j, o, "v", h)[0].get(column, none) for its in seen for j, o in its}
                high = program.level([[(*weights[at], values[at].c + values[at].r) for at in its] for its in seen])
                low = -program.level([[(*weights[at], values[at].r - values[at].c) for at in its] for its in seen])
                mean = Ball((high + low) / 2, (high - low) / 2 + program.mean_error(size, len(keys)))
                row = self.matrices[i, "w_o", h][column]
                for e, entry, absolute in row:
                    terms.setdefault(e, []).append((mean.c * entry, mean.r * absolute))
                moved.append(self.share(row, mean))
        counts = self.roundings(i)
        sums = {e: program.total(its, *counts[e]) for e, its in terms.items()}
        c, r = (sum(parts, program.zero) for parts in zip(*moved))
        return {e: ball for e, (ball, _) in sums.items()}, Ball(c, r), {e: error for e, (_, error) in sums.items()}

    def share(self, row: list[tuple[int, Number, Number]], ball: Ball) -> tuple[Number, Number]:
        """What a number, through a row of a matrix, adds to the mean of the stream."""
        mean = sum((entry for _, entry, _ in row), self.program.zero) / self.t.d_model
        return ball.c * mean, ball.r * abs(mean)

    def roundings(self, i: int) -> dict[int, tuple[int, int]]:
        """How often a product in the output of an attention is rounded, and how many products there are in all heads.

        A product is rounded by itself and in its head's sum, as often as that has products; and as heads and b_o are
        added, once less than there are addends. b_o by itself may underflow like one product.
        """
        if i not in self.counts:
            heads: list[Counter[int]] = []
            for h in self.heads_of(i):
                columns = {column for row in self.matrices[i, "w_v", h] for column, *_ in row}
                columns |= self.biases.get((i, "b_v", h), {}).keys()
                heads.append(Counter(e for column in columns for e, *_ in self.matrices[i, "w_o", h][column]))
            addends = Counter(e for its in (*heads, self.biases.get((i, "b_o", 0), {})) for e in its)
            self.counts[i] = {
                e: (max(its[e] for its in heads) + addends[e] - 1, max(1, sum(its[e] for its in heads)))
                for e in addends
            }
        return self.counts[i]

    def transform(self, i: int, x: Row, mean: Ball) -> tuple[Row, Ball, Passed]:
        """The stream behind an Mlp, and its mean."""
        program, layer, zero = self.program, self.t.layers[i], self.program.zero
        assert isinstance(layer, Mlp)
        normed = program.normalize(x, layer.norm, mean)
        hidden, hidden_errors = program.linear(normed, self.matrices[i, "w_in", 0], self.biases[i, "b_in", 0])
        units = {unit: program.activate(ball, layer.activation) for unit, ball in hidden.items()}
        active = {unit: ball for unit, ball in units.items() if ball is not None}
        out, errors = program.linear(active, self.matrices[i, "w_out", 0], self.biases[i, "b_out", 0])
        stream, more = program.add(x, out)
        errors = {e: errors.get(e, zero) + more.get(e, zero) for e in errors | more}
        moved = [self.share(self.matrices[i, "w_out", 0][unit], ball) for unit, ball in active.items()]
        moved.append((sum(self.biases[i, "b_out", 0].values(), zero) / self.t.d_model, zero))
        c, r = (sum(parts, zero) for parts in zip(*moved))
        mean = Ball(mean.c + c, mean.r + r + sum(errors.values(), zero) / self.t.d_model)
        return stream, mean, Passed(i, hidden, hidden_errors, active, errors)
