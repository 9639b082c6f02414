"""What must hold: checks that settle, in every context, whether the weights compute what is said of them."""

import properties.checks.answers
import properties.checks.black_boxes
import properties.checks.folds
import properties.checks.mechanics  # noqa: F401  # importing these registers their checks, in the order of the table
from properties.checks.table import check_model, checks, prove
from properties.checks.testing import parametrize_with_checks
from properties.checks.verdict import Verdict
from properties.proof.counterexample import Counterexample

__all__ = ["Counterexample", "Verdict", "check_model", "checks", "parametrize_with_checks", "prove"]
