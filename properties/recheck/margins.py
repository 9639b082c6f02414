"""By how much an answer wins over a leaf's contexts at least, in rigorous arithmetic.

The difference of answer and rival is followed backwards, as a direction, through what comes behind the last attention,
whose heads' means along rival - answer are bounded by the levels of the leaf. Levels of earlier layers are found here.
"""

from collections.abc import Sequence
from typing import Any

from properties.recheck.program import Number, Row, Vector
from properties.recheck.stream import Options, Passed, Stream, remembered
from zoo.errors import CertificateError
from zoo.transformer import Mlp, Norm, Transformer

Into = tuple[Vector, Number, Vector]  # a direction of a head's output seen from its input; a constant; from its columns


class LeafMargins(Stream):
    """The margins of one transformer. `at` turns to a leaf; `lower` bounds its margins."""

    def __init__(self, transformer: Transformer) -> None:
        super().__init__(transformer)
        last = transformer.last_attention
        self.heads = range(transformer.layers[last].sizes["head"] if last >= 0 else 0)
        self.last = max(last, 0)
        self.behind = range(last + 1, len(transformer.layers))  # Mlps
        self.readout = [self.program.vector(row) for row in transformer.readout]
        self.into: dict[tuple[int, int, int], Into] = {}

    def at(self, options: Options) -> None:
        if len(options) != len(self.options):
            self.last_weights: dict[tuple[int, int, int], Any] = {}  # by the last token, head, and what is seen
        super().at(options)
        self.rests: dict[int, tuple[list[Passed], Row, Vector, Vector]] = {}  # by the last token
        self.logit_errors: dict[int, list[Number]] = {}  # the same

    def lower(self, token: int, answer: int, rival: int, levels: Sequence[float] | None = None) -> Number:
        """A lower bound on answer - rival where `token` stands last. CertificateError where a level is no bound."""
        zero, norm, p = self.program.zero, self.t.final_norm, len(self.options) - 1
        if token not in self.rests:
            self.rests[token] = self.rest(p, token)
        passed, final, sizes, errors = self.rests[token]
        both = self.readout[answer] | self.readout[rival]
        difference = {e: self.readout[answer].get(e, zero) - self.readout[rival].get(e, zero) for e in both}
        difference = {e: entry for e, entry in difference.items() if entry != 0}
        direction, bound = difference, zero
        if norm is not None:
            weighted = [difference.get(e, zero) * float(w) for e, w in enumerate(norm.weight)]
            mean = sum(weighted, zero) / len(weighted)
            direction = {e: entry - mean for e, entry in enumerate(weighted)}
        for step in reversed(passed):
            direction, more = self.back(step, direction)
            bound += more
        for e, ball in self.before(self.last, p, token).items():
            if e in direction:
                bound += direction[e] * ball.c - abs(direction[e]) * ball.r
        if self.heads:
            bound += self.along(self.biases.get((self.last, "b_o", 0), {}), errors, direction)
        for h in self.heads:
            bound -= self.level(token, answer, rival, h, direction, None if levels is None else levels[h])
        if norm is not None:
            bound, sizes = self.behind_norm(final, norm, difference, bound)
        if token not in self.logit_errors:  # of all, for a logit that is NaN is no answer, permitted or not
            self.logit_errors[token] = [self.unembed(sizes, row) for row in self.readout]
        return bound - self.logit_errors[token][answer] - self.logit_errors[token][rival]

    def unembed(self, sizes: Vector, row: Vector) -> Number:
        """What rounding may change in the product of a stream of these sizes and a row of the readout."""
        products = [sizes[e] * abs(entry) for e, entry in row.items() if e in sizes]
        return self.program.rounding(sum(products, self.program.zero), len(products))

    def rest(self, p: int, t: int) -> tuple[list[Passed], Row, Vector, Vector]:
        """From the last attention on: the Mlps, what comes out of them, its sizes; what the attention may round."""
        sizes, errors = self.attended_errors(self.last, p, t) if self.heads else ({}, {})
        entrywise = bool(self.behind) or self.t.final_norm is not None
        behind = self.last + 1 if self.heads and entrywise else self.last
        final, mean, passed = self.before(behind, p, t), self.mean(behind, p, t), []
        for j in self.behind:
            final, mean, step = self.transform(j, final, mean)
            passed.append(step)
        if self.behind or not self.heads:
            sizes = {e: ball.size for e, ball in final.items()}
        return passed, final, sizes, errors

    @remembered
    def attended_errors(self, i: int, p: int, t: int) -> tuple[Vector, Vector]:
        """Behind an attention: how large the entries of the stream may be, and what rounding may change in them."""
        program, zero = self.program, self.program.zero
        sizes = {e: abs(entry) for e, entry in self.biases.get((i, "b_o", 0), {}).items()}
        errors, counts = dict.fromkeys(sizes, zero), self.roundings(i)
        for h in self.heads_of(i):
            for column, size in self.sizes(i, p, t, h).items():
                error = program.mean_error(size, len(self.keys(i, p)))
                for e, _, absolute in self.matrices[i, "w_o", h][column]:
                    sizes[e] = sizes.get(e, zero) + (size + error) * absolute
                    errors[e] = errors.get(e, zero) + error * absolute
        for e, size in sizes.items():
            errors[e] += program.rounding(size, *counts[e])
        for e, ball in self.before(i, p, t).items():  # where that is exactly zero, all that may underflow is counted
            if e in sizes:
                errors[e] += program.rounding(sizes[e] + errors[e] + ball.size, 1)
            else:
                errors[e] = program.alone(ball)[1]
            sizes[e] = sizes.get(e, zero) + ball.size
        return {e: size + errors.get(e, zero) for e, size in sizes.items()}, errors

    def along(self, x: Vector, errors: Vector, direction: Vector) -> Number:
        """At least how large x along the direction is, up to errors."""
        bound = sum((entry * direction[e] for e, entry in x.items() if e in direction), self.program.zero)
        return bound - sum((e * abs(direction[at]) for at, e in errors.items() if at in direction), self.program.zero)

    def back(self, step: Passed, direction: Vector) -> tuple[Vector, Number]:
        """From a direction behind an Mlp to one before it, and what is added. Units of relu surely on are linear."""
        layer, i, zero = self.t.layers[step.i], step.i, self.program.zero
        assert isinstance(layer, Mlp)
        bound = self.along(self.biases[i, "b_out", 0], step.errors, direction)
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

    def behind_norm(self, final: Row, norm: Norm, difference: Vector, bound: Number) -> tuple[Number, Vector]:
        """From a bound before the final Norm to one behind it, and the sizes there."""
        program = self.program
        c, errors = program.centred(final, len(norm.weight))
        least, most, relative = program.variances(c, norm)
        for e, entry in difference.items():
            bound -= abs(entry * float(norm.weight[e])) * errors[e]
        bound, sizes = (bound / least.sqrt()).min(bound / most.sqrt()), {}
        for e, ball in enumerate(c):
            weight, bias = program.number(float(norm.weight[e])), program.number(float(norm.bias[e]))
            size = ball.size / least.sqrt() * abs(weight)
            error = relative * size + 4 * program.tiny * (1 + abs(weight))
            error += program.rounding(size + error + abs(bias), 1)
            sizes[e] = size + abs(bias) + error
            if e in difference:
                bound += difference[e] * bias - abs(difference[e]) * error
        return bound, sizes

    def level(self, token: int, answer: int, rival: int, h: int, direction: Vector, stated: float | None) -> Number:
        """What the mean of a head's values along -direction does not exceed: the level stated, or one found here."""
        i, p, pair = self.last, len(self.options) - 1, (h, answer, rival)
        key = (token, h, self.seen(i, p))
        if key not in self.last_weights:
            self.last_weights[key] = self.weights(i, p, token, h)
        weights = self.last_weights[key]
        value = self.value if self.behind else self.kept_value  # behind an Mlp, directions differ
        if self.behind or pair not in self.into:
            self.into[pair] = self.seen_from_input(h, direction)
        options = [[(j, o) for o in self.open(p, token, j)] for j in range(p + 1)]
        keys = [[(*weights[at], value(i, *at, pair)) for at in its] for its in options]
        if stated is None:
            return self.program.level(keys)
        if not self.program.excess(keys, self.program.number(stated))[0] <= 0:
            raise CertificateError(f"that the level {stated} bounds the mean of head {h} is not confirmed")
        return self.program.number(stated)

    def seen_from_input(self, h: int, direction: Vector) -> Into:
        i, zero = self.last, self.program.zero
        columns = {
            column: sum((entry * direction[e] for e, entry, _ in row if e in direction), zero)
            for column, row in enumerate(self.matrices[i, "w_o", h])
        }
        through = {
            m: sum((entry * columns[column] for column, entry, _ in row), zero)
            for m, row in enumerate(self.matrices[i, "w_v", h])
            if row
        }
        constant = sum((entry * columns[c] for c, entry in self.biases.get((i, "b_v", h), {}).items()), zero)
        return through, constant, {column: abs(entry) for column, entry in columns.items()}

    def value(self, i: int, j: int, o: int, pair: tuple[int, int, int]) -> Number:
        """The largest value of a key along rival - answer."""
        through, constant, columns = self.into[pair]
        least = constant
        for m, ball in self.normalize(i, j, o).items():
            if m in through:
                least += ball.c * through[m] - ball.r * abs(through[m])
        errors = self.projected(i, j, o, "v", pair[0])[1]
        return sum((error * columns[column] for column, error in errors.items()), -least)

    kept_value = remembered(value)
