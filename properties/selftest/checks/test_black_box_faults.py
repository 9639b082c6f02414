"""Planted faults in how black boxes are settled: for each, a test must fail, or that test shows nothing."""

# ruff: noqa: E501  # one fault a line, however long

import pytest

from properties.checks import black_boxes
from properties.checks.table import OF_BLACK_BOXES
from properties.selftest.checks import test_black_box_answers as answering
from properties.selftest.checks import test_black_box_details as details
from properties.selftest.checks import test_black_boxes as settled
from properties.selftest.checks.test_suite_faults import exchanged

FAULTS = [  # a piece of the source, what it is exchanged for, the test that sees it
    ("if not box.right(said, permitted):", "if said.problem:", settled.test_the_shortest_context_of_all_that_are_wrong),
    ("if not box.right(said, permitted):", "if not said.problem and not box.right(said, permitted):", lambda: answering.test_what_is_no_answer_is_wrong(answering.strange, "says 'c', which should be one of a, b", "enumerate")),
    ('return replace(found, status="undecided", detail=_tried', 'return replace(found, status="holds", detail=_tried', settled.test_a_sample_is_no_pass_and_says_what_was_looked_at),
    ("if seen.whole:\n        return found", "if not seen.ended:\n        return found", settled.test_a_sample_is_no_pass_and_says_what_was_looked_at),
    ("if again != said:", "if False:", lambda: answering.test_what_answers_otherwise_when_it_is_asked_again(answering.counting, "enumerate")),
    ("if unsteady is None and seen.wrong:", "if seen.wrong:", lambda: answering.test_what_answers_otherwise_when_it_is_asked_again(answering.forgetful, "enumerate")),
    ("if not seen.judged and seen.whole:", "if False:", settled.test_what_is_left_open_is_not_judged),
    ("if box.judges(permitted):", "if permitted:", settled.test_what_is_left_open_is_not_judged),
    ("Random(how.seed)", "Random(0)", settled.test_the_seed_is_what_is_drawn_with),
    ("first = shrinker.simplest(first)", "pass", settled.test_from_a_few_tries_to_the_simplest),
    ("if not inside:", "if False:", lambda: settled.test_what_is_generated_is_in_the_domain(lambda random: "abc", "generate gives")),
    ("else stated ^ wrong", "else wrong - stated", settled.test_deviations_are_exactly_those_stated),
    ("if (late or out_of_time) and", "if out_of_time and", answering.test_after_one_that_hangs_no_other_is_asked),
    ("if found.detail == UNSTEADY:", "if False:", details.test_what_changes_does_not_deviate_as_stated),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(FAULTS)))
def test_a_fault_in_how_they_are_settled_is_seen(number: int) -> None:
    old, new, test = FAULTS[number]
    before = dict(OF_BLACK_BOXES)
    test()
    with exchanged(black_boxes, old, new), pytest.raises((AssertionError, pytest.fail.Exception)):
        test()
    OF_BLACK_BOXES.update(before)
    test()
