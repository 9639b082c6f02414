"""What the checker seldom meets: nothing to prove, numbers near the ends, a full memory, parts of a new kind."""

import copy
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import reference
from properties.proof.certificate import digest, source_digest
from properties.recheck import recheck
from properties.recheck.margins import LeafMargins
from properties.recheck.program import Program
from properties.recheck.tree import _digest, confirmed_leaves
from properties.selftest.models import ab, induction
from properties.selftest.proof.certificates import certificate
from properties.selftest.recheck.forgeries import Grown, put
from properties.selftest.recheck.truth import Json, Truth, confirmed
from zoo import Model, Norm, Transformer
from zoo.errors import CertificateError, MismatchError

pytest.importorskip("flint", reason="python-flint is not installed, and nothing can be confirmed without it")


def anything(context: Any) -> set[str]:
    return {"a", "b"}


def head_of(truth: Truth) -> Json:
    """What a certificate says that it is about."""
    model, function = truth.model, truth.function
    named = {"name": getattr(function, "__name__", ""), "source": source_digest(function)}
    head = {"format": 1, "model": model.name, "vocab": list(model.vocab), "n_ctx": model.n_ctx, "function": named}
    return {**head, "dtype": str(truth.t.dtype), "arrays": digest(truth.t)}


def test_where_nothing_is_determined_nothing_is_confirmed() -> None:
    truth = Truth(ab.build(2), anything)
    made = Grown(truth, head_of(truth), least=1.0).made
    assert not truth.why_not(made)
    with pytest.raises(CertificateError, match="nothing is determined in any context"):
        recheck(made, truth.model, anything)


def large(model: Model, size: float) -> Model:
    """With logits of that size."""
    arrays = {"token_embedding": size**0.5, "unembedding": size**0.5}
    t = model.transformer
    return replace(model, transformer=replace(t, **{name: getattr(t, name) * by for name, by in arrays.items()}))


def test_what_may_overflow_rests_on_a_run() -> None:
    for size, undecided in ((1e300, 0), (1e308, 6)):
        truth = Truth(large(ab.build(2), size), reference.ab)
        found = recheck(Grown(truth, head_of(truth), kind="run").made, truth.model, reference.ab)
        assert (found.runs, found.undecided_runs) == (6 - undecided, undecided)
        assert found.with_margin == 6 - undecided
        assert found.margin == np.inf if undecided else 0 < found.margin < np.inf
        assert confirmed(Grown(truth, head_of(truth)).made, truth) == (not undecided)


def test_what_was_forgotten_is_found_again(monkeypatch: pytest.MonkeyPatch) -> None:
    model = induction.build(n_ctx=4)
    made = certificate(model, reference.induction)
    before = recheck(made, model, reference.induction)
    monkeypatch.setattr("properties.recheck.stream.REMEMBERED", 0)
    assert recheck(made, model, reference.induction) == before


def with_a_part_of_a_new_kind(transformer: Transformer) -> Transformer:
    changed = copy.copy(transformer)
    object.__setattr__(changed, "layers", (Norm(np.ones(2), np.zeros(2), 1.0),))
    return changed


def test_a_part_of_a_new_kind_is_not_left_out() -> None:
    model = ab.build(2)
    with pytest.raises(NotImplementedError, match="as a kind of layer"):
        LeafMargins(with_a_part_of_a_new_kind(model.transformer))
    changed = copy.copy(model.transformer)
    object.__setattr__(changed, "layers", (SimpleNamespace(norm=None),))
    with pytest.raises(NotImplementedError, match="as a kind of part"):
        _digest(changed)
    margins = LeafMargins(model.transformer)
    margins.t = with_a_part_of_a_new_kind(model.transformer)
    margins.sight = [0, 0]
    margins.at([(0,)])
    with pytest.raises(NotImplementedError, match="as a kind of layer"):
        margins.before(1, 0, 0)


def test_a_function_without_a_source_is_another_one() -> None:
    truth = Truth(ab.build(2), reference.ab)
    made = Grown(truth, head_of(truth)).made
    namespace: dict[str, Any] = {}
    exec("def ab(context):\n    return {'b'}", namespace)
    with pytest.raises(MismatchError, match="digest of the function's source"):
        recheck(made, truth.model, namespace["ab"])
    with pytest.raises(MismatchError, match="the certificate's function is 'ab', but should be 'len'"):
        recheck(made, truth.model, len)
    with pytest.raises(MismatchError, match=r"digest of the function's source .* should be None"):
        recheck(put(made, ("function", "name"), "len"), truth.model, len)


def test_a_level_that_is_not_found_is_the_largest_value() -> None:
    """Every step of Newton's passes one key, of more than there are steps."""
    number = Program(np.dtype(np.float64)).number
    keys = [[(number(0), number(4) ** -i, number(i, 0.25))] for i in range(100)]  # each value is known so closely
    assert 99.25 <= Program(np.dtype(np.float64)).level(keys) < 99.26
    few = Program(np.dtype(np.float64)).level(keys[:20])
    assert Program(np.dtype(np.float64)).excess(keys[:20], few)[0] <= 0


def test_leaves_that_cover_too_little_are_refused() -> None:
    """Whatever let them pass before."""
    model = ab.build(2)
    made = certificate(model, reference.ab)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("properties.recheck.tree._partition", lambda tree, vocab, n: iter(()))
        with pytest.raises(CertificateError, match="should cover every context once"):
            list(confirmed_leaves(made["trees"]["2"], model, reference.ab, 0, 2))


@pytest.mark.parametrize("where", [("margin",), ("trees", "1", "to", 0, 1, "margin")])
def test_a_truth_value_is_no_number(where: tuple[Any, ...]) -> None:
    """Where the number 1 would be confirmed."""
    model = large(ab.build(1), 4.0)
    made = put(certificate(model, reference.ab), ("margin",), 0.25)
    recheck(put(made, where, 1), model, reference.ab)
    with pytest.raises(CertificateError, match="margin"):
        recheck(put(made, where, True), model, reference.ab)
