"""Tokens per second of a piece of work, by the clock and by processor time. Knows no engine.

On a machine that does other work as well, the clock says what is left over and processor time what the work costs.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import psutil


@dataclass(frozen=True, slots=True)
class Speed:
    """Tokens, and the wall and processor seconds they took."""

    tokens: int
    wall: float
    cpu: float

    def row(self) -> dict[str, int]:
        """As printed."""
        return {"tokens/s": round(self.tokens / self.wall), "tokens/cpu s": round(self.tokens / self.cpu)}


def timed(work: Callable[[], int]) -> Speed:
    """Speed of `work` in tokens; processor time is of this process and all its descendants."""
    wall, cpu = time.perf_counter(), cpu_seconds()
    tokens = work()
    return Speed(tokens, time.perf_counter() - wall, cpu_seconds() - cpu)


def cpu_seconds() -> float:
    """Of this process and all its descendants, those that ended and were waited for included."""
    me = psutil.Process()
    return _of(me) + sum(map(_of, me.children(recursive=True)))


def _of(process: psutil.Process) -> float:
    try:
        return float(sum(process.cpu_times()[:4]))  # user, system, and both of its ended children
    except psutil.Error:
        return 0.0
