"""Intervals of sums and ratios of independent estimates from the intervals of their parts. Knows nothing of what they are.

MOVER, the method of variance estimates recovery: it keeps the skewness of its parts, so a part without events keeps its
one-sided room and never gives an interval without width.
"""

import math
from collections.abc import Sequence

Interval = tuple[float, float, float]
"""(value, low, high)."""


def mover_sum(terms: Sequence[tuple[float, Interval]]) -> Interval:
    """The sum of c * part over (c, part) of independent parts (Zou & Donner 2008, Stat. Med. 27, eqs. 7 and 8)."""
    value = math.fsum(c * part[0] for c, part in terms)
    down = math.fsum((c * (part[0] - (part[1] if c > 0 else part[2]))) ** 2 for c, part in terms)
    up = math.fsum((c * ((part[2] if c > 0 else part[1]) - part[0])) ** 2 for c, part in terms)
    return value, value - math.sqrt(down), value + math.sqrt(up)


def mover_ratio(top: Interval, bottom: Interval) -> Interval | None:
    """top / bottom of independent, non-negative parts (Donner & Zou 2012, Stat. Methods Med. Res. 21, eq. 8).

    None where bottom is 0; the upper end is infinite where bottom's interval reaches 0.
    """
    (a, a_low, a_high), (b, b_low, b_high) = top, bottom
    if b <= 0.0:
        return None
    product = a * b
    low = product - math.sqrt(max(0.0, product**2 - a_low * b_high * (2 * a - a_low) * (2 * b - b_high)))
    low_scale = b_high * (2 * b - b_high)
    lowest = low / low_scale if low_scale > 0 else a_low / b_high
    high_scale = b_low * (2 * b - b_low)
    if high_scale <= 0.0:
        return a / b, max(0.0, lowest), math.inf
    high = product + math.sqrt(max(0.0, product**2 - a_high * b_low * (2 * a - a_high) * (2 * b - b_low)))
    return a / b, max(0.0, min(lowest, a / b)), max(a / b, high / high_scale)
