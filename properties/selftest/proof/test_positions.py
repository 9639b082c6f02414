"""Under a mask, what is asked at a position of a longer context is what was asked of a shorter one."""

import pytest

import zoo
from properties.proof import positions
from properties.proof.boxes import Box
from properties.proof.judges import Values
from properties.proof.search import prove_answers


@pytest.mark.parametrize("kept", [2**16, 8])
def test_bounds_that_were_found_are_not_found_again(kept: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 126 answers to contexts of up to 6 tokens each once, unless there is no room for so many."""
    model, number = zoo.load("share", n_ctx=6), list[int]()
    bound = Values.bound

    def counted(self: Values, boxes: list[Box]) -> object:
        number.append(len(boxes))
        return bound(self, boxes)

    assert model.rule is not None
    monkeypatch.setattr(Values, "bound", counted)
    monkeypatch.setattr(positions, "KEPT", kept)
    proof = prove_answers(model.transformer, model.vocab, model.rule, every=True, names=(), within=model.within)
    assert (proof.status, proof.boxes) == ("holds", 6 * 2 + 5 * 4 + 4 * 8 + 3 * 16 + 2 * 32 + 64)
    assert (sum(number) == 126) == (kept > 126)
