"""Planted faults in the checks themselves: for each, a test of `test_faults` must fail, or that test shows nothing.

A fault is a piece of the source of a check, exchanged for another. The module is run again with it, in place, so that
the tests meet the faulty check under its own name.
"""

# ruff: noqa: E501  # one fault a line, however long

from collections.abc import Iterator
from contextlib import contextmanager
from inspect import signature
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import pytest

from properties import Verdict
from properties.checks import accuracy, answers, cycles, folds, mechanics, right, running, settle, testing
from properties.checks.table import CHECKS
from properties.proof import counterexample
from properties.selftest.checks import test_faults
from zoo import Model

FAULTS: list[tuple[ModuleType, str, str, str]] = [  # module, its source, what it is exchanged for, the test that sees it
    (accuracy, "if least >= stated:", "if True:", "test_an_accuracy_that_is_not_reached"),
    (running, "~(by > 0)", "(by < 0)", "test_a_tie_that_falls_to_the_right_side"),
    (folds, "if said != meant:", "if False:", "test_a_fold_that_is_another_rule_than_it_stands_for"),
    (right, "np.where(np.isnan(least), -np.inf, least)", "np.where(np.isnan(least), np.inf, least)", "test_logits_that_are_not_numbers"),
    (running, "tokens, failing[0], logits", "tokens, failing[-1], logits", "test_a_model_right_at_lengths_one_to_four_and_wrong_at_five"),
    (running, "failures += model.decode_rows(tokens[found.wrong])", "pass", "test_a_rule_with_one_wrong_entry"),
    (running, "enumeration.last_rows(model.transformer, tokens)", "model.forward(tokens)[:, 0]", "test_large_three"),
    (running, "single and model.weights_decide", "single", "test_a_batch_that_mixes_rows"),
    (running, "    for tokens in batches:\n", "    for tokens in list(batches)[:4]:\n", "test_a_rule_with_one_wrong_entry"),
    (right, "for name in names:", "for name in model.names:", "test_large_three"),
    (counterexample, "allowed.any(axis=-1) & ~allowed.all(axis=-1)", "allowed.any(axis=-1)", "test_a_vacuous_rule"),
    (running, "int(judged(permitted).sum())", "1", "test_a_vacuous_rule"),
    (settle, 'return "sampled", _sample', 'return "enumerated", _sample', "test_a_sample_is_no_pass"),
    (settle, 'return replace(found, status="undecided", detail=f"right in', 'return replace(found, status="holds", detail=f"right in', "test_a_sample_is_no_pass"),
    (answers, 'return Finding("undecided", method, seen, detail)', 'return Finding("holds", method, seen, detail)', "test_a_sample_is_no_pass"),
    (answers, '"undecided" if method == "sampled" else "holds", method, count', '"holds", method, count', "test_a_sample_is_no_pass"),
    (answers, '"failed", "undecided", "holds"', '"undecided", "failed", "holds"', "test_a_failure_behind_an_undecided_predictor"),
    (answers, "found |= {context", "found &= {context", "test_a_deviation_that_a_sample_does_not_meet"),
    (answers, "(won & ~wins) | ", "", "test_a_tie_only_in_float32"),
    (mechanics, "found = compared(wide(model), how)", "return compared(model, how)", "test_a_fault_in_half_precision"),
    (testing, "if not verdict.passed and", "if False and", "test_a_sample_is_no_pass"),
    (settle, "scope.batches(model.vocab, rows),", "scope.batches(model.vocab, rows, scope.lengths[:-1]),", "test_a_model_right_at_lengths_one_to_four_and_wrong_at_five"),
    (settle, "and complete and not any(judging.values()):", "and False:", "test_a_vacuous_rule"),
    (answers, 'gives it one"\n        return Finding("undecided",', 'gives it one"\n        return Finding("holds",', "test_a_model_that_claims_nothing_is_no_pass"),
    (answers, "by) for predictor in model.predictors]", "by) for predictor in model.predictors[:1]]", "test_a_predictor_that_is_wrong_in_one_context_of_thousands"),
    (answers, "if stated != found:", "if found - stated:", "test_a_deviation_that_is_not_exactly_as_stated"),
    (answers, "if stated != found:", "if stated - found:", "test_a_deviation_that_is_not_exactly_as_stated"),
    (answers, "key=lambda c: (len(c), tuple(c))", "key=lambda c: (-len(c), tuple(c))", "test_a_deviation_that_no_longer_holds"),
    (answers, "if smallest < model.margin:", "if smallest <= 0:", "test_a_stated_margin_that_is_too_large"),
    (answers, "if by.min() < smallest:", "if by.min() > smallest:", "test_a_stated_margin_that_is_too_large"),
    (answers, "astype(np.float32)\n", "astype(np.float64)\n", "test_a_model_wrong_only_in_float32"),
    (answers, 'return Finding("failed", "computed", 0, f"the weights', 'return Finding("holds", "computed", 0, f"the weights', "test_weights_that_do_not_fit_float32"),
    (answers, "steps <= model.cycle.within", "True", "test_a_cycle_that_is_not_reached_as_stated"),
    (cycles, "if following[on] != after:", "if False:", "test_a_cycle_that_is_not_reached_as_stated"),
    (cycles, "        if state not in steps:\n            return Walk", "        if state not in steps:\n            steps[state] = 0\n        if False:\n            return Walk", "test_a_cycle_that_is_not_reached_as_stated"),
    (cycles, "start=steps[state] + 1", "start=steps[state]", "test_a_cycle_that_is_not_reached_as_stated"),
    (answers, "if not lemma.holds(model)]", "if False]", "test_a_lemma_that_is_false"),
    (answers, "if not claim.holds(found):", "if False:", "test_a_wrong_claim"),
    (answers, "for claim in model.claims:", "for claim in model.claims[:1]:", "test_a_wrong_claim"),
    (mechanics, "return ~(off <= most)", "return ~(off <= 1e9)", "test_a_softmax_that_is_not_normalized"),
    (mechanics, "off = _difference(logits, slow)", "off = np.zeros(1)", "test_a_bias_added_once_for_each_head"),
    (mechanics, "together, most = model.forward(tokens),", "together, most = [model.forward(row[None])[0] for row in tokens],", "test_a_batch_that_mixes_rows"),
    (mechanics, "seeing = [pattern[:, :, future].any(axis=(1, 2))", "seeing = [pattern[:, :, future].all(axis=(1, 2)) & False", "test_a_mask_that_leaks_one_position"),
    (mechanics, "np.any(seeing, axis=0)", "np.all(seeing, axis=0)", "test_a_mask_that_leaks_one_position"),
    (mechanics, "if not same or (logits is not None and not np.array_equal(model.logits(longer), logits, equal_nan=True)):", "if False:", "test_a_model_that_reads_the_wrong_end_of_a_long_context"),
    (mechanics, "off = _difference(np.sum(parts, axis=0), whole)", "off = _difference(whole, whole)", "test_a_bias_added_once_for_each_head"),
    (mechanics, 'problem = "is taken"', "continue", "test_invalid_input_that_is_taken"),
    (mechanics, "except ContextError as error:", "except Exception as error:", "test_invalid_input_that_is_taken"),
]  # fmt: skip


@contextmanager
def exchanged(module: ModuleType, old: str, new: str) -> Iterator[None]:
    """The module with a piece of its source exchanged; functions that others have imported change with it."""
    assert module.__file__ is not None
    source = Path(module.__file__).read_text()
    assert source.count(old) == 1, f"{old!r} stands {source.count(old)} times in {module.__name__}, but should once"

    before, registered = dict(vars(module)), dict(CHECKS)
    own = [x for x in before.values() if isinstance(x, FunctionType) and x.__module__ == module.__name__]
    codes = [(function, function.__code__) for function in own if function.__closure__ is None]
    try:
        exec(compile(source.replace(old, new), str(module.__file__), "exec"), vars(module))
        for function, _ in codes:
            changed = vars(module).get(function.__name__)
            if isinstance(changed, FunctionType):
                function.__code__ = changed.__code__
                setattr(module, function.__name__, function)
        yield
    finally:  # all is as it was, every object itself: others may hold it
        for function, code in codes:
            function.__code__ = code
        vars(module).clear()
        vars(module).update(before)
        CHECKS.clear()
        CHECKS.update(registered)


def run_test(name: str) -> None:
    """A test of test_faults, with the arguments that pytest would give it, the first ones where there are several."""
    test: Any = getattr(test_faults, name)
    arguments: dict[str, Any] = {}
    for mark in getattr(test, "pytestmark", []):
        arguments[mark.args[0]] = mark.args[1][0]
    with pytest.MonkeyPatch.context() as monkeypatch:
        if "monkeypatch" in signature(test).parameters:
            arguments["monkeypatch"] = monkeypatch
        test(**arguments)


@pytest.mark.parametrize(("module", "old", "new", "test"), FAULTS, ids=range(len(FAULTS)))
def test_a_fault_in_a_check_is_seen(module: ModuleType, old: str, new: str, test: str) -> None:
    run_test(test)
    with exchanged(module, old, new), pytest.raises((AssertionError, pytest.fail.Exception)):  # the second: no refusal
        run_test(test)
    run_test(test)


def assert_each_seen_to_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of each check some verdict failed while what plants faults was run."""
    seen, failing = set[str](), test_faults.failing

    def noted(check: str, model: Model) -> Verdict:
        verdict = failing(check, model)
        seen.add(verdict.check)
        return verdict

    monkeypatch.setattr(test_faults, "failing", noted)
    for name in dir(test_faults):
        if name.startswith("test_"):
            run_test(name)
    assert seen == set(CHECKS), "each check should be seen to fail"


def test_every_check_has_been_seen_to_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    assert_each_seen_to_fail(monkeypatch)


def test_a_check_that_nothing_was_planted_for_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CHECKS, "another", CHECKS["rule"])
    with pytest.raises(AssertionError, match="each check should be seen to fail"):
        assert_each_seen_to_fail(monkeypatch)
