"""What is counted of what was confirmed, and what a certificate may be about."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import reference
from properties.recheck import Rechecked, recheck
from properties.recheck.about import _outputs, about, is_number
from properties.recheck.confirm import Bound, Confirmation
from properties.selftest.models import ab
from properties.selftest.proof.certificates import certificate
from properties.selftest.recheck.grown import Grown
from properties.selftest.recheck.test_graph import model
from properties.selftest.recheck.test_rare import head_of
from properties.selftest.recheck.truth import Truth
from zoo import NUMBER, Lemma
from zoo.errors import CertificateError

pytest.importorskip("flint", reason="python-flint is not installed, and nothing can be confirmed without it")


def test_what_was_run_is_decided_where_its_margin_is_above_0(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else it rests on the run, and has no margin that is known."""
    truth = Truth(ab.build(2), reference.ab)
    made = Grown(truth, head_of(truth), kind="run").made
    least = [0.0, -0.5, 2.0, -np.inf, 1.5, 5e-324]

    def bounds(self: Confirmation, leaves: list[Any], stated: float) -> Iterator[tuple[Any, Bound]]:
        yield from zip(leaves, (Bound(number, np.inf) for number in least), strict=True)

    monkeypatch.setattr(Confirmation, "bounds", bounds)
    assert recheck(made, truth.model, reference.ab) == Rechecked(6, 0, 3, 3, 0, 6, 3, 0, 5e-324)


@pytest.mark.parametrize(
    ("kind", "bound", "why"),
    [
        ("proved", Bound(0.5, np.inf), ""),
        ("proved", Bound(0.5, 0.5), ""),
        ("proved", Bound(0.75, 0.25), "below the one stated"),
        ("proved", Bound(0.49, np.inf), "is 0.5, but confirmed is 0.49"),
        ("proved", Bound(np.nan, np.inf), "is 0.5, but confirmed is nan"),
        ("proved", Bound(-np.inf, np.inf), "numbers may overflow"),
        ("run", Bound(0.25, 0.5), ""),
        ("run", Bound(0.25, 0.49), "below the one stated"),
    ],
)
def test_a_margin_is_as_large_as_is_stated(kind: str, bound: Bound, why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    truth = Truth(ab.build(1), reference.ab)
    made = Grown(truth, head_of(truth), kind=kind, margin=0.5).made
    monkeypatch.setattr(Confirmation, "bounds", lambda self, leaves, stated: ((leaf, bound) for leaf in leaves))
    if why:
        with pytest.raises(CertificateError, match=why):
            recheck(made, truth.model, reference.ab)
    else:
        assert recheck(made, truth.model, reference.ab).margin == bound.least


def test_where_nothing_is_asked_leaves_are_skipped() -> None:
    """After a, of one token and of two; the others are proved."""

    def after_b(context: Any) -> set[str]:
        return {"a", "b"} if context[-1] == "a" else reference.ab(context)

    truth = Truth(ab.build(2), after_b)
    found = recheck(Grown(truth, head_of(truth)).made, truth.model, after_b)
    assert (found.leaves, found.bounds, found.skipped, found.runs, found.undecided_runs) == (4, 2, 2, 0, 0)
    assert (found.contexts, found.with_margin, found.unspecified) == (6, 3, 3)


def test_what_the_outputs_are_called() -> None:
    assert _outputs(model()) is None
    assert _outputs(model(outputs=("x", "y", "z"))) == ["x", "y", "z"]
    assert _outputs(model(outputs=NUMBER, within=0.5)) == "number"


def test_what_is_a_number() -> None:
    for number in (0, -2.5, 10**300, 5e-324):
        assert is_number(number)
    for other in (10**400, -(10**400), np.inf, np.nan, True, "1", None, [1]):
        assert not is_number(other)


@pytest.mark.parametrize("holds", [True, False])
def test_a_lemma_is_computed(holds: bool) -> None:
    """One that holds is no reason to refuse."""
    its = ab.build(1)
    lemmas = [Lemma("two is two", lambda model: True), Lemma("two is three", lambda model: holds)]
    object.__setattr__(its, "lemmas", lemmas)
    made = {**certificate(ab.build(1), reference.ab), "lemmas": [lemma.text for lemma in lemmas]}
    if holds:
        assert about(made, its, reference.ab).n_ctx == 1
    else:
        with pytest.raises(CertificateError, match="the lemma 'two is three' does not hold"):
            about(made, its, reference.ab)
