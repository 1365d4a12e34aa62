"""The time that a run still takes, in one place for terminal and dashboard: rows still to come over rows per second.

The number of rows of the whole run is a separate forecast (rollmill.pipelines.budget.forecasts.whole_run); if that is an
interval, so is the time.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

ENDS = ("median", "low", "high")


@dataclass(frozen=True, slots=True)
class TimeLeft:
    """Seconds, and the ends of the 95% interval; the ends are equal where the number of rows is certain."""

    seconds: float
    low: float
    high: float

    def __str__(self) -> str:
        """Such as `12 s left` and `about 58 s left (40 s to 2 min)`."""
        ends = duration(self.low), duration(self.high)
        if ends[0] == ends[1]:
            return f"{duration(self.seconds)} left"
        return f"about {duration(self.seconds)} left ({ends[0]} to {ends[1]})"


def time_left(done: int, whole: Mapping[str, Any], rate: float | None) -> TimeLeft | None:
    """Time left in one stage. `done`: its rows; `whole`: rows of the run (median, low, high); `rate`: rows per second.

    `whole` has a `weight` where rows to come take longer or shorter than those before. None if nothing says how fast it
    is, or nothing is left.
    """
    if not rate or rate <= 0 or whole["high"] <= done:
        return None
    weight: Mapping[str, float] = whole.get("weight", {})
    return TimeLeft(*(max(0.0, whole[name] - done) / rate * weight.get(name, 1.0) for name in ENDS))


def longest(parts: Iterable[TimeLeft | None]) -> TimeLeft | None:
    """The slowest of parallel stages."""
    return max((part for part in parts if part is not None), key=lambda part: part.seconds, default=None)


def whole_of(detail: Mapping[str, Any], total: int) -> dict[str, Any]:
    """The rows of the whole run as a stage reports them; else those planned so far."""
    given: Mapping[str, Any] = detail.get("whole") or {}
    rows = {name: max(float(total), float(given.get(name, total))) for name in ENDS}
    return {**rows, "weight": given["weight"]} if "weight" in given else rows


def duration(seconds: float) -> str:
    """A duration in the unit that people would use: `58 s`, `12 min`, `3.4 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
