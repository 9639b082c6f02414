"""More than a hundred ways in which a plain function reads its context, to be tried lazily against really.

Each is made with two tokens a and b, and two positions i and j that may be outside. What it says is turned into an
answer: a truth into one of two tokens, a number into one token of all. `truths`, `counting` and `texts` have them,
`classes` and `functions` what they are made of.
"""

from properties.selftest.idioms.counting import NUMBERS, TOKENS
from properties.selftest.idioms.functions import TABLE
from properties.selftest.idioms.texts import BY_NAME, EVERYTHING, OF_STRINGS
from properties.selftest.idioms.truths import TRUTHS

__all__ = ["BY_NAME", "EVERYTHING", "NUMBERS", "OF_STRINGS", "TABLE", "TOKENS", "TRUTHS"]
