"""What must hold: checks that settle, in every context, whether the weights compute what is said of them."""

import properties.checks.accuracy
import properties.checks.answers
import properties.checks.black_boxes
import properties.checks.folds
import properties.checks.mechanics  # noqa: F401  # importing these registers their checks, in the order of the table
from properties.checks.listing import Verdicts
from properties.checks.table import check_model, checks, prove
from properties.checks.testing import parametrize_with_checks
from properties.checks.verdict import Verdict
from properties.counting import Count, count
from properties.proof.counterexample import Counterexample

__all__ = [
    "Count",
    "Counterexample",
    "Verdict",
    "Verdicts",
    "check_model",
    "checks",
    "count",
    "parametrize_with_checks",
    "prove",
]
