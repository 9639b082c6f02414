"""What `check_model` returns: verdicts as a list, which a line or a notebook shows as a table."""

from html import escape

from properties.checks.verdict import Verdict
from zoo.digits import at_least
from zoo.errors import printable
from zoo.inspection.card import Known, settled, status
from zoo.model import Model

GRAVEST = ("failed", "undecided", "deviates", "holds")


class Verdicts(list[Verdict]):
    """A verdict of each check, in order; `repr` is a table of them, and what `_repr_html_` gives to a notebook too."""

    @property
    def status(self) -> str:
        """The gravest there is."""
        return next((one for one in GRAVEST if any(verdict.status == one for verdict in self)), "holds")

    @property
    def first(self) -> Verdict | None:
        """The first that has a counterexample."""
        return next((verdict for verdict in self if verdict.counterexample is not None), None)

    def remembered(self, model: Model) -> None:
        """The model's own picture in a notebook says from now on what was found here."""
        wrong = {one.check: one.failures for one in self if one.failures}
        answers = next((wrong[name] for name in ("rule", "predictors", "accuracy") if name in wrong), ())
        passed = f"{sum(one.passed for one in self)} of {len(self)} check{' passes' if len(self) == 1 else 's pass'}"
        settled(model, Known(self.status, self.sentence() or passed, answers))

    def sentence(self) -> str:
        """The first counterexample in words; empty where there is none."""
        told = (f"{one.check}: {one.counterexample.sentence()}" for one in self if one.counterexample is not None)
        return next(told, "")

    def rows(self) -> list[tuple[str, str, str, str]]:
        """Check, status, what was looked at, and the margin."""
        return [
            (one.check, one.status, one.looked_at, "" if one.margin is None else at_least(one.margin)) for one in self
        ]

    def __repr__(self) -> str:
        rows = [("check", "verdict", "looked at", "margin"), *self.rows()]
        widths = [max(len(row[i]) for row in rows) for i in range(4)]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
        return printable("\n".join([*lines, *([self.sentence()] if self.first else [])]))

    def _repr_html_(self) -> str:
        """As a table of its own styles: nothing of it reaches the page it stands in."""
        style = "text-align:left;padding:.1em .9em .1em 0"
        heads = "".join(f'<th style="{style}">{head}</th>' for head in ("check", "verdict", "looked at", "margin"))
        rows = (
            (escape(check), status(word), escape(seen), escape(margin)) for check, word, seen, margin in self.rows()
        )
        cells = ("".join(f'<td style="{style}">{one}</td>' for one in row) for row in rows)
        body = "".join(f"<tr>{row}</tr>" for row in cells)
        found = f"<p>{escape(printable(self.sentence()))}</p>" if self.first else ""
        return f"<div><table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>{found}</div>"
