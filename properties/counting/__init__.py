"""How many contexts are right, where a model is not right in all of them; read `search` first.

A rule becomes parts of the contexts in which one thing is permitted (`parts`: words of an `automaton`), and one of two
engines bounds how many of a part are wrong: `separable`, or `general`. Bounds and how rules are read are of
`properties.proof`; nothing here knows of checks.
"""

from properties.counting.result import Count, Counted
from properties.counting.search import Counting, check, count

__all__ = ["Count", "Counted", "Counting", "check", "count"]
