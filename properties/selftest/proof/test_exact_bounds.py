"""Whole bounds against programs all of whose roundings go the same way: none is left out on the way there and back."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from properties.proof import arithmetic, backward, bounds
from properties.proof.bounds import Bounds
from properties.proof.boxes import Boxes
from properties.selftest import examples
from properties.selftest.proof.exact import U, coarse_arithmetic, lose
from properties.selftest.random_models import completions, random_boxes, transformers
from properties.selftest.worst import Number, Program, Run, difference, exact, extreme
from zoo import Attention, Mlp, Norm, Transformer
from zoo.transformer import scalar
from zoo.transformer.arrays import Array


@pytest.fixture(autouse=True)
def coarse() -> Iterator[None]:
    """For all examples of a test, too."""
    with coarse_arithmetic():
        yield


def won_by(transformer: Transformer, tokens: list[int], answer: int, rival: int) -> Program:
    def program(run: Run) -> Number:
        logits = scalar.scalar_forward(transformer, tokens, run, last=True)[0]
        return difference(logits[answer], logits[rival])

    return program


def lower(
    transformer: Transformer, box: Array, answer: int, rival: int, weights: float = 0.0, block: int | None = None
) -> float:
    vocab = len(transformer.token_embedding)
    boxes, rivals = Boxes.dense(box[None]), np.arange(vocab)[None] == rival
    return float(Bounds(transformer, weights, block).margins(boxes, np.array([answer]), rivals).lower[0])


def context(transformer: Transformer, tokens: list[int]) -> Array:
    return np.eye(len(transformer.token_embedding), dtype=bool)[tokens]


def read(d: int, w: float = 1.0) -> Array:
    """Two logits, of which each is the stream's first entry: the answer's w times that, the rival's -w times."""
    readout = np.zeros((2, d))
    readout[:, 0] = w, -w
    return readout


def embedded(*first: float) -> Array:
    return np.array([first, first])


def heads(w_v: Array, w_o: Array, **also: Any) -> Attention:
    """That look at all alike."""
    zero = np.zeros((len(w_v), w_v.shape[1], 1))
    return Attention(zero, zero, w_v, w_o, **also)


small = [1e-4] * 30
wide = np.array([[[0.0, *[0.0] * 30], [-1.0, *[1e-4] * 30]]])  # a head's values, of the second entry
back = np.array([[[1.0, 0]], *[[[1.0, 0]]] * 30]).swapaxes(0, 1)  # and what it writes to the first
mixed = Mlp(
    np.array([[0.0, 0], [1.0, -1e-4]]), np.array([1e-4, 1.0]), np.array([[-1.0, 0], [1e-4, 0]]), np.zeros(2), "relu"
)
many = Mlp(
    np.array([[0.0, *[0] * 30], [1.0, *small]]),
    np.zeros(31),
    np.array([[-1.0, 0], *[[1e-4, 0]] * 30]),
    np.array([-1e-4, 0]),
    "relu",
)
tall = Mlp(np.array([[0.0], [1.0], *[[1e-4]] * 30]), np.zeros(1), np.array([[-1.0, *[0] * 31]]), np.zeros(32), "relu")
deaf = heads(np.pad(wide, ((0, 0), (0, 1), (0, 0))), np.pad(back, ((0, 0), (0, 0), (0, 1)), constant_values=0.3))
none = heads(np.zeros((1, 2, 1)), np.zeros((1, 1, 2)))
norm = Norm(np.array([-2.0, 1]), np.array([30.0, 0]), 0.1)
loud = Norm(np.array([1000.0, *[1e-3] * 30]), np.zeros(31), 0.1)
both = np.array([[1.0, *[1.0] * 30], [-1.0, *[1.0] * 30]])
# A transformer, and the share of what is taken off that the worst roundings reach.
MODELS: list[tuple[str, Transformer, float]] = [
    (
        "logits",
        Transformer(embedded(1.0, *small), np.zeros((1, 31)), [], None, np.array([[1.0, *small], [-1.0, *small]])),
        0.98,
    ),
    (
        "one logit",
        Transformer(embedded(1.0, *small), np.zeros((1, 31)), [], None, np.array([[1.0, *small], [0.0] * 31])),
        0.98,
    ),
    (
        "the rival's",
        Transformer(embedded(1.0, *small), np.zeros((1, 31)), [], None, np.array([[0.0] * 31, [-1.0, *small]])),
        0.98,
    ),
    ("embedding", Transformer(embedded(0.5), np.full((1, 1), 0.5), [], None, read(1)), 0.98),
    ("heads", Transformer(embedded(0.0, 1.0), np.zeros((1, 2)), [heads(wide, back)], None, read(2)), 0.7),
    (
        "many heads",
        Transformer(
            embedded(0.0, 1.0), np.zeros((1, 2)), [heads(wide.swapaxes(0, 2), back.swapaxes(0, 1))], None, read(2)
        ),
        0.7,
    ),
    (
        "heads beside what nobody reads",
        Transformer(embedded(0.0, 1, 0.1), np.zeros((1, 3)), [deaf], None, read(3)),
        0.7,
    ),
    ("an Mlp alone", Transformer(embedded(0.0, 1.0), np.zeros((1, 2)), [many], None, read(2)), 0.7),
    ("an Mlp behind", Transformer(embedded(0.0, 1.0), np.zeros((1, 2)), [none, many], None, read(2)), 0.7),
    (
        "an Mlp's sums behind",
        Transformer(
            embedded(0.0, 1.0, *small),
            np.zeros((1, 32)),
            [heads(np.zeros((1, 32, 1)), np.zeros((1, 1, 32))), tall],
            None,
            read(32),
        ),
        0.7,
    ),
    ("an Mlp before", Transformer(embedded(0.0, 1.0), np.zeros((1, 2)), [many, none], None, read(2)), 0.7),
    ("an Mlp between", Transformer(embedded(0.0, 1.0), np.zeros((1, 2)), [none, many, none], None, read(2)), 0.6),
    ("two Mlps behind", Transformer(embedded(0.0, 1.0), np.zeros((1, 2)), [none, mixed, many], None, read(2)), 0.6),
    ("a Norm", Transformer(embedded(5.0, 1.0), np.zeros((1, 2)), [], norm, read(2)), 0.5),
    ("logits behind a Norm", Transformer(embedded(1.0, *small), np.zeros((1, 31)), [], loud, both), 0.4),
    ("a Norm behind heads", Transformer(embedded(5.0, 1.0), np.zeros((1, 2)), [none], norm, read(2)), 0.5),
    ("a Norm behind an Mlp", Transformer(embedded(5.0, 1.0), np.zeros((1, 2)), [none, mixed], norm, read(2)), 0.5),
    (
        "heads behind heads",
        Transformer(embedded(0.0, 1.0), np.zeros((1, 2)), [none, heads(wide, back)], None, read(2)),
        0.7,
    ),
    (
        "heads before heads",
        Transformer(embedded(0.0, 1.0), np.zeros((1, 2)), [heads(wide, back), none], None, read(2)),
        0.7,
    ),
    (
        "b_o",
        Transformer(
            embedded(0.0, 0.0),
            np.zeros((1, 2)),
            [heads(np.zeros((1, 2, 1)), np.zeros((1, 1, 2)), b_o=np.array([-3.0, 0]))],
            None,
            read(2, -1.0),
        ),
        0.9,
    ),
]


@pytest.mark.parametrize(("transformer", "share"), [one[1:] for one in MODELS], ids=[one[0] for one in MODELS])
@pytest.mark.parametrize("answer", [0, 1])
def test_every_rounding_is_taken_off(transformer: Transformer, share: float, answer: int) -> None:
    found = lower(transformer, context(transformer, [0]), answer, 1 - answer)
    program = won_by(transformer, [0], answer, 1 - answer)
    value, worst = float(exact(program)), float(extreme(program, False, unit=U))
    assert found <= worst + 1e-12
    assert value - worst >= share * (value - found)


@pytest.mark.soundness
def test_the_worst_roundings_leave_no_bound() -> None:
    @examples.many(36)
    @given(transformers(max_n_ctx=3, max_vocab=3), st.integers(0, 2**32 - 1))
    def check(transformer: Transformer, seed: int) -> None:
        check_worst(transformer, seed)

    with coarse_arithmetic():  # where a planted fault is looked for, no fixture is there
        check()


def check_worst(transformer: Transformer, seed: int) -> None:
    """Of random contexts of random boxes, in an arithmetic so coarse that roundings are what decides."""
    rng, vocab = np.random.default_rng(seed), len(transformer.token_embedding)
    box = random_boxes(rng, 1, transformer.n_ctx, vocab)[0]
    if seed % 2:
        box = context(transformer, completions(rng, box, 1)[0].tolist())
    answer, rival = rng.permutation(vocab)[:2].tolist()
    weights = float(rng.choice([0, 1e-4]))
    found = lower(transformer.astype(np.float64), box, answer, rival, weights)
    for tokens in completions(rng, box, 2):
        least = float(extreme(won_by(transformer, tokens.tolist(), answer, rival), False, unit=U, weights=weights))
        assert not least < found, f"a difference can be {least}, but should be at least {found}"


@pytest.mark.parametrize("block", [None, 2])
def test_the_answer_wins_by_what_the_worst_context_has(block: int | None) -> None:
    """All keys weigh alike, in blocks of which each stands for two; nothing is known but the last token."""
    layer = heads(np.array([[[1.0], [-1.0]]]), np.array([[[-3.0, 0.0]]]), b_o=np.array([10.5, 0]))
    tokens, readout = np.array([[1.0, 0], [0, 2.0]]), np.array([[1.0, 0], [0.0, 0]])
    transformer = Transformer(tokens, np.zeros((8, 2)), [layer], None, readout)
    boxes = Boxes(np.array([8]), np.array([7]), np.array([[[False, True]]]))
    least = -3 * (7 - 2) / 8 + 10.5  # all others token 0, whose value is 1; the last one's is -2
    bound = Bounds(transformer, 0.0, block)
    assert len(bound._closed(boxes)) == (2 if block else 0)
    found = float(bound.margins(boxes, np.array([0]), np.array([[False, True]])).lower[0])
    assert least - 100 * U * 5 <= found <= least


def test_each_box_is_bounded_by_itself() -> None:
    """Of two lengths, with other positions, answers and rivals, together or alone."""
    rng = np.random.default_rng(0)
    w = rng.normal(size=(4, 2, 3, 3))
    layers = [Attention(w[0], w[1], w[2], w[3], b_o=rng.normal(size=3))]
    for after, final in (
        ([], None),
        ([], Norm(w[0, 0, 0], w[0, 0, 1], 0.1)),
        ([Mlp(w[0, 0], w[0, 1, 0], w[1, 0], w[1, 1, 0], "relu")], None),
    ):
        transformer = Transformer(rng.normal(size=(3, 3)), rng.normal(size=(4, 3)), [*layers, *after], final)
        masks = np.zeros((4, 4, 3), bool)
        for mask, n in zip(masks, (2, 4, 4, 2)):
            mask[:n] = random_boxes(rng, 1, n, 3)[0]
        answers, rivals = np.array([0, 2, 1, 1]), np.ones((4, 3), bool)
        rivals[np.arange(4), answers] = False
        together = Bounds(transformer).margins(Boxes.dense(masks), answers, rivals)
        for i, n in enumerate((2, 4, 4, 2)):
            alone = Bounds(transformer).margins(Boxes.dense(masks[[i], :n]), answers[[i]], rivals[[i]])
            # Together, sums are counted as long as the longest of them.
            assert alone.lower[0] - 0.05 <= together.lower[i] <= alone.lower[0] + 1e-9
            np.testing.assert_allclose(together.levels[i], alone.levels[0], atol=1e-2)


@pytest.mark.parametrize("layers", [[], [none]])
def test_every_position_adds_roundings(layers: list[Attention]) -> None:
    """Forty that weigh alike: a half of all that is added is there when the mean is rounded."""
    transformer = Transformer(embedded(0.0, 1.0), np.zeros((40, 2)), [*layers, heads(wide, back)], None, read(2))
    found = lower(transformer, context(transformer, [0] * 40), 0, 1)
    program = won_by(transformer, [0] * 40, 0, 1)
    value, worst = float(exact(program)), float(extreme(program, False, unit=U))
    assert found <= worst
    assert value - worst >= 0.3 * (value - found)


def underflow(transformer: Transformer) -> float:
    """What is taken off for what may underflow in the bound, below U."""
    found = []
    for tiny in (0.0, U):
        with pytest.MonkeyPatch.context() as patch:
            lose(patch, tiny, arithmetic, backward, bounds)
            found.append(lower(transformer, context(transformer, [0]), 0, 1))
    return found[0] - found[1]


def test_what_underflow_takes_is_taken_off() -> None:
    """Of the readout's differences, of what is read along them, and of that along b_o."""
    token, readout = np.full((2, 3), 3.0), np.array([[1.0, 2, 3], [0, 0, 0]])
    x, products = 3 * 3, 8 * (3 + 1)
    transformer = Transformer(token, np.zeros((1, 3)), [], None, readout)
    assert underflow(transformer) == pytest.approx(U * (x + products), rel=1e-3)
    norm = Norm(np.array([1.0, 5, -2]), np.zeros(3), 1.0)
    taken = underflow(replace(transformer, final_norm=norm))
    assert taken == pytest.approx(U * (products + (2 * 5 + 2) * x), rel=1e-3)
    layer = heads(np.zeros((1, 3, 1)), np.zeros((1, 1, 3)), b_o=np.ones(3))
    one = underflow(replace(transformer, layers=[layer]))
    assert one >= U * (x + 2 * products + 3 + 2 * 3)
    more = underflow(replace(transformer, layers=[replace(layer, b_o=np.array([-99.0, 1, 1]))]))
    assert more - one == pytest.approx(U * 98, rel=1e-3)


@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize("where", ["w_k", "b_k", "norm"])
def test_a_key_may_overflow_where_nobody_asks(where: str, sign: int) -> None:
    """The program's scores are NaN then. A quarter of the largest float32 is 8.5e37."""
    w_q, zero = np.array([[[1.0, 0], [0, 0]]]), np.zeros((1, 2, 1))
    for large, is_bounded in ((8.4e37, True), (8.6e37, False)):
        w_k, b_k, before = w_q.copy(), np.zeros((1, 2)), None
        if where == "w_k":
            w_k[0, 0, 1] = sign * large
        elif where == "b_k":
            b_k[0, 1] = sign * large
        else:  # what comes out of it is at most its bias
            w_k[0, 1, 1], before = 1e10, Norm(np.zeros(2), np.array([0, sign * large / 1e10]), 1.0)
        layer = Attention(w_q, w_k, zero, zero.swapaxes(1, 2), b_k=b_k, norm=before)
        transformer = Transformer(np.eye(2), np.zeros((2, 2)), [layer]).astype(np.float32)
        found = lower(transformer, context(transformer, [0, 0]), 0, 1)
        assert (found > 0.9) == is_bounded
