"""Faults that are planted in the source of functions, and a property run up to the first example that fails."""

import inspect
import re
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FunctionType
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, core, settings

# By which faults in what these properties guard are seen soon: their examples are those of the seed. Of others it is 5.
SEEDS = {
    "proof.test_soundness_of_positions:test_proofs_say_at_every_position_what_running_it_says": 11,
    "proof.test_soundness_of_counts:test_proofs_of_folds_say_what_running_says": 7,
    "proof.test_soundness_of_certificates:test_nor_where_tokens_are_counted": 7,
    "proof.test_soundness_of_certified_positions:test_what_is_confirmed_at_every_position_is_true": 0,
    "test_idioms:test_rules_that_count_blindfolded": 7,
    "enumeration.test_soundness_of_enumeration:test_kept_prefixes_say_what_forward_says": 6,
    "distill.test_soundness_of_programs:test_a_distilled_program_is_the_model": 11,
    "checks.test_soundness_of_checks:test_a_margin_and_deviations_are_as_stated": 8,
    "checks.test_soundness_of_checks:test_equal_models_answer_alike_in_every_context": 2,
    "checks.test_soundness_of_checks:test_a_number_type_that_keeps_every_answer_does": 2,
    "checks.test_soundness_of_black_boxes:test_what_is_said_of_a_black_box_is_so_in_every_context": 8,
    "robustness.test_soundness_of_tolerance:test_what_is_certified_to_be_borne_is": 0,
    "test_idioms:test_idioms": 8,
    "test_idioms:test_two_idioms": 6,
}


class Fault(NamedTuple):
    """A piece of a function's source exchanged for another."""

    function: Callable[..., Any]
    old: str
    new: str


@contextmanager
def first_failure_counts(examples: int, seed: int = 0) -> Iterator[None]:
    """Always the same examples, those of a seed, at most so many, of which the first that fails ends it.

    It does so at once: what is no failure to Hypothesis it does not run again to show it.
    """
    settings.register_profile("before", settings())
    settings.register_profile(
        "first failure",
        max_examples=examples,
        derandomize=False,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )
    settings.load_profile("first failure")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(core, "global_force_seed", seed)
        patch.setattr(core, "failure_exceptions_to_catch", lambda: ())
        try:
            yield
        finally:
            settings.load_profile("before")


def plant(patch: pytest.MonkeyPatch, fault: Fault) -> None:
    """In the function itself, whoever has imported it."""
    function: Any = getattr(fault.function, "__func__", fault.function)  # of a class
    assert isinstance(function, FunctionType)
    source = textwrap.dedent(inspect.getsource(function))
    source = source[re.search(r"^def ", source, re.MULTILINE).start() :]  # type: ignore[union-attr]
    count = source.count(fault.old)
    assert count == 1, f"{fault.old!r} stands {count} times in {function.__qualname__}, but should once"
    made: dict[str, Any] = {}
    exec(
        compile(source.replace(fault.old, fault.new), function.__code__.co_filename, "exec"), function.__globals__, made
    )
    patch.setattr(function, "__code__", made[function.__name__].__code__)
