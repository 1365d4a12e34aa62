"""Money as whole numbers of a small unit, so that every grouping of the same draws gives the same total. Knows no price.

A completion's cost is rounded once, to a millionth of a millionth of the profile's currency; everything after that is a sum
of integers. A stored float holds such a cost exactly up to 2,000 of the currency per completion.
"""

from decimal import Decimal

UNITS = 10**12  # units in one unit of currency
MICROS = 10**6  # units in a second: engine seconds are summed the same way


def units_of(cost: float | None) -> int:
    """A stored cost in units; 0 for None."""
    return 0 if cost is None else round(cost * UNITS)


def micros_of(seconds: float | None) -> int:
    """Seconds in whole millionths; 0 for None."""
    return 0 if seconds is None else round(seconds * MICROS)


def amount(units: int) -> Decimal:
    """Units as an exact amount of the currency."""
    return Decimal(units) / UNITS


def shown(units: int, currency: str | None) -> str:
    """An amount for people: four significant digits and two places at least, `1,234.50 USD`."""
    exact = amount(units)
    places = 2 if abs(exact) >= 100 or exact == 0 else max(2, 3 - exact.adjusted())
    return f"{exact:,.{min(places, 12)}f}{f' {currency}' if currency else ''}"
