"""The forward pass once more, one number at a time: slow, and written without looking at the fast one.

`embed`, `normalize`, `attend`, `transform`, `unembed`, as in `zoo.transformer.forward`. It serves twice: the checks
compare the fast forward pass with it, and run on counting numbers it says what a forward pass costs by the convention
that every add, subtract, multiply, divide, compare, exp, tanh and square root is one operation, and that a sum starts
from zero.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

from zoo.transformer import Attention, Mlp, Norm, Transformer, chosen, unhandled
from zoo.transformer.arrays import Array

Vector = list[Any]
Number = Callable[[Any], Any]
Kept = dict[int, list[tuple[list[Vector], list[Vector]]]]  # layer -> for each head the keys and the values


def scalar_forward(
    transformer: Transformer,
    tokens: Sequence[int],
    number: Number = float,
    kept: Kept | None = None,
    start: int = 0,
    last: bool = False,
) -> list[Vector]:
    """Logits [seq][vocab] for one context, computed with Python numbers of the type given.

    With `kept` it holds the keys and values of the `start` tokens before these, and then theirs too. With `last` only
    the last row is computed from the last Attention on, or all along where there is none.
    """
    kept = {} if kept is None else kept

    def table(array: Array) -> Any:
        return array.tolist() if number is float else made(array.tolist())

    def made(values: Any) -> Any:
        return [made(value) for value in values] if isinstance(values, list) else number(values)

    embedding, positions = table(transformer.token_embedding), table(transformer.position_embedding)
    stream = [embed(embedding[t], positions[i]) for i, t in enumerate(tokens, start)]
    attentions = [at for at, layer in enumerate(transformer.layers) if isinstance(layer, Attention)]
    if last and not attentions:
        stream = stream[-1:]
    for at, layer in enumerate(transformer.layers):
        inputs = [normalize(row, layer.norm, number) for row in stream]
        alone = last and at in attentions[-1:]
        stream = stream[-1:] if alone else stream
        if isinstance(layer, Attention):
            outputs = attend(inputs, layer, table, number, kept.setdefault(at, []), alone)
        elif isinstance(layer, Mlp):
            outputs = [transform(row, layer, table, number) for row in inputs]
        else:
            unhandled(layer)
        stream = [_add(row, output) for row, output in zip(stream, outputs)]
    rows = embedding if transformer.unembedding is None else table(transformer.unembedding)
    return [unembed(normalize(row, transformer.final_norm, number), rows, number) for row in stream]


def count_operations(
    transformer: Transformer, seq: int, rows: int | None = None, how: str = "all", last: bool = False
) -> int:
    """How many operations the forward pass makes on a context of that many first tokens, counted while it runs.

    With `rows` only its last rows, the keys and values of those before being kept; with `last` what the last row of
    logits takes. How: "all"; "fused", where a sum that takes up a product is one operation with it; "nonzero", where a
    product or sum with a zero is none.
    """
    rows = seq if rows is None else rows
    kept: Kept = {}

    class Counted({"all": CountingNumber, "fused": FusingNumber, "nonzero": SkippingNumber}[how]):  # type: ignore[misc]
        operations = 0

    scalar_forward(transformer, [0] * (seq - rows), Counted, kept)
    Counted.operations = 0
    scalar_forward(transformer, [0] * rows, Counted, kept, start=seq - rows, last=last)
    return int(Counted.operations)


class CountingNumber(float):
    """A number that counts the operations it takes part in, on its class."""

    operations: int

    @classmethod
    def counted(cls, value: Any) -> Any:
        cls.operations += 1
        return cls(value) if isinstance(value, float) else value

    def __add__(self, other: Any) -> Any:
        return self.counted(float(self) + float(other))

    def __sub__(self, other: Any) -> Any:
        return self.counted(float(self) - float(other))

    def __mul__(self, other: Any) -> Any:
        return self.counted(float(self) * float(other))

    def __truediv__(self, other: Any) -> Any:
        return self.counted(float(self) / float(other))

    def __gt__(self, other: Any) -> Any:
        return self.counted(float(self) > float(other))


class FusingNumber(CountingNumber):
    """Counts a product and the sum that takes it up as one operation."""

    product = False

    def __mul__(self, other: Any) -> Any:
        result = super().__mul__(other)
        result.product = True
        return result

    def __add__(self, other: Any) -> Any:
        if self.product or getattr(other, "product", False):
            return type(self)(float(self) + float(other))
        return super().__add__(other)


class SkippingNumber(CountingNumber):
    """Counts no product and no sum with a zero."""

    def __mul__(self, other: Any) -> Any:
        return super().__mul__(other) if self and other else type(self)(0)

    def __add__(self, other: Any) -> Any:
        return super().__add__(other) if self and other else type(self)(float(self) + float(other))


def _function(f: Callable[[float], float], x: Any) -> Any:
    return x.counted(f(float(x))) if isinstance(x, CountingNumber) else f(x)


def embed(token: Vector, position: Vector) -> Vector:
    return _add(token, position)


def normalize(x: Vector, norm: Norm | None, number: Number) -> Vector:
    if norm is None:
        return x
    mean = _sum(x, number) / len(x)
    away = [value - mean for value in x]
    deviation = _function(math.sqrt, _dot(away, away, number) / len(x) + norm.eps)
    return [a / deviation * float(w) + float(b) for a, w, b in zip(away, norm.weight, norm.bias)]


def attend(
    inputs: list[Vector],
    layer: Attention,
    table: Callable[[Any], Any],
    number: Number,
    kept: list[tuple[list[Vector], list[Vector]]],
    alone: bool,
) -> list[Vector]:
    """Every row, or the last one alone, which needs no mask."""
    w_q, w_k, w_v, w_o = table(layer.w_q), table(layer.w_k), table(layer.w_v), table(layer.w_o)
    b_q, b_k, b_v = (None if b is None else table(b) for b in (layer.b_q, layer.b_k, layer.b_v))
    scale = layer.multiplier
    asking = inputs[-1:] if alone else inputs
    mixed: list[Vector] = [[] for _ in asking]  # for each position the values of all heads, side by side
    for h in range(len(w_q)):
        queries = [_linear(x, w_q[h], b_q and b_q[h], number) for x in asking]
        keys, values = kept[h] if h < len(kept) else ([], [])
        start = len(keys)
        keys += [_linear(x, w_k[h], b_k and b_k[h], number) for x in inputs]
        values += [_linear(x, w_v[h], b_v and b_v[h], number) for x in inputs]
        kept[h:] = [(keys, values), *kept[h + 1 :]]
        for i, query in enumerate(queries, start):
            scores = [_dot(query, key, number) for key in keys]
            if scale != 1:
                scores = [s * scale for s in scores]
            if layer.causal and not alone:
                scores = [s + number(0.0 if j <= i else -math.inf) for j, s in enumerate(scores)]
            weights = _softmax(scores, number)
            mixed[i - start] += [_dot(weights, channel, number) for channel in zip(*values)]
    stacked = [row for head in w_o for row in head]  # [head * d_v][d_model]
    b_o = None if layer.b_o is None else table(layer.b_o)
    return [_linear(row, stacked, b_o, number) for row in mixed]


def transform(x: Vector, layer: Mlp, table: Callable[[Any], Any], number: Number) -> Vector:
    activate = chosen(ACTIVATIONS, layer.activation)
    hidden = [activate(h, number) for h in _linear(x, table(layer.w_in), table(layer.b_in), number)]
    return _linear(hidden, table(layer.w_out), table(layer.b_out), number)


def unembed(x: Vector, rows: list[Vector], number: Number) -> Vector:
    return [_dot(x, direction, number) for direction in rows]


def _softmax(scores: Vector, number: Number) -> Vector:
    largest = number(-math.inf)
    for score in scores:
        if score > largest:
            largest = score
    exponentials = [_function(math.exp, score - largest) for score in scores]
    whole = _sum(exponentials, number)
    return [e / whole for e in exponentials]


def _relu(x: Any, number: Number) -> Any:
    return x if x > 0 else number(0)


def _gelu(x: Any, number: Number) -> Any:
    inner = (x + x * x * x * 0.044715) * math.sqrt(2 / math.pi)
    return x * 0.5 * (_function(math.tanh, inner) + 1)


ACTIVATIONS = {"relu": _relu, "gelu": _gelu}


def _linear(x: Vector, w: list[Vector], b: Vector | None, number: Number) -> Vector:
    product = [_dot(x, column, number) for column in zip(*w)]
    return product if b is None else _add(product, b)


def _add(x: Vector, y: Vector) -> Vector:
    return [a + b for a, b in zip(x, y)]


def _sum(x: Vector, number: Number) -> Any:
    total = number(0)
    for value in x:
        total = total + value
    return total


def _dot(x: Sequence[Any], y: Sequence[Any], number: Number) -> Any:
    total = number(0)
    for a, b in zip(x, y):
        total = total + a * b
    return total
