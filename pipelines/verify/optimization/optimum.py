"""An optimum: a value, or that there is none. Reading the reference's and comparing two. Knows no model and no solver."""

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

Status = Literal["optimal", "infeasible", "unbounded"]
ABSOLUTE = 1e-9
"""Values closer than this are the same, whatever their size: the solver's own zero."""
_NUMBER = re.compile(r"[-+]?(?:\d+(?:,\d{3})*(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d{1,3})?(?:\s*/\s*\d+)?")


@dataclass(frozen=True, slots=True)
class Optimum:
    """What solving a model comes to; `value` only where it is optimal."""

    status: Status
    value: float | None = None

    def form(self) -> str:
        """As text, with twelve digits."""
        return self.status if self.value is None else f"{self.value:.12g}"

    def difference(self, other: "Optimum") -> float | None:
        """The difference of two values relative to the larger, None where one has none."""
        if self.value is None or other.value is None:
            return None
        gap = abs(self.value - other.value)
        return 0.0 if gap <= ABSOLUTE else gap / max(abs(self.value), abs(other.value))

    def same(self, other: "Optimum", tolerance: float) -> bool:
        """Whether both are the same outcome, with values within a relative tolerance. Symmetric."""
        difference = self.difference(other)
        return self.status == other.status and (difference is None or difference <= tolerance)


def optimum_of(given: Any) -> Optimum | None:
    """The optimum that a reference states: a number, "infeasible" or "unbounded"; None where it states none."""
    if isinstance(given, (int, float)) and not isinstance(given, bool):
        return Optimum("optimal", float(given)) if abs(given) < 1e300 else None
    if not isinstance(given, str):
        return None
    text = given.rpartition("####")[2].strip().rstrip(".").lower()
    if text in ("infeasible", "unbounded"):
        return Optimum("infeasible" if text == "infeasible" else "unbounded")
    if len(text) > 100 or not _NUMBER.fullmatch(text):
        return None
    try:
        value = float(Fraction(text.replace(",", "").replace(" ", ""))) if "/" in text else float(text.replace(",", ""))
    except (ValueError, ZeroDivisionError, OverflowError):
        return None
    return Optimum("optimal", value) if abs(value) < 1e300 else None
