"""Bounds on what a transformer answers over whole sets of contexts, sound for the program that runs.

A box is a set of contexts of one length: what each position may hold. `Bounds.margins` bounds from below, for many
boxes at once, by how much the logit of an answer a exceeds that of each rival r at the last position, in every context
of the box. What it proves, with U the readout, x the stream at the last position before the last attention, m_h the
mean of its head h, F the Mlps behind it and N the final Norm, is

    logit_a - logit_r  >=  (U_a - U_r) N(F(x + Σ_h m_h w_o + b_o)) - rounding                            unembed
                       >=  s d F(x + Σ_h m_h w_o + b_o) + (U_a - U_r) bias - rounding                    normalize
                       >=  s (k + d' (x + Σ_h m_h w_o + b_o)) + ..., d' and k from d unit by unit        transform
                       >=  s (k + d' x + d' b_o - Σ_h λ_h) + ..., where -d' m_h w_o <= λ_h by one sum    attend
                       >=  s (k + d' c - |d'| r + d' b_o - Σ_h λ_h) + ..., x lying within r of c         embed

Of the Norm d is e - mean(e), e = (U_a - U_r) weight, and s what 1/deviation is at least where the number it multiplies
is above 0, at most where it is below; what is added to s ... there is kept below, as "...". Without a Norm d is
U_a - U_r, s is 1, and nothing is added. `_backward` goes through the lines from the first to the last, and has their
numbers from the last to the first; each step's part is a function of `backward`, and stands with it. Up to the
last attention, and behind it for sizes, it goes forward in intervals (`forward`, `interval`): each position carries a
vector for each token it may be, so that a first attention layer is exact up to rounding; its scores and values depend
on position and token only and are computed once (`first_layer`).
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from properties.proof import backward, interval
from properties.proof.arithmetic import Arithmetic, Interval, OutOfRangeError, lost
from properties.proof.attention import Head, Keys
from properties.proof.boxes import Boxes
from properties.proof.first_layer import FirstLayer
from properties.proof.forward import Ahead, Along, Behind, Forward
from properties.proof.reach import rows_at_a_time
from properties.proof.reduced import Reduction
from properties.proof.softmax import effects, softmax_mean
from zoo.transformer import Attention, Mlp, Transformer, unhandled
from zoo.transformer.arithmetic import FLOAT64
from zoo.transformer.arrays import Array


@dataclass(frozen=True)
class Margins:
    """Lower bounds [box], and what proves them: the heads' means along rival - answer are at most `levels`.

    levels [box, head, token at the last position, rival] in order of rivals, the answer itself left out.
    """

    lower: Array
    levels: Array
    felt: Array | None = None  # [box, position] how much each position can move the last layer's mean
    worst: Array | None = None  # [box, position] the token that moves it down most
    pull: Array | None = None  # [box, position, token] how far each moves it down


class Bounds:
    """The bounds of one transformer, in the arithmetic of its dtype, float32 or float64; ModelError for another."""

    def __init__(
        self,
        transformer: Transformer,
        weights: float = 0.0,
        block: int | None = None,
        arithmetic: Arithmetic | None = None,
    ) -> None:
        """With `weights`, the bounds hold for all weights that differ from these by at most so much of themselves.

        `block` is how many positions may be looked at as if they were one; None is about the root of n_ctx.
        """
        self.arithmetic = Arithmetic.of_program(transformer, weights) if arithmetic is None else arithmetic
        self.transformer = t = transformer if transformer.dtype == np.float64 else transformer.astype(np.float64)
        self.block = max(32, 2 ** (t.n_ctx.bit_length() // 2)) if block is None else block
        self.vocab, self.outputs = len(t.token_embedding), len(t.readout)
        for layer in t.layers:
            if not isinstance(layer, Attention | Mlp):
                unhandled(layer)
        first, last = (t.attentions[0], t.last_attention) if t.attentions else (len(t.layers), len(t.layers))
        self.between, self.after = t.layers[first:last], t.layers[last + 1 :]
        attention = t.layers[last] if t.attentions else None
        self.attention = attention if isinstance(attention, Attention) else None
        self.entrywise = bool(self.after) or t.final_norm is not None
        self.mixes = not self.between  # boxes of several lengths may be bounded together
        # Where nothing that depends on the box comes before the last attention or behind it, rivals are projected once.
        self.pairs: Array | None = None  # [1, 1, output * output, d_model]
        if not self.between and not self.after:
            pairs = (t.readout[:, None] - t.readout).reshape(1, 1, self.outputs**2, -1)
            self.pairs = backward.normalize(pairs, t.final_norm)
        # Elsewhere, but for what the layers between know of each position, a last token is looked at by itself.
        self.narrow = self.pairs is None and not self.between
        # What underflow may take from differences of the readout's rows, before the final Norm.
        tiny = FLOAT64.tiny
        self.underflow = tiny if t.final_norm is None else lost(tiny, 2 * t.final_norm.weight[None])
        self.first = FirstLayer(t, self.arithmetic, self.pairs, self.underflow, self.block)
        self._reduced: tuple[Array, Bounds] = np.zeros(0, int), self  # for these lengths
        self.forward = Forward(self.first, self.between, self.attention, self.entrywise, self.arithmetic)

    def margins(self, boxes: Boxes, answers: Array, rivals: Array, felt: bool = False) -> Margins:
        """By how much the answer's logit at least exceeds each rival's, the least over rivals and contexts of a box.

        answers int [box], rivals bool [box, output]. What cannot be bounded is -inf. Where `mixes`, boxes may differ in
        length. Positions of which nothing is known are first looked at in blocks; what that does not prove, one by one.
        With `felt`, also which positions matter, as far as the last attention layer by itself can tell.
        """
        return self._felt_by(boxes.lengths)._margins(boxes, answers, rivals, felt)

    def _margins(self, boxes: Boxes, answers: Array, rivals: Array, felt: bool) -> Margins:
        if felt or self.between or not len(closed := self._closed(boxes)):
            return self._in_parts(self._opened(boxes, felt), np.zeros(0, int), answers, rivals, felt)
        found = self._in_parts(boxes, closed, answers, rivals, felt)
        again = np.flatnonzero(~(found.lower > 0))
        if len(again):
            exact = self._in_parts(self._opened(boxes[again]), np.zeros(0, int), answers[again], rivals[again], felt)
            found.lower[again], found.levels[again] = exact.lower, exact.levels
        return found

    @cached_property
    def _reduction(self) -> Reduction | None:
        return Reduction.of(self.transformer, self.first)

    def _felt_by(self, lengths: Array) -> "Bounds":
        """The bounds of what contexts of these lengths can feel; itself where that is all that there is."""
        if self._reduction is None:
            return self
        wanted = np.unique(lengths)
        if not np.array_equal(wanted, self._reduced[0]):
            smaller = self._reduction.to(wanted)
            its = self if smaller is None else Bounds(smaller, block=self.block, arithmetic=self.arithmetic)
            self._reduced = wanted, its
        return self._reduced[1]

    def _closed(self, boxes: Boxes) -> Array:
        """The blocks of which nothing is known in any of these boxes, and which are at least a block before their ends.

        What is close to the end is often what counts, and is not blurred.
        """
        whole = np.arange(max(0, (int(boxes.lengths.min()) - 1) // self.block - 1))
        if boxes.counts is not None:  # of the positions of a block, all are counted, or none
            inside = boxes.counts.counted(np.arange(len(whole) * self.block))
            inside = inside.reshape(inside.shape[0] * inside.shape[1], len(whole), self.block)
            whole = whole[(inside == inside[..., :1]).all(axis=(0, 2))]
        return np.setdiff1d(whole, boxes.positions // self.block)

    def _opened(self, boxes: Boxes, felt: bool = False) -> Boxes:
        """For positions to be looked at one by one; with counts, those that are alike as one: `FirstLayer.merged`."""
        return boxes if boxes.counts is not None and not (felt or self.between) else boxes.everywhere()

    def _in_parts(self, boxes: Boxes, closed: Array, answers: Array, rivals: Array, felt: bool = False) -> Margins:
        """The same with these blocks closed; where it is `narrow`, of each last token that a box may have by itself."""
        if not self.narrow:
            return self._together(boxes, closed, answers, rivals, felt)
        some, box, token = boxes.by_last_token()
        found = self._together(some, closed, answers[box], rivals[box], felt, narrow=True)
        lower, levels = np.full(len(boxes), np.inf), self._no_levels(boxes, 0.0)
        np.minimum.at(lower, box, found.lower)
        levels[box, :, token] = found.levels[:, :, 0]
        # What matters is that with the last token by which the margin is least.
        least = np.lexsort((found.lower, box))[np.searchsorted(box, np.arange(len(boxes)))]
        matters = (part[least] for part in (found.felt, found.worst, found.pull) if part is not None)
        return Margins(lower, levels, *matters)

    def _together(
        self, boxes: Boxes, closed: Array, answers: Array, rivals: Array, felt: bool = False, narrow: bool = False
    ) -> Margins:
        """The same for as many boxes at a time as memory has room for."""
        blocks = closed * self.block
        single = np.ones(boxes.lengths.max(), bool)
        single[blocks[:, None] + np.arange(self.block)] = False
        opened = np.flatnonzero(single)
        positions = np.concatenate([blocks, opened])
        order = np.argsort(positions)
        keys = Keys(positions[order], np.repeat([self.block, 1], [len(blocks), len(opened)])[order])
        # Where no other attention comes before, what does not depend on tokens elsewhere is done once for all parts.
        heads: list[Head] | None = None
        parts = []
        rows = rows_at_a_time(self.transformer, len(positions), narrow)
        with np.errstate(all="ignore"):
            for part in (slice(start, start + rows) for start in range(0, len(boxes), rows)):
                try:
                    if heads is None:
                        heads = self._heads(boxes.lengths, closed, opened, order)
                        if not (felt or self.between):
                            keys, heads = self.first.merged(boxes, keys, heads)
                    parts.append(self._bounded(boxes[part], keys, heads, answers[part], rivals[part], felt, narrow))
                except OutOfRangeError:
                    parts.append(self._unknown(boxes[part]))
        names = ("lower", "levels", "felt", "worst", "pull") if felt else ("lower", "levels")
        return Margins(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))

    def _heads(self, lengths: Array, closed: Array, opened: Array, order: Array) -> list[Head]:
        """The heads of the first attention with these keys: closed blocks and opened positions, in order."""
        if self.attention is None:
            return []
        dims = self.first.every_dim if self.between else self.first.dims(lengths)
        heads = self.first.heads(opened, dims)
        if not len(closed):
            return heads
        blocks = [head.take(closed, some) for head, some in zip(self.first.blocks, dims)]
        return [Head.join(both).take(order) for both in zip(blocks, heads)]

    def _unknown(self, boxes: Boxes) -> Margins:
        levels, worst = self._no_levels(boxes, np.nan), boxes.masks.argmax(axis=-1)
        return Margins(np.full(len(boxes), -np.inf), levels, np.zeros(worst.shape), worst, np.zeros(boxes.masks.shape))

    def _no_levels(self, boxes: Boxes, filled: float) -> Array:
        number = 0 if self.attention is None else self.attention.sizes["head"]
        return np.full((len(boxes), number, self.vocab, self.outputs - 1), filled, float)

    def _bounded(
        self, boxes: Boxes, keys: Keys, heads: list[Head], answers: Array, rivals: Array, felt: bool, narrow: bool
    ) -> Margins:
        others = np.arange(self.outputs - 1) + (np.arange(self.outputs - 1) >= answers[:, None])  # [box, rival]
        ahead = self.forward.ahead(boxes, keys, heads, narrow)
        lower, levels, along = self._backward(ahead, self.behind(ahead), answers, others)
        may_be_last = np.ones((len(boxes), 1), bool) if narrow else boxes.last
        matters = may_be_last[..., None] & np.take_along_axis(rivals, others, -1)[:, None]  # [box, token, rival]
        # What is infinite overflowed on the way, and is not known.
        lower = np.where(matters, np.where(np.isfinite(lower), lower, -np.inf), np.inf)
        none = np.zeros((len(boxes), 0, self.vocab, self.outputs - 1))
        found = Margins(lower.min(axis=(1, 2), initial=np.inf), np.stack(levels, axis=1) if levels else none)
        return self._felt(found, boxes, ahead, along, levels, lower) if felt else found

    def behind(self, ahead: Ahead) -> Behind:
        """attend and transform, entry by entry where an Mlp or a Norm asks for it."""
        final, mean, magnitude, passed = ahead.last, ahead.mean, ahead.magnitude, []
        if self.attention is not None and self.entrywise:
            final, mean = interval.attend(
                final, mean, self.attention, ahead.heads, ahead.weights, ahead.n, self.arithmetic
            )
        for mlp in self.after:
            assert isinstance(mlp, Mlp)
            final, mean, step = interval.transform(final, mean, mlp, self.arithmetic)
            passed.append(step)
            magnitude = final.magnitude
        return Behind(final, magnitude, passed)

    def _backward(
        self, ahead: Ahead, behind: Behind, answers: Array, others: Array
    ) -> tuple[Array, list[Array], Along]:
        """A lower bound on answer - rival [box, token, rival], each head's levels of it, and what it rests on."""
        a, norm = self.arithmetic, self.transformer.final_norm
        differences = backward.unembed(self.transformer.readout, answers, others)
        directions, constant, underflow = backward.normalize(differences, norm), np.zeros(1), self.underflow
        for step in reversed(behind.passed):
            directions, constant, underflow = backward.transform(step, directions, constant, underflow)
        along = (
            self._along(ahead, directions, underflow) if self.pairs is None else self._picked(ahead, answers, others)
        )
        levels = [softmax_mean(weight, v.r - v.c, a) for weight, v in zip(ahead.weights, along.values)]
        lower = constant + along.direct.c - along.direct.r - along.rounding - self.taken(ahead, underflow)
        for level in levels:
            lower = lower - level
        if self.attention is not None and self.attention.b_o is not None:
            lower = lower + directions @ self.attention.b_o - lost(underflow, self.attention.b_o[:, None])
        magnitude = behind.magnitude
        if norm is not None:
            lower, magnitude = backward.behind_norm(behind.final, differences, lower, norm, a)
        error = interval.unembed(magnitude, self.transformer.readout, a)  # [box, length or 1, token, output]
        # One for each box, or for all, where every entry of the stream is followed or boxes have one length.
        error = error if self.entrywise or self.between else error[ahead.by_length]
        error = np.broadcast_to(error, (len(answers), *error.shape[1:]))
        of_answer = error[np.arange(len(answers)), :, answers][..., None]
        return lower - of_answer - np.take_along_axis(error, others[:, None], -1), levels, along

    def taken(self, ahead: Ahead, underflow: float) -> float:
        """What underflow may take from the directions, times what they multiply, and from those products and levels."""
        size = ahead.last.largest * self.transformer.d_model + float(ahead.rounding.sum(axis=-1).max())
        return underflow * size + 8 * (self.transformer.d_model + ahead.n) * (1 + len(ahead.heads)) * FLOAT64.tiny

    def _along(self, ahead: Ahead, directions: Array, underflow: float) -> Along:
        """Of each box by itself."""
        layer, a = self.attention, self.arithmetic
        values = [
            backward.attend(head, layer, h, directions, underflow, a) for h, head in enumerate(ahead.heads) if layer
        ]
        return Along(backward.embed(ahead.last, directions), backward.along_size(ahead.rounding, directions), values)

    def _picked(self, ahead: Ahead, answers: Array, others: Array) -> Along:
        """The same, out of what was found once for every pair of tokens."""
        assert self.pairs is not None
        pair = answers[:, None] * self.outputs + others

        def pick(table: Array) -> Array:  # [box or 1, token, output * output, ...] -> [box, token, rival, ...]
            each = np.arange(len(pair)) if len(table) > 1 else np.zeros(len(pair), int)
            return np.moveaxis(table[each[:, None], :, pair], 2, 1)

        direct = backward.embed(ahead.x[0], self.pairs[0])[ahead.by_length]  # [box or 1, token, output²]
        rounding = backward.along_size(ahead.rounding, self.pairs[0])[np.s_[:] if self.entrywise else ahead.by_length]
        values = [Interval(pick(v.c), pick(v.r)) for v in (head.along for head in ahead.heads) if v is not None]
        return Along(Interval(pick(direct.c), pick(direct.r)), pick(rounding), values)

    def _felt(
        self, found: Margins, boxes: Boxes, ahead: Ahead, along: Along, levels: list[Array], lower: Array
    ) -> Margins:
        """The margins, with how far each position can move the last layer's means towards the worst rival."""
        may_be = boxes.masks
        total = np.zeros(may_be.shape)
        for weight, v, level, kept in zip(ahead.weights, along.values, levels, ahead.kept):
            total += effects(weight, v, level, lower, may_be, kept)
        reach = np.where(may_be, total, -np.inf).max(axis=-1) - np.where(may_be, total, np.inf).min(axis=-1)
        return replace(found, felt=reach, worst=np.where(may_be, total, -np.inf).argmax(axis=-1), pull=total)
