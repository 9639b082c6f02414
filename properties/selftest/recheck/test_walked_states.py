"""The checker tells states of a fold apart by itself, as strictly as the prover does, and refuses the same."""

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from properties.proof.certificate import source_digest
from properties.recheck import recheck
from properties.recheck.about import _source
from properties.recheck.walk import _key
from properties.selftest.models import ab
from properties.selftest.proof import test_folds
from properties.selftest.proof.certificates import certificate
from properties.selftest.proof.test_fold_states import NONE, PAIRS, SAME, ending
from properties.selftest.recheck.test_counts import walk_of
from reference import Fold
from zoo.errors import CertificateError


@pytest.mark.parametrize(("one", "other"), PAIRS, ids=repr)
def test_what_is_equal_and_not_the_same_is_told_apart(one: Any, other: Any) -> None:
    assert _key(one) != _key(other)
    assert walk_of(ending(one, other), "ab").split(4, {}, {}) == {frozenset([0]): 12, frozenset([1]): 4}


@pytest.mark.parametrize("state", SAME, ids=repr)
def test_what_is_made_alike_is_one(state: Any) -> None:
    walk = walk_of(ending(state, state), "ab")
    assert walk.split(4, {}, {}) == {frozenset([0]): 16}
    assert len(walk.states) == 4  # none, a, b and that


@pytest.mark.parametrize("state", NONE, ids=lambda state: type(state).__name__)
def test_states_of_anything_else_are_refused(state: Any) -> None:
    for fold in (Fold(state, lambda state, token: state, lambda state: {"a"}), ending(state, state)):
        with pytest.raises(CertificateError, match=r"the fold has the state .*, but states should be bools, numbers"):
            walk_of(fold, "ab").split(4, {}, {})


@pytest.mark.parametrize("states", ["x", 1.5, True, None, 0])
def test_how_many_states_there_are_is_a_number(states: Any) -> None:
    with pytest.raises(CertificateError, match=r"states, but should"):
        walk_of(Fold(0, lambda n, token: n, lambda n: {"a"}, states=states), "ab")


def test_only_what_contexts_of_a_leaf_reach_is_asked() -> None:
    """b after a second token raises, or is a state too many."""

    def raising(state: int, token: str) -> int:
        if state == 1 and token == "b":
            raise SystemExit("no b here")
        return min(state + 1, 2)

    def more(state: int, token: str) -> int:
        return state + 1 if state < 1 or token == "b" else state

    for fold, why in (
        (Fold(0, raising, lambda n: {"a"}), r"the fold raises SystemExit\('no b here'\) on 'b' after \('a',\)"),
        (Fold(0, more, lambda n: {"a"}, states=2), "the fold has more than 2 states"),
    ):
        walk = walk_of(fold, "ab")
        assert walk.split(2, {1: 0}, {}) == {frozenset([0]): 2}
        assert walk.example(2, {1: 0}, {}, frozenset([0])) == [0, 0]
        with pytest.raises(CertificateError, match=why):
            walk.split(2, {}, {})


class OfItsOwn(Fold):
    """Says what it likes."""


def test_of_a_fold_of_a_class_of_its_own_the_source_is_where_that_is_defined() -> None:
    digests = [hashlib.sha256(Path(path or "").read_bytes()).hexdigest() for path in (__file__, test_folds.__file__)]
    for made, digest in zip((OfItsOwn, Fold), digests):
        fold = made(0, test_folds.depth, test_folds.may_follow)
        assert source_digest(fold) == _source(fold) == digest


def test_what_a_fold_says_is_asked_again_of_an_example(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that says otherwise then is no rule; here it is the question that is answered so."""
    fold = Fold("", lambda state, token: token, lambda state: {"b"} if state == "a" else {"a"})
    model = replace(ab.build(3), rule=fold)
    made = certificate(model, fold)
    assert recheck(made, model, fold).contexts == 14
    monkeypatch.setattr("properties.recheck.leaves.said_of", lambda asked, context: frozenset("ab"))
    with pytest.raises(CertificateError, match=r"the fold says something else after '.*', asked again"):
        recheck(made, model, fold)
