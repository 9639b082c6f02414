"""Boxes that are put together: nothing is lost, none is where it does not belong, and there are few enough."""

from collections import Counter

import pytest

import zoo
from properties.checks.settle import proof_of
from properties.checks.verdict import How
from properties.dossier.answers import questions
from properties.proof import splits
from properties.proof.bands import MOST, Bands
from properties.proof.boxes import Settled
from properties.proof.splits import Splits
from zoo import Model


def settled(model: Model) -> list[Settled]:
    found = proof_of(model, questions(model)[0], How(method="prove", certified=True))
    assert found.splits is not None
    return list(found.splits.settled)


@pytest.mark.parametrize("name", ["brackets", "induction", "sort"])
def test_what_is_put_together(name: str) -> None:
    model = zoo.load(name)
    every = settled(model)
    bands = Bands(model.vocab, every)
    number = Counter(one.box.length for one in every)
    for length in model.scope.lengths:
        own = [one for one in every if one.box.length == length]
        answers = {(one.kind, one.answer, one.at) for one in own}
        for most in (MOST, 20, 1):
            found = bands.of(length, most)
            assert len(found) <= max(most, len({one.kind for one in own}))
            assert sum(band.boxes for band in found) == number[length]
            positions = length if model.answers == "every" else 1
            assert sum(band.contexts for band in found) == positions * model.scope.count(length)
            assert min(band.margin for band in found) == min(one.margin for one in own)
            for one in own:
                alike = [
                    band
                    for band in found
                    if band.kind == one.kind
                    and (band.answer, band.at) in ((one.answer, one.at), (None, None))
                    and all(its is None or its == one.box.sets.get(length - 1 - i) for i, its in enumerate(band.key[0]))
                ]
                assert any(band.margin <= one.margin for band in alike)
            assert most < len(answers) or {(band.kind, band.answer, band.at) for band in found} == answers


def test_a_proof_of_many_boxes_keeps_them_together(monkeypatch: pytest.MonkeyPatch) -> None:
    model = zoo.load("brackets")
    every = settled(model)
    monkeypatch.setattr(splits, "MOST_KEPT", len(every) // 2)
    some = Splits(model.vocab, model.scope, model.names)
    for one in every:
        some.add(one)
    assert some.bands is not None
    assert some.settled == []
    assert list(some.bands) == list(Bands(model.vocab, every))
    monkeypatch.setattr(splits, "MOST_KEPT", len(every))
    whole = Splits(model.vocab, model.scope, model.names)
    for one in every:
        whole.add(one)
    assert (whole.settled, whole.bands) == (every, None)
