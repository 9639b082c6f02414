"""What a verdict says of what was found: how much was settled, what is wrong of how many, and what is left."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from properties.checks import settle
from properties.checks.right import Question, checked_predictor, checked_rule
from properties.checks.settle import _proved, _told, _where_judged, settled
from properties.checks.verdict import Finding, How, Method
from properties.proof.counterexample import Counterexample
from properties.proof.search import Proof
from properties.selftest.clock import ticking
from properties.selftest.models import ab, reverse, share
from zoo import Lemma, Model, enumeration
from zoo.transformer.arrays import Array

MODEL = ab.MODEL  # 62 contexts
SHARE = share.build(3)  # 14 contexts, an answer at each position: 2 + 8 + 24


def rule_of(model: Model) -> Question:
    assert model.rule is not None
    return checked_rule(model.rule, model.names)


def wrong(context: str, margin: float | None = -1.0, at: int | None = None) -> Counterexample:
    return Counterexample(context, "a", ("b",), (1.0, 0.0), margin, "float64", at=at)


@pytest.mark.parametrize(("upto", "contexts"), [(0, 0), (1, 2), (2, 2 + 4), (3, 2 + 4 + 8)])
def test_of_answers_at_every_position_the_contexts_of_whole_lengths_are_counted(upto: int, contexts: int) -> None:
    assert settled(SHARE, Proof(contexts=30, skipped=2, upto=upto)) == contexts
    assert settled(MODEL, Proof(contexts=30, skipped=2, upto=upto)) == 32


def test_what_a_proof_covers_and_by_how_much() -> None:
    found, judging = _proved(MODEL, Proof(contexts=40, skipped=22, margin=0.5), rule_of(MODEL))
    assert found == Finding("holds", "proved", 62, margin=0.5)
    assert dict(judging) == {0: 40}
    found, judging = _proved(MODEL, Proof(skipped=62), rule_of(MODEL))
    assert (found.margin, dict(judging)) == (None, {0: 0})  # nothing is judged
    proof = Proof(contexts=30, margin=0.5, upto=2, by_length={1: 2, 2: 8})
    found, judging = _proved(SHARE, proof, rule_of(SHARE))
    assert (found.contexts, dict(judging)) == (6, {1: 2, 2: 8})


def test_the_least_margin_may_be_that_of_what_is_wrong() -> None:
    for of_proof, shown, least in ((0.5, -1.0, -1.0), (-2.0, -1.0, -2.0), (0.5, None, 0.5)):
        proof = Proof("failed", contexts=9, margin=of_proof, counterexamples=[wrong("a", shown)])
        assert _proved(MODEL, proof, rule_of(MODEL))[0].margin == least


def test_what_is_wrong_counts_as_settled() -> None:
    """At two positions of a context it is one that is wrong; the first that was found is shown."""
    shown = [wrong("ba", at=0), wrong("ba", at=1), wrong("aab", at=2)]
    found, _ = _proved(SHARE, Proof("failed", counterexamples=shown), rule_of(SHARE))
    assert (found.failures, found.contexts, found.counterexample) == (("ba", "aab"), 2, shown[0])
    found, _ = _proved(SHARE, Proof("failed", counterexamples=shown, upto=2), rule_of(SHARE))
    assert found.contexts == 6


@pytest.mark.parametrize(
    ("widest", "tells", "left"),
    [
        ("", "", ""),
        ("", "a loop over the tokens", ""),
        ("5 tokens", "", "5 tokens"),
        ("5 tokens", "a loop", "5 tokens; the rule uses a loop, and is asked of every context by itself"),
    ],
)
def test_what_is_left_and_why(widest: str, tells: str, left: str) -> None:
    found, _ = _proved(MODEL, Proof("undecided", widest=widest, tells=tells), rule_of(MODEL))
    assert found.left == left


SHOWN = wrong("ab")
TIE = wrong("ab", 0.0)
HINT = "; --method enumerate would settle it, by running all 62 contexts"


@pytest.mark.parametrize(
    ("method", "contexts", "more", "every", "status", "detail"),
    [
        ("enumerated", 62, {"counterexample": SHOWN}, False, "failed", "wrong in 2 of 62 contexts"),
        ("sampled", 9, {"counterexample": SHOWN}, False, "failed", "wrong in 2 of 9 contexts looked at, of 62"),
        ("proved", 62, {"counterexample": SHOWN}, True, "failed", "wrong in 2 of 62 contexts"),
        ("proved", 9, {"counterexample": SHOWN}, False, "failed", "wrong in the shortest context there is"),
        (
            "proved", 9, {"counterexample": TIE}, False, "failed",
            "wrong in the shortest context there is; the first is a tie",
        ),
        ("enumerated", 62, {"counterexample": TIE}, False, "failed", "wrong in 2 of 62 contexts; the first is a tie"),
        (
            "proved", 9, {"counterexample": TIE, "left": "5 tokens"}, False, "failed",
            "wrong in the shortest context there is, of those settled in the time allowed; not settled: 5 tokens; "
            "the first is a tie",
        ),
        (
            "proved", 9, {"counterexample": SHOWN, "left": "5 tokens"}, True, "failed",
            "wrong in 2 of 9 contexts looked at, of 62; not settled: 5 tokens",
        ),
        ("proved", 9, {"left": "5 tokens"}, False, "undecided", f"not proved in the time allowed: 5 tokens{HINT}"),
        ("sampled", 9, {}, False, "undecided", f"right in every context of a sample{HINT}"),
        ("enumerated", 62, {}, False, "holds", ""),
        ("proved", 62, {}, False, "holds", ""),
    ],
)  # fmt: skip
def test_what_was_found_in_words(
    method: Method, contexts: int, more: dict[str, Any], every: bool, status: Any, detail: str
) -> None:
    found = Finding(
        "holds", method, contexts, "", 0.5, failures=("ab", "bb") if "counterexample" in more else (), **more
    )
    told = _told(found, MODEL, How(every=every))
    assert (told.status, told.detail) == (status, detail)
    assert told.margin == (None if status == "undecided" and more else 0.5)


@pytest.mark.parametrize(
    ("judging", "said"),
    [
        ({1: 2, 2: 8, 3: 24}, "34 answers judged"),
        ({1: 0, 2: 8, 3: 24}, "32 answers judged, none in contexts of 1 tokens"),
        ({1: 0, 2: 8, 3: 0}, "8 answers judged, none in contexts of 1 or 3 tokens"),
        ({1: 2, 2: 2**20, 3: 24}, "~2^20 answers judged"),
    ],
)
def test_where_answers_are_judged(judging: dict[int, int], said: str) -> None:
    assert _where_judged(SHARE, judging) == said


def silent_after(length: int) -> Any:
    """The rule of `share`, in longer contexts nothing."""
    return lambda context, at: SHARE.rule(context, at) if len(context) <= length and SHARE.rule else None


@pytest.mark.parametrize("method", ["enumerate", "prove"])
def test_what_is_judged_of_every_position(method: Any) -> None:
    for length, status, detail in (
        (3, "holds", "34 answers judged"),
        (2, "holds", "10 answers judged, none in contexts of 3 tokens"),
        (0, "failed", "vacuous: the rule determines nothing in any context"),
    ):
        silent = silent_after(length)
        found = settle.settle(SHARE, checked_rule(silent, SHARE.names), How(method))
        assert (found.status, found.detail, found.contexts) == (status, detail, 14)
    # Wrong, or looked at in part: it is not said where answers are judged.
    off = checked_rule(lambda context, at: 5.0, SHARE.names)
    assert settle.settle(SHARE, off, How(method)).detail.startswith("wrong in ")


@pytest.mark.parametrize("method", ["enumerate", "prove"])
def test_only_of_a_rule_it_is_a_fault_to_determine_nothing(method: Any) -> None:
    """Over one token, there is nothing to go wrong; the predictor says what comes, the rule should have said more."""
    one = replace(MODEL, vocab="a", transformer=one_token(), claims=(), cycle=None, margin=None, basis=None)
    found = settle.settle(one, checked_predictor(lambda context: "a", one.names), How(method))
    assert (found.status, found.detail, found.margin, found.contexts) == ("holds", "", None, 5)
    found = settle.settle(one, checked_rule(lambda context: {"a"}, one.names), How(method))
    assert (found.status, found.contexts) == ("failed", 5)
    assert found.detail == "vacuous: the rule determines nothing in any context"


def one_token() -> Any:
    whole: Any = MODEL.transformer
    readout: Array = whole.unembedding
    return replace(whole, token_embedding=whole.token_embedding[:1], unembedding=readout[:1])


def test_what_fails_at_once_determines_something() -> None:
    """Before anything is proved, and where nothing else is settled."""
    found = settle.settle(MODEL, checked_rule(lambda context: {"a"}, MODEL.names), How("prove"))
    assert (found.status, found.detail) == ("failed", "wrong in the shortest context there is")


@pytest.mark.parametrize(
    ("how", "told"),
    [
        (How("sample"), "right in every context of a sample"),
        (How("prove", seconds=0), "not proved in the time allowed: "),
    ],
)
def test_of_what_was_not_looked_at_nothing_is_said(how: How, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither that the rule determines nothing there, nor where it does."""
    ticking(monkeypatch)
    cases: list[tuple[Model, Any]] = [
        (MODEL, lambda context: set()),
        (SHARE, lambda context, at: None),
        (SHARE, SHARE.rule),
    ]
    for model, rule in cases:
        found = settle.settle(model, checked_rule(rule, model.names), how)
        assert (found.status, found.detail[: len(told)], found.detail[-9:]) == ("undecided", told, " contexts")


def echoing(*lemmas: Lemma) -> Model:
    """It says b after a and a after b, where a is meant; and of nothing else it is wrong."""
    return replace(MODEL, rule=lambda context: {"a"}, lemmas=lemmas)


def test_what_is_meant_is_shown_in_place_of_what_was_found() -> None:
    """Where it is wrong, or a tie, and where a lemma makes such: the first one."""

    def lemma(meant: str | None) -> Lemma:
        return Lemma("it is so", lambda model: True, lambda context: meant)  # type: ignore[arg-type, return-value]

    def shown(*lemmas: Lemma, tie: bool = False) -> str:
        model = echoing(*lemmas)
        if tie:  # after b both logits are 1
            transformer: Any = model.transformer
            readout = np.add(transformer.unembedding, [[0, 0], [0, 1]])
            model = replace(model, transformer=replace(transformer, unembedding=readout))
        found = settle.settle(model, rule_of(model), How("enumerate"))
        assert found.counterexample is not None
        assert found.counterexample.permitted == ("a",)
        assert isinstance(found.counterexample.context, str)
        return found.counterexample.context

    assert shown() == "a"
    assert shown(lemma("bba")) == "bba"
    assert shown(lemma(None), lemma("bba"), lemma("bbba")) == "bba"
    assert shown(lemma("ab"), lemma("bba")) == "bba"  # after ab it is right
    assert shown(lemma("ab")) == "a"
    assert shown(lemma("ab"), tie=True) == "ab"
    assert shown(Lemma("it is so", lambda model: True)) == "a"


def test_what_is_meant_is_shown_with_the_logits_of_the_forward_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(enumeration, "last_rows", lambda transformer, tokens: np.array([[0.25, 0.5]]))
    model = echoing(Lemma("it is so", lambda model: True, lambda context: "bba"))
    found = settle._meant(Finding("failed", "proved", 1, counterexample=wrong("a")), model, rule_of(model))
    assert found.counterexample is not None
    assert (found.counterexample.context, found.counterexample.logits) == ("bba", (0, 1))


def test_where_nothing_is_wrong_or_every_position_answers_nothing_is_meant() -> None:
    def never(context: Any) -> Any:
        raise AssertionError(context)

    lemma = Lemma("it is so", lambda model: True, never)
    assert settle.settle(replace(MODEL, lemmas=[lemma]), rule_of(MODEL), How("enumerate")).status == "holds"
    of_every = replace(reverse.MODEL, lemmas=[lemma], rule=lambda context, at: {"a"})
    assert settle.settle(of_every, rule_of(of_every), How("enumerate")).status == "failed"
