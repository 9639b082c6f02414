"""What must hold: checks that settle, in every context, whether the weights compute what is said of them."""

import properties.answers
import properties.mechanics  # noqa: F401  # importing the two registers their checks, in the order of the table
from properties.checks import check_model, checks, prove
from properties.testing import parametrize_with_checks
from properties.verdict import Counterexample, Verdict

__all__ = ["Counterexample", "Verdict", "check_model", "checks", "parametrize_with_checks", "prove"]
