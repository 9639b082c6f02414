"""How many contexts are right, as sentences and as JSON."""

import json
from collections.abc import Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from fractions import Fraction
from typing import Any

from properties.counting import Count, Counted
from properties.report.console import console
from zoo.digits import percent_at_least, percent_at_most

LARGE = 40  # digits of a number that are printed for people
LINES = 24  # lengths of which each has its sentence, if there are more


def counts(found: Sequence[Count], sources: Sequence[str], as_json: bool) -> None:
    """A sentence for each length of each model, and one for all."""
    if as_json:
        print(json.dumps(counts_as_json(found), indent=2))
        return
    out = console()
    for i, (count, source) in enumerate(zip(found, sources)):
        out.print("\n" * (i > 0) + count.name + (f" ({source})" if source else ""), soft_wrap=True)
        shown = _shown(count.lengths)
        for one in shown:
            kind = f"contexts of {one.length} token{'s' * (one.length > 1)}"
            out.print(f"  {_sentence(one, kind)}", soft_wrap=True)
        if more := len(count.lengths) - len(shown):
            out.print(f"  {more:,} other lengths: see --json", soft_wrap=True)
        if len(count.lengths) > 1:
            out.print(f"  {_sentence(count, 'contexts in all')}", soft_wrap=True)


def _shown(lengths: Sequence[Counted]) -> list[Counted]:
    """All lengths, or where there are many the first ones that are not right in all contexts."""
    if len(lengths) <= LINES:
        return list(lengths)
    return [one for one in lengths if one.wrong or one.open][:LINES] or list(lengths[:LINES])


def _sentence(one: Count | Counted, kind: str) -> str:
    total = one.right + one.wrong + one.open
    if not total:
        return f"nothing is specified of {_number(one.skipped)} {kind}"
    least, most = Fraction(one.right, total), Fraction(one.right + one.open, total)
    of = f"{_number(total)} {kind.replace('contexts', 'context', int(total == 1))}"
    if one.skipped:
        of += f", beside {_number(one.skipped)} of which nothing is specified"
    if one.open:
        return f"right in at least {percent_at_least(least)} and at most {percent_at_most(most)} of {of}"
    if not one.wrong:
        return f"right in all {of}"
    return f"right in {percent_at_least(least)} of {of}: {_number(one.wrong)} wrong"


def _number(number: int) -> str:
    return f"{number:,}" if number < 10**LARGE else f"about {Decimal(number):.3g}"


def counts_as_json(found: Sequence[Count]) -> dict[str, Any]:
    """The documented schema, version 1; docs/json.md spells it out."""
    return {"version": 1, "models": [_model(count) for count in found]}


def _model(count: Count) -> dict[str, Any]:
    lengths = [{"length": one.length, **_counted(one)} for one in count.lengths]
    least, most = count.accuracy
    accuracy = {
        "at_least": float(_rounded(least, ROUND_FLOOR)),
        "at_most": float(_rounded(most, ROUND_CEILING)),
    }
    return {"name": count.name, "lengths": lengths, **_counted(count), "accuracy": accuracy}


def _counted(one: Count | Counted) -> dict[str, str]:
    total = one.right + one.wrong + one.open
    said = {"total": str(total), "right": str(one.right), "wrong": str(one.wrong), "open": str(one.open)}
    return said | ({"skipped": str(one.skipped)} if one.skipped else {})


def _rounded(share: Fraction, rounding: str) -> Any:
    """In as many digits as every float has: fifteen."""
    return Context(prec=15, rounding=rounding).divide(share.numerator, share.denominator)
