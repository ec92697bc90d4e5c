"""Exact decimals, for a database that has none: there they are texts.

The other databases must give the same answers, which a test compares.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Context, Decimal, Inexact, InvalidOperation, Overflow

#: what does not fit raises, and is never rounded
_EXACT = Context(prec=1000, traps=[Inexact, InvalidOperation, Overflow])
_ROUNDING = Context(prec=1000, rounding=ROUND_HALF_UP)


def multiply(left: str | None, right: str | None) -> str | None:
    """Return the exact product; None if a factor is."""
    if left is None or right is None:
        return None
    return _written(_EXACT.multiply(Decimal(left), Decimal(right)))


def add(left: str | None, right: str | None) -> str | None:
    """Return the exact sum; None if a summand is."""
    if left is None or right is None:
        return None
    return _written(_EXACT.add(Decimal(left), Decimal(right)))


def divide(dividend: str, divisor: str, places: int) -> str:
    """Return the quotient to ``places`` decimals, half away from zero, without zeros at the end."""
    quotient = _ROUNDING.divide(Decimal(dividend), Decimal(divisor))
    return plain(quotient.quantize(Decimal(1).scaleb(-places), context=_ROUNDING))


def round_to(number: str, places: int) -> str:
    """Return a number with exactly this number of places, half away from zero; zero has no sign."""
    rounded = Decimal(number).quantize(Decimal(1).scaleb(-places), context=_ROUNDING)
    return _written(rounded)


def is_less(left: str | None, right: str | None) -> bool | None:
    """Return whether a number is less than another; None if one is."""
    return None if left is None or right is None else Decimal(left) < Decimal(right)


def plain(number: Decimal) -> str:
    """Return a number's digits without an exponent and without zeros at the end: equal numbers give equal texts."""
    return _written(_EXACT.normalize(number))


class Sum:
    """An exact sum, taken row by row; None if there was nothing to add."""

    def __init__(self) -> None:
        self._sum: Decimal | None = None

    def step(self, number: str | None) -> None:
        """Add one, unless it is None."""
        if number is not None:
            self._sum = Decimal(number) if self._sum is None else _EXACT.add(self._sum, Decimal(number))

    def finalize(self) -> str | None:
        """Return the sum."""
        return None if self._sum is None else _written(self._sum)


def _written(number: Decimal) -> str:
    """Return a number's digits without an exponent; zero has no sign."""
    return format(number if number else abs(number), "f")
