"""A comparison of two logits as a sum of one term for each position: where one head of one attention layer decides.

With q the last token, d what the last position adds to answer - rival, and v(p, t) what the value of token t at
position p adds, the softmax weights w being positive,

    logit_a - logit_r > 0   if and only if   Σ_p w(p, t_p) (d + v(p, t_p)) > 0

whatever comes before that layer, as it depends on position and token only, and whatever a Norm behind it that adds
nothing divides by. Here each term is known from below and from above, for the program that runs: its rounding is in the
bounds of `properties.proof` that this is made of.
"""

from dataclasses import dataclass

import numpy as np

from properties.proof import backward, interval
from properties.proof.arithmetic import OutOfRangeError, lost
from properties.proof.attention import Keys, visible_tokens
from properties.proof.bounds import Bounds
from properties.proof.boxes import Boxes
from properties.proof.forward import Ahead
from properties.proof.reach import within_reach
from properties.proof.softmax import SMALL, ends
from zoo.transformer import Attention, Transformer
from zoo.transformer.arithmetic import FLOAT64
from zoo.transformer.arrays import Array


def separable(transformer: Transformer) -> bool:
    """Whether its last layer is its only attention, of one head, with no Norm behind it that adds anything."""
    norm, layers = transformer.final_norm, transformer.layers
    if not layers or not isinstance(layers[-1], Attention) or len(transformer.attentions) > 1:
        return False
    return layers[-1].sizes["head"] == 1 and (norm is None or not norm.bias.any()) and within_reach(transformer)


@dataclass(frozen=True)
class Compared:
    """An answer against each rival, after one last token: the terms of the positions before it, and what is its own.

    Where the sum of `down` is above 0, the program's answer wins; where that of `up` is not, it does not.
    """

    down: Array  # [rival, position, token]
    up: Array
    own_down: Array  # [rival]
    own_up: Array


class Terms:
    """Of all contexts of one length of a transformer that is `separable`; OutOfRangeError where a term is not known."""

    def __init__(self, bounds: Bounds, length: int) -> None:
        with np.errstate(all="ignore"):
            self._make(bounds, length)
            size = np.abs(self.beside).max() + np.abs(self.values).max()
            if not self.most.max() * size * (length + 1) < FLOAT64.largest / 4:  # NaN is not
                raise OutOfRangeError

    def _make(self, bounds: Bounds, length: int) -> None:
        t, a, vocab = bounds.transformer, bounds.arithmetic, bounds.vocab
        layer = t.layers[-1]
        assert isinstance(layer, Attention)
        self.outputs = bounds.outputs
        boxes, keys = Boxes.dense(np.ones((1, length, vocab), bool)), Keys.single(np.arange(length))
        heads = bounds.first.heads(keys.positions, bounds.first.every_dim)
        ahead = bounds.forward.ahead(boxes, keys, heads)
        along = heads[0].along
        assert along is not None
        self.values = (along.c - along.r)[0, 0].reshape(self.outputs, self.outputs, length, vocab)
        self.beside = self._beside(bounds, ahead)  # [last token, answer, rival]
        x = bounds.first.embedded(np.array([length - 1]))
        queries = interval.normalize(x, layer.norm, a)
        scores = heads[0].scores(layer, 0, queries.reshape(1, vocab, -1), a)
        own = np.eye(vocab, dtype=bool)[None]
        visible = visible_tokens(keys, boxes.lengths[:, None] - 1, boxes.lengths, own, layer.causal)
        low, high, _ = (x[0] for x in ends(scores, visible, a))  # [last token, position, token]
        visible = visible[0]
        shift = np.where(visible, low, np.inf).min(axis=-1).max(axis=-1)[:, None, None]
        # As in `softmax_weights`: exp is counted in `ends`, which such a shift is taken for granted in.
        self.least = np.where(visible, np.exp(np.minimum(low - shift, 700)) * (1 - 1e-14) - SMALL, 0).clip(0)
        self.most = np.where(visible, (np.exp(high - shift) + SMALL) * (1 + 1e-14), 0)
        # The sum of a term for each position, each of which is a rounded product of a weight and a rounded sum: `own`
        # is more than gamma(length + 4), and twice that is taken for each term. Underflow may take tiny from each.
        self.widen, self.tiny = 2 * a.own, 8 * (length + 4) * FLOAT64.tiny

    def _beside(self, bounds: Bounds, ahead: Ahead) -> Array:
        """What answer - rival is at least beside the head's mean of values: [last token, answer, rival]"""
        t, a, pairs = bounds.transformer, bounds.arithmetic, bounds.pairs
        layer = t.layers[-1]
        assert isinstance(layer, Attention)
        assert pairs is not None
        direct = backward.embed(ahead.x[0], pairs[0])
        lower = direct.c - direct.r - backward.along_size(ahead.rounding, pairs[0])
        lower = lower - bounds.taken(ahead, bounds.underflow)
        if layer.b_o is not None:
            lower = lower + pairs[0, 0] @ layer.b_o - lost(bounds.underflow, layer.b_o[:, None])
        behind = bounds.behind(ahead)
        rows = np.arange(self.outputs)
        answers, rivals = np.repeat(rows, self.outputs), np.tile(rows, self.outputs)
        magnitude, scale = behind.magnitude, np.ones(1)
        taken = np.zeros(lower.shape)
        if (norm := t.final_norm) is not None:
            # What a bound of 0 becomes behind the Norm: so much is taken off there, and before it by the least divisor.
            differences = (t.readout[:, None] - t.readout).reshape(1, 1, len(answers), -1)
            taken, magnitude = backward.behind_norm(behind.final, differences, taken, norm, a)
            scale = interval.inverse_deviation(interval.centred(behind.final, a)[0], norm.eps, a)[0]
        error = interval.unembed(magnitude, t.readout, a)[0]  # [token or 1, output]
        taken = taken - error[..., answers] - error[..., rivals]
        found: Array = (lower + taken / scale * (1 + a.own))[0].reshape(-1, self.outputs, self.outputs)
        return found

    def of(self, last: int, answer: int) -> Compared:
        """Of the answer itself as a rival, the terms mean nothing."""
        low = self.beside[last, answer][:, None, None] + self.values[answer]
        high = -(self.beside[last, :, answer][:, None, None] + self.values[:, answer])
        least, most = self.least[last], self.most[last]
        down = low * np.where(low > 0, least, most)
        up = high * np.where(high > 0, most, least)
        down, up = down - (self.widen * np.abs(down) + self.tiny), up + (self.widen * np.abs(up) + self.tiny)
        return Compared(down[:, :-1], up[:, :-1], down[:, -1, last], up[:, -1, last])
