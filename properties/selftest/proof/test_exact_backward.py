"""Directions followed backwards against exact arithmetic: what is lost on the way is taken off, and not much more."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from properties.proof import arithmetic, backward
from properties.proof.arithmetic import Arithmetic, Interval
from properties.proof.interval import Passed, normalize
from properties.proof.interval import transform as transformed
from properties.selftest.proof.exact import HERE, LOSES, OWN, ROUNDS, STILL, U, known, lose, use_worst_numbers
from properties.selftest.proof.test_exact_stream import mlp, stream_after
from properties.selftest.worst import Number, Program, Run, along, assert_reached, difference, exact, span
from zoo import Mlp, Norm
from zoo.transformer import scalar
from zoo.transformer.arrays import Array


@pytest.fixture(autouse=True)
def worst_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    use_worst_numbers(monkeypatch)


@pytest.fixture
def nothing_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    lose(monkeypatch, 0.0, arithmetic, backward)


def test_directions_are_answers_less_rivals() -> None:
    readout = np.array([[1.0, 2], [5, -7], [0.5, 0.25]])
    found = backward.unembed(readout, np.array([1, 2]), np.array([[0, 2], [0, 1]]))
    np.testing.assert_array_equal(found[:, 0], [[[4, -9], [4.5, -7.25]], [[-0.5, -1.75], [-4.5, 7.25]]])
    assert found.shape == (2, 1, 2, 2)


def test_directions_before_a_norm_read_what_is_centred() -> None:
    rng = np.random.default_rng(0)
    d, x, norm = rng.normal(size=(2, 3, 5)), rng.normal(size=5), Norm(rng.normal(size=5), rng.normal(size=5), 0.1)
    np.testing.assert_allclose(backward.normalize(d, norm) @ x, d * norm.weight @ (x - x.mean()), atol=1e-12)
    assert backward.normalize(d, None) is d


def normed(x: Interval, direction: Array, norm: Norm) -> Program:
    return lambda run: along(scalar.normalize([run(c, r) for c, r in zip(x.c, x.r)], norm, run), direction)


def behind(x: Interval, direction: Array, norm: Norm, a: Arithmetic, lower: float | None = None) -> tuple[float, Array]:
    """The bound along a direction of what comes out of a Norm, where before it is what it is exactly."""
    before = backward.normalize(direction, norm) @ x.c if lower is None else lower
    batch = x.reshape(1, 1, -1)
    bound, size = backward.behind_norm(batch, direction[None, None, None], np.full((1, 1, 1), before), norm, a)
    return bound.item(), size[0, 0]


NORMS = [
    ([1.0, 1e-4, 1e-4, 1e-4], [1.0, 0, 0, 0], -2.0, 0.0, 0.4),
    ([1.0, 1e-4, 1e-4, 1e-4], [-1.0, 0, 0, 0], 3.0, 0.0, 0.4),
    ([100.0, 101.0], [1.0, 0], -2.0, 0.0, 0.25),  # what is centred
    ([100.0, 101.0], [1.0, 0], 3.0, 0.0, 0.25),
    ([5.0, 1.0], [1.0, 0], -2.0, -50.0, 0.6),  # the bias
    ([5.0, 1.0], [-1.0, 0], 1.0, 50.0, 0.6),
    ([3.0, 3.0, -1e-4], [0, 0, 1.0], 1.0, 0.0, 0.4),
    ([1.0, 0, 0, 0, 0, 0, 0, 0, 0.5], [0, 0, 0, 1.0, 0, 0, 0, 0, 0], -1.0, 1.0, 0.2),
]


@pytest.mark.parametrize(("stream", "direction", "weight", "bias", "share"), NORMS)
def test_behind_a_norm(stream: list[float], direction: list[float], weight: float, bias: float, share: float) -> None:
    x, way, d = known(stream), np.array(direction), len(stream)
    norm = Norm(np.full(d, weight), np.full(d, bias), 1e-3)
    program = normed(x, way, norm)
    value = float(exact(program))
    lower, size = behind(x, way, norm, ROUNDS)
    assert_reached(value, value - lower, program, share, unit=U)
    at = int(np.abs(way).argmax())
    assert abs(value) * (1 + U) <= size[at]
    lower, size = behind(x, way, norm, HERE)
    assert lower <= value <= lower + 1e-10
    assert size[at] >= abs(value)
    off = behind(x, way, norm, STILL)[0] - behind(x, way, norm, OWN)[0]
    assert off >= U * abs(value - bias * way.sum())
    # The program's quotient, and what is made here: 1/deviation, its product.
    lost_here = behind(x, way, norm, STILL)[0] - behind(x, way, norm, replace(LOSES, tiny=2.0**-40))[0]
    assert 2.0**-40 * 8 * (1 + abs(weight)) <= lost_here
    exact_size = abs(value - bias * way.sum()) / abs(way).sum() + abs(bias)
    assert size[at] <= exact_size * 1.001


@pytest.mark.parametrize("weight", [-2.0, 0.25])
def test_each_term_behind_a_norm_is_there(weight: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of c = 3 and -3: the rounding of what is centred, the division's, the bias's, and what underflows."""
    x, way, norm = known([3.0, -3.0]), np.array([1.0, -0.5]), Norm(np.full(2, weight), np.full(2, -7.0), 16.0)
    sizes = 3 / 5 * abs(weight)  # of both entries

    def taken(a: Arithmetic, centring: float = 0.0, error: float = 0.0, lower: float = 0.0) -> float:
        with monkeypatch.context() as patch:
            patch.setattr(backward, "centred", lambda c, a: (c, np.full(c.c.shape, centring)))
            patch.setattr(backward, "norm_error", lambda c, eps, a: np.full((1, 1, 1), error))
            return float(way.sum() * -7 - behind(x, way, norm, a, lower)[0])

    assert taken(STILL) == 0
    assert taken(STILL, centring=0.5) == pytest.approx(0.5 * 1.5 * abs(weight) / 5)
    assert taken(STILL, error=0.5) == pytest.approx(0.5 * sizes * 1.5)
    assert taken(ROUNDS) == pytest.approx(U * 1.5 * (sizes + 7), rel=1e-4)
    both = taken(ROUNDS, error=0.5) - taken(STILL, error=0.5)
    assert both == pytest.approx(1.5 * U * (1.5 * sizes + 7), rel=1e-4)
    # The program's quotient and its addition; 1/deviation, and what is made of it here.
    assert taken(LOSES) == pytest.approx(1.5 * 8 * U * (1 + abs(weight) + 1))
    assert taken(STILL, lower=10.0) == pytest.approx(-2)
    assert taken(STILL, lower=-10.0) == pytest.approx(2)
    x = known([3.0, -3.0], 2.0)  # the less there can be of it, the more is made of what is below 0
    assert taken(STILL, lower=-0.5) - taken(STILL) == pytest.approx(0.5 / np.sqrt(17))


@pytest.mark.parametrize("sign", [-1, 1])
def test_behind_a_norm_whose_deviation_varies(sign: float) -> None:
    """By two entries that move apart, and are not read: a bound above 0 shrinks by it, one below 0 grows."""
    c, r = np.array([1.0, -1, 3, -3]), np.array([0, 0, 0.5, 0.5])
    norm, way = Norm(np.array([2.0, 1, 1, 1]), np.zeros(4), 0.5), np.array([sign * 1.0, -sign, 0, 0])
    bound, size = behind(Interval(c, r), way, norm, HERE, lower=(2.0 + 1) * sign)

    def at(t: float) -> float:
        return float(exact(normed(known([1.0, -1, 3 + t, -3 - t]), way, norm)))

    least = min(at(-0.5), at(0.5))
    assert bound <= least <= bound + 0.2 * abs(bound)
    deviation = np.sqrt((2 * 1 + 2 * 3.5**2) / 4 + 0.5)
    assert (size[2:] >= 3.5 / deviation).all()
    if sign > 0:  # the first two seem to move, too, as the mean is not known not to: exact for these
        most = (np.array([1.25, 1.25, 3.5, 3.5]) ** 2).sum() / 4 + 0.5
        assert bound == pytest.approx(3 / np.sqrt(most))
    else:
        fewest = (np.array([0.75, 0.75, 2.5, 2.5]) ** 2).sum() / 4 + 0.5
        assert bound == pytest.approx(-3 / np.sqrt(fewest))


def passed(layer: Mlp, x: Interval, a: Arithmetic) -> Passed:
    middle = Interval(x.c.mean(-1, keepdims=True), x.r.mean(-1, keepdims=True))
    return transformed(x.reshape(1, 1, -1), middle.reshape(1, 1, -1), layer, a)[2]


def followed(
    layer: Mlp, x: Interval, direction: Array, a: Arithmetic, before: float = 0.0, **also: Any
) -> tuple[Array, float, float]:
    step = replace(passed(layer, x, a), **also)
    ways, constant, after = backward.transform(step, direction[None, None, None], np.zeros(1), before)
    return ways[0, 0, 0], constant.item(), after


def above(layer: Mlp, x: Interval, direction: Array, onto: Array, before: float = 0.0, on: bool = True) -> Program:
    """What is behind an Mlp along a direction that is off by so much, less what was before it along the one found."""

    def program(run: Run) -> Number:
        stream, after = stream_after(layer, x)(run)
        ways = [run(d, before) for d in direction]
        if not before:
            return difference(along(after, ways), along(stream, onto))
        # Of units that are on, the direction before the Mlp is off by what that of its output is off.
        units = [along(ways, [float(v) * on for v in row]) for row in layer.w_out]
        moved = [along([w, *units], [1, *map(float, row)]) for w, row in zip(ways, layer.w_in)]
        return difference(along(after, ways), along(stream, moved))

    return program


ON = Mlp(
    np.array([[2.0, -1], [0.5, 1]]), np.array([9.0, -8]), np.array([[2.0, -1], [-1, 1.5]]), np.array([1.0, -3]), "relu"
)
STEPS = [
    (ON, [1.0, 20.0], [1.0, -2.0], 0.999),  # both on, and linear
    (ON, [20.0, 1.0], [1.0, -2.0], 0.999),  # one is off
    (ON, [1.0, 9.1], [-1.0, 2.0], 0.3),  # one may be either
    (replace(ON, activation="gelu"), [1.0, 9.1], [1.0, 0.5], 0.5),
    (replace(ON, activation="gelu"), [0.0, -0.5], [-1.0, 0.5], 0.2),
]


@pytest.mark.usefixtures("nothing_is_lost")
@pytest.mark.parametrize(("layer", "stream", "direction", "share"), STEPS)
def test_an_mlp_backwards(layer: Mlp, stream: list[float], direction: list[float], share: float) -> None:
    x, way = known(stream, 0.25), np.array(direction)
    ways, constant, _ = followed(layer, x, way, STILL)
    program = above(layer, x, way, ways)
    least = float(span(program)[0])
    assert constant <= least + 1e-12
    spread = float(span(program)[1]) - least
    assert least - constant <= (1 - share) * max(1.0, spread) + 1e-9
    ways, constant, _ = followed(layer, known(stream), way, ROUNDS)
    program = above(layer, known(stream), way, ways)
    value = float(exact(program))
    assert_reached(value, value - constant, program, 0.1, unit=U)


@pytest.mark.usefixtures("nothing_is_lost")
@pytest.mark.parametrize(("layer", "first"), [(mlp(40, 1), -1.0), (mlp(1, 40), -1.0), (mlp(1, 1, "gelu"), -5.0)])
@pytest.mark.parametrize("sign", [-1, 1])
def test_the_rounding_of_an_mlp_backwards(layer: Mlp, first: float, sign: int) -> None:
    d = len(layer.w_in)
    x, way = known([first, *[1e-3] * (d - 1)]), np.array([sign * 1.0, *[0.0] * (d - 1)])
    ways, constant, _ = followed(layer, x, way, ROUNDS)
    program = above(layer, x, way, ways)
    value = float(exact(program))
    share = 0.7 if layer.activation == "relu" else 0.4  # gelu's rounding is in its radius, too
    assert_reached(value, value - constant, program, share, unit=U)


@pytest.mark.usefixtures("nothing_is_lost")
@pytest.mark.parametrize("norm", [None, Norm(np.array([1.0]), np.array([2.0]), 1.0)])
def test_units_behind_a_norm_are_not_linear_in_what_comes_before(norm: Norm | None) -> None:
    layer = Mlp(np.array([[1.0]]), np.array([5.0]), np.array([[1.0]]), np.array([0.0]), "relu", norm)
    ways, _, _ = followed(layer, known([1.0], 0.5), np.array([1.0]), STILL)
    assert ways.item() == (2 if norm is None else 1)
    ways, _, _ = followed(replace(layer, b_in=np.array([-0.6])), known([1.0], 0.5), np.array([1.0]), STILL)
    assert ways.item() == 1


@pytest.mark.usefixtures("nothing_is_lost")
@pytest.mark.parametrize("w", [-2.0, 3.0])
@pytest.mark.parametrize("which", ["b_in", "b_out", "active"])
def test_what_the_directions_lost_counts_for_an_mlp(w: float, which: str) -> None:
    """Each entry may be off by so much; one dimension, so that nothing is between."""
    x, b_in, b_out, gelu = 0.1, 2.0, 0.1, which == "active"
    if gelu:  # no unit is linear, and what is active counts
        x = 7.0 * np.sign(w)
    elif which == "b_in":
        x, b_in = -6.9 / w, 7.0  # a unit that is on, and hardly active
    else:
        b_out = -7.0 * np.sign(w)
    arrays = np.array([[w]]), np.array([b_in]), np.array([[-w]]), np.array([b_out])
    layer, way, at = Mlp(*arrays, "gelu" if gelu else "relu"), np.array([5.0]), known([x])
    ways, constant, after = followed(layer, at, way, STILL, U)
    free = followed(layer, at, way, STILL)[1]
    program = above(layer, at, way, ways, U, not gelu)
    least = float(span(program)[0])
    assert constant <= least + 1e-13
    assert free - least >= 0.6 * (free - constant)
    assert U * (1 + w * w) <= after <= U * (1 + w * w) * (1 + 1e-8)


@pytest.mark.usefixtures("nothing_is_lost")
def test_what_the_directions_lost_counts_for_roundings_and_all_units() -> None:
    """The largest bias stands for all, and a constant from layers behind is kept."""
    layer = Mlp(np.ones((2, 3)), np.array([0.0, -7, 0]), np.ones((3, 2)), np.array([-4.0, 4.0]), "gelu")
    x, way = known([2.0, 2.0]), np.array([1.0, -1.0])
    free = followed(layer, x, way, STILL)[1]
    found = followed(layer, x, way, STILL, U)[1]
    active = passed(layer, x, STILL).active.largest
    expected = U * (2 * 3 * (active + 7) + 8)
    assert expected <= (free - found) * (1 + 1e-6) <= expected * (1 + 1e-5)
    several = replace(passed(layer, x, STILL), rounding=np.array([[[5.0, 5.0], [0.0, 0.0]]]))  # of two tokens
    lost_of = [
        backward.transform(several, way[None, None, None], np.zeros(1), before)[1][0, :, 0] for before in (0.0, U)
    ]
    np.testing.assert_allclose(lost_of[0] - lost_of[1], expected + 10 * U, rtol=1e-5)
    _, constant, _ = backward.transform(passed(layer, x, STILL), way[None, None, None], np.array([100.0]), 0.0)
    assert constant.item() == pytest.approx(free + 100)
    rounding = np.full((1, 1, 2), 5.0)
    assert free - followed(layer, x, way, STILL, 0.0, rounding=rounding)[1] == pytest.approx(10)
    assert found - followed(layer, x, way, STILL, U, rounding=rounding)[1] == pytest.approx(10 + 10 * U)


def test_what_underflow_takes_from_an_mlp_backwards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of three units two products each, and of two entries; onto a unit 2 of 2, and back 2 of 3."""
    layer = Mlp(np.ones((2, 3)), np.full(3, -4.0), np.ones((3, 2)), np.zeros(2), "relu")
    x, way = known([4.0, 4.0]), np.array([1.0, -1.0])
    step = passed(layer, x, STILL)
    lose(monkeypatch, U, arithmetic, backward)
    _, constant, after = backward.transform(step, way[None, None, None], np.zeros(1), 0.0)
    by_unit = 2 * 2 * U
    assert -constant.item() == pytest.approx(by_unit * 3 * (step.active.largest + 4) + 8 * 5 * U)
    assert after == pytest.approx(by_unit * 3 + 2 * 3 * U)


def test_what_is_read_along_directions() -> None:
    rng = np.random.default_rng(0)
    x, ways = Interval(rng.normal(size=(2, 3, 4)), rng.random((2, 3, 4))), rng.normal(size=(2, 1, 5, 4))
    y = backward.embed(x, ways)
    np.testing.assert_allclose(y.c, np.einsum("btd,brd->btr", x.c, ways[:, 0]))
    np.testing.assert_allclose(y.r, np.einsum("btd,brd->btr", x.r, np.abs(ways[:, 0])))
    assert backward.along_size(0 * x.r, ways).shape == (2, 3, 5)
    assert not backward.along_size(0 * x.r, ways).any()


def test_a_norm_forward_is_what_is_behind_it() -> None:
    """The size of what comes out is at least what the interval says of it, where nothing spreads."""
    x, norm = known([3.0, -1, 2]), Norm(np.array([1.0, -2, 3]), np.array([0.5, -0.5, 2]), 0.1)
    y = normalize(x.reshape(1, 1, 3), norm, ROUNDS)
    _, size = behind(x, np.array([1.0, 0, 0]), norm, ROUNDS)
    assert (size >= np.abs(y.c[0, 0])).all()
