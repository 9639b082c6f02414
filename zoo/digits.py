"""Figures for people: rounded so that what is printed stays true."""

from collections.abc import Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from math import isfinite

Figure = float | int | Decimal
LONGEST = 40  # digits of a share of very many contexts
FEW, MOST = 6, 17  # significant digits: as many as one reads, and as many as tell every float from every other


def at_least(value: Figure, digits: int = FEW) -> str:
    """A lower bound in so many significant digits, rounded down.

    A float is taken for its shortest decimal, as which it is printed everywhere: 0.3 is 0.3, not 0.29999999999999998. A
    Decimal is taken exactly.
    """
    return _rounded(value, digits, ROUND_FLOOR)


def at_most(value: Figure, digits: int = FEW) -> str:
    """An upper bound in so many significant digits, rounded up."""
    return _rounded(value, digits, ROUND_CEILING)


def nearest(value: Figure, digits: int = FEW) -> str:
    """What is no bound, in so many significant digits."""
    return _rounded(value, digits, ROUND_HALF_EVEN)


def exact(value: Figure) -> str:
    """In full, as somebody stated it."""
    decimal = _decimal(value)
    return _plain(decimal) if decimal.is_finite() else str(float(value))


def percent_at_least(share: Fraction) -> str:
    """A share, rounded down, in so many digits that it is seen how far from all it is: "99.99932 %"."""
    return f"{_plain(_percent(share, ROUND_FLOOR))} %"


def percent_at_most(share: Fraction) -> str:
    """The same, rounded up."""
    return f"{_plain(_percent(share, ROUND_CEILING))} %"


def _percent(share: Fraction, rounding: str) -> Decimal:
    digits = FEW
    while 0 < share < 1 and digits < LONGEST and (1 - share) * 10 ** (digits - 3) < 1:
        digits += 1
    return Context(prec=digits, rounding=rounding).divide(Decimal(100 * share.numerator), Decimal(share.denominator))


def held_against(found: Figure, stated: Figure) -> tuple[str, str]:
    """A lower bound rounded down, and in full what it should come up to: whether it does, the printed figures say too.

    So "0.999999" and "1" where 0.99999999 was found, not "1" and "1".
    """
    said, fine = exact(stated), found >= stated
    for digits in range(FEW, MOST):
        text = at_least(found, digits)
        if not isfinite(found) or (Decimal(text) >= Decimal(said)) == fine:
            return text, said
    return exact(found), said


def digits_apart(one: Figure, other: Figure, least: int = FEW) -> int:
    """The number of significant digits, from `least` on, in which two figures that differ print differently."""
    digits = least
    while digits < MOST and one != other and nearest(one, digits) == nearest(other, digits):
        digits += 1
    return digits


def apart(figures: Sequence[float]) -> list[str]:
    """Figures to the nearest, in so many digits that the largest looks other than the next one that is smaller."""
    ordered = sorted({float(one) for one in figures if one == one}, reverse=True)
    digits = digits_apart(ordered[0], ordered[1]) if len(ordered) > 1 else FEW
    return [nearest(one, digits) for one in figures]


def _rounded(value: Figure, digits: int, rounding: str) -> str:
    decimal = _decimal(value)
    if not decimal.is_finite():
        return str(float(value))
    return _plain(Context(prec=digits, rounding=rounding).create_decimal(decimal))


def _decimal(value: Figure) -> Decimal:
    return Decimal(value) if isinstance(value, int | Decimal) else Decimal(repr(float(value)))


def _plain(value: Decimal) -> str:
    """Without zeros at its end; with an exponent where a float of so many digits would be printed with one."""
    if not value:
        return "0"
    value = value.normalize(Context(prec=max(len(value.as_tuple().digits), 1)))
    if -5 < value.adjusted() < max(FEW, len(value.as_tuple().digits)):
        return f"{value:f}"
    mantissa, _, exponent = f"{value:e}".partition("e")
    return f"{mantissa}e{int(exponent):+03d}"
