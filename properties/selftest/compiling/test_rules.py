"""Rules that became weights: proved to be what the rule says, as small as by hand, or refused with a sentence."""

import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import reference
import zoo
from properties.checks.table import check_model
from properties.command.main import main
from properties.proof.search import Proof, prove_answers
from properties.selftest.compiling.random_rules import Rule, drawn, with_wrong_entry
from properties.selftest.examples import assert_occurred, assert_sentence, many
from zoo import Model, ModelError, files
from zoo.compiling.rules import By
from zoo.errors import UnknownNameError

WAYS: tuple[By, ...] = ("heads", "number", "smallest")


def nonzero(model: Model) -> int:
    return sum(int(np.count_nonzero(array)) for array in model.transformer.named_arrays().values())


def proof(model: Model, rule: Rule) -> Proof:
    return prove_answers(model.transformer, model.vocab, rule, first=True)


def refusal(error: ModelError) -> str:
    assert_sentence(error)
    return str(error)


@pytest.mark.soundness
def test_what_is_compiled_does_what_its_rule_says(outcomes: Counter[str]) -> None:
    """Proved in both arithmetics, with the margin that is stated; and a rule with one wrong entry is not."""

    @many(12, times=0.1)
    @given(st.integers(0, 2**32 - 1), st.sampled_from(WAYS), st.integers(0, 2))
    def check(seed: int, how: By, more: int) -> None:
        its = drawn(seed)
        n_ctx = its.window + more // (len(its.vocab) - 1)
        try:
            model = zoo.compile_rule(its.rule, its.vocab, its.window, n_ctx, how)
        except ModelError as error:
            outcomes["a number refused" if "closer than" in refusal(error) else "nothing determined"] += 1
            return
        found = proof(model, its.rule)
        assert found.status == "holds"
        assert model.margin is not None
        assert found.margin >= model.margin
        assert proof(model.astype(np.float32), its.rule).status == "holds"
        wrong, context = with_wrong_entry(seed, its, model.predict, 1 + seed % n_ctx)
        assert [one.context for one in proof(model, wrong).counterexamples] == [context]
        outcomes.update(["proved", "longer than its window" if n_ctx > its.window else "no longer", how])
        outcomes["neurons"] += len(model.transformer.layers) > 1

    check()
    assert_occurred(outcomes, "proved", "heads", "number", "smallest", "longer than its window", "neurons", least=2)


def test_it_is_no_larger_than_by_hand() -> None:
    compiled = {rule: nonzero(zoo.compile_rule(rule, "ab", 2, 5)) for rule in (reference.ab, reference.aab)}
    assert compiled == {reference.ab: 4, reference.aab: 10}
    assert compiled[reference.aab] == nonzero(zoo.load("aab_compact"))


@pytest.mark.parametrize("how", ["heads", "number"])
def test_a_thousand_tokens(how: By) -> None:
    model = zoo.compile_rule(reference.aab, "ab", 2, 1024, how).astype("float32")
    [verdict] = check_model(model, names=["rule"])
    assert (verdict.status, verdict.method) == ("holds", "proved")


def test_the_smaller_one_is_made_and_the_fewest_tokens_read() -> None:
    made = {how: zoo.compile_rule(reference.third_previous, "ab", 4, 6, how) for how in WAYS}
    assert nonzero(made["smallest"]) == min(nonzero(made["heads"]), nonzero(made["number"]))
    assert nonzero(zoo.compile_rule(reference.ab, "ab", 4, 6)) == 4
    assert zoo.compile_rule(lambda context: {"a"} if len(context) > 1 else {"b"}, "ab", 2, 4).name == "compiled"


def last_five(context: str) -> set[str]:
    return {"b"} if context[-5:] == "bacba" else {context[-1]}


def last_three(context: str) -> set[str]:
    return {"b"} if context[-3:-2] == "a" else {"a"}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((reference.ab, "ab", 0, 4), "window is 0, but should be a whole number from 1 on"),
        ((reference.ab, "ab", 1, "4"), "n_ctx is '4', but should be"),
        ((reference.ab, "aa", 1, 4), "none twice"),
        ((reference.ab, "a", 1, 4), "two tokens or more"),
        ((reference.ab, "ab", 40, 4), "sets of contexts, but should make 20000 at most"),
        ((lambda context: set(), "ab", 2, 4), "determines nothing after any context"),
        (
            (last_three, "ab", 2, 4),
            "last_three permits b after a.., but should permit a as after .., its window of 2",
        ),
        ((last_five, "abc", 5, 1024, "number"), "closer than .*, but should have none to be told apart in float32 at"),
        ((reference.aab, "ab", 2, 10**6, "heads"), "GB of weights, but should have at most"),
    ],
)
def test_what_cannot_be_built_is_refused(arguments: tuple[object, ...], sentence: str) -> None:
    with pytest.raises(ModelError, match=sentence) as raised:
        zoo.compile_rule(*arguments)  # type: ignore[arg-type]
    assert_sentence(raised.value)
    with pytest.raises(UnknownNameError, match="no construction 'both'"):
        zoo.compile_rule(reference.ab, "ab", 1, 4, "both")  # type: ignore[arg-type]


RULES = """
from reference import aab
def late(context):
    return {"a"} if len(context) == 9 else {"b"}
def seldom(context):
    return {"b"} if context == "ababbabbabba" else aab(context) or {"a"}
def week(context):
    return {"tue"} if context[-1] == "mon" else {"mon"}
"""


def test_the_command_writes_what_is_settled(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "rules.py").write_text(RULES)
    rules, directory = f"{tmp_path}/rules.py", tmp_path / "made"

    def said(rule: str, *options: str, status: int = 0) -> str:
        assert main(["compile", f"{rules}:{rule}", str(directory), *options]) == status
        captured = capsys.readouterr()
        return captured.err if status else captured.out

    out = said("aab", "--vocab", "ab", "--window", "2", "--n-ctx", "5")
    assert f"{directory}: compiled from aab, which reads the last tokens as a number: 10 parameters" in out
    assert re.search(r"^aab +✓ holds +all 62 +[\d.]+ +3 *$", out, re.MULTILINE)
    assert "1 model, 3 checks: 3 hold" in out
    assert main(["show", str(directory)]) == 0
    assert "head 0 o: recent -> -258.992 tok b" in capsys.readouterr().out
    assert main(["verify", str(directory), "--rule", f"{rules}:aab", "--check", "rule"]) == 0
    assert "exists, but should be" in said("aab", "--vocab", "ab", "--window", "2", "--n-ctx", "5", status=2)
    directory = tmp_path / "other"
    error = said("late", "--vocab", "ab", "--window", "2", "--n-ctx", "9", "--how", "heads", status=2)
    assert "late permits a after" in error
    assert "n_ctx is 0" in said("late", "--vocab", "ab", "--window", "2", "--n-ctx", "0", status=2)
    error = said("seldom", "--vocab", "ab", "--window", "2", "--n-ctx", "12", status=1)
    assert f"{directory} is not written, as rule failed: wrong in 1 of 8190 contexts: after ababbabbabba it" in error
    assert not directory.exists()
    said("week", "--vocab", "mon tue", "--window", "1", "--n-ctx", "3")
    assert files.read(directory).vocab == ("mon", "tue")
