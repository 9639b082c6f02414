"""Mutants: which there are, what becomes of each, and that they are open where a model states too little."""

import json
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

import zoo
from properties import robustness
from properties.command.main import main
from properties.robustness.mutants import mutants, stories
from properties.selftest.models import ab, induction, third_previous, two_head
from zoo import Model, ModelError, Transformer
from zoo.errors import FailingError


def test_mutants_are_counted_by_outcome(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["mutate", "--json", "ab", "aab_compact"]) == 0
    counts = json.loads(capsys.readouterr().out)["models"]
    assert [one["name"] for one in counts] == ["ab", "aab_compact"]
    assert all(one["open"] == 0 and one["caught"] > 0 for one in counts)
    assert main(["mutate", "explainer"]) == 2
    assert "explainer has neither rule nor predictor" in capsys.readouterr().err


def test_no_mutant_of_a_small_induction_is_open() -> None:
    assert {story.outcome for story in stories(induction.build("ab", n_ctx=4))} == {"caught", "equal"}


def test_the_mutants_of_ab_by_hand() -> None:
    """4 token, 10 position and 4 unembedding entries. What leaves them as they are, or is there already, is none."""
    found = Counter(story.outcome for story in stories(ab.MODEL))
    assert found == {"caught": 40, "equal": 8}
    changes = Counter(mutant.change for mutant in mutants(ab.MODEL.transformer))
    # Of a 1: zeroed, negated, doubled, halved (plus 1 doubles, minus 1 zeroes). Of a 0: plus and minus 1.
    assert changes == {
        "zeroed": 4,
        "negated": 4,
        "doubled": 4,
        "halved": 4,
        "plus 1": 14,
        "minus 1": 14,
        "swapped with the next": 4,
    }


def test_a_sample_of_mutants_is_of_all_kinds_and_always_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    model = zoo.load("two_head")
    every = [(m.place, m.index, m.change) for m in mutants(model.transformer)]
    one, again = ([story.mutant for story in stories(model, 100)] for _ in range(2))
    drawn = [(m.place, m.index, m.change) for m in one]
    assert drawn == [(m.place, m.index, m.change) for m in again]
    assert len(set(drawn)) == 100
    assert set(drawn) < set(every)
    assert drawn == sorted(drawn, key=every.index)
    assert {m.place for m in one} >= {"token_embedding", "position_embedding", "layer 0 w_q", "layer 0 w_o"}
    assert len([*stories(ab.MODEL, 1000)]) == 48
    assert main(["mutate", "ab", "--sample", "5"]) == 0
    assert "ab: 5 mutants, " in capsys.readouterr().out
    assert main(["mutate", "ab", "--sample", "0"]) == 2
    assert "--sample is 0, but should be a whole number from 1 on" in capsys.readouterr().err


def test_too_many_mutants_are_counted_before_one_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(robustness.mutants, "MOST", 47)
    with pytest.raises(ModelError, match="ab has 48 mutants, but should have 47 at most for each to be tried"):
        next(stories(ab.MODEL))
    assert len([*stories(ab.MODEL, 48)]) == 48


def test_of_all_models_those_that_are_too_large_are_left_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(zoo.registry, "names", lambda: ["ab", "adder_circle", "explainer"])
    assert main(["mutate", "--sample", "5"]) == 0
    out = capsys.readouterr().out
    assert "ab: 5 mutants, " in out
    assert "\nleft out: adder_circle has ~2^100 contexts, but should have 172795 at most for each mutant" in out
    assert main(["mutate", "adder_circle"]) == 2
    assert "should have 172795 at most" in capsys.readouterr().err


def test_structural_mutants() -> None:
    assert {m.change for m in mutants(two_head.MODEL.transformer) if not m.index} == {
        "b_o added once too often",
        "head 0 removed",
        "head 1 removed",
        "one late",
        "one early",
    }
    assert {m.change for m in mutants(zoo.load("aab").transformer) if not m.index} >= {"mask dropped", "scale dropped"}


def test_what_the_rule_leaves_open_does_not_count() -> None:
    half = replace(third_previous.MODEL, rule=lambda c: {"a"} if c[-1] == "b" else set(), margin=None)
    outcomes = {story.outcome for story in stories(half)}
    assert outcomes == {"caught", "equal"}


def test_another_choice_among_what_is_permitted_is_open() -> None:
    transformer = Transformer(np.ones((3, 1)), np.zeros((2, 1)), [], unembedding=np.array([[3.0], [2], [-8]]))
    outcomes = {story.outcome for story in stories(Model("either", "abc", transformer, lambda context: {"a", "b"}))}
    assert outcomes == {"caught", "equal", "open"}


def test_a_caught_mutant_has_its_shortest_context() -> None:
    story = next(
        s for s in stories(zoo.load("aab")) if (s.mutant.place, s.mutant.change) == ("layer 0", "head 0 removed")
    )
    assert (story.outcome, story.check, story.context) == ("caught", "rule", "aa")


@pytest.mark.parametrize("permitted", [set[str](), {"a", "b"}])
def test_a_rule_that_determines_nothing_holds_no_mutant_to_anything(permitted: set[str]) -> None:
    with pytest.raises(FailingError, match="ab fails its rule, which determines nothing in any context"):
        next(stories(replace(ab.MODEL, rule=lambda context: permitted)))
