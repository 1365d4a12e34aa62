"""What the gate found: one entry per check, with the rows that failed. Knows no library and no file."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

NAMED = 1_000


@dataclass(frozen=True, slots=True)
class Check:
    """One rule: what it demands, what was found, and the rows against it (at most 1,000 named, all counted).

    `passed` is None for a check that could not run because an earlier one failed: that is no pass.
    """

    name: str
    passed: bool | None
    expected: str
    observed: str
    failing: tuple[str, ...] = ()
    failing_count: int = 0

    def line(self, shown: int = 3) -> str:
        """One line for a person."""
        state = {True: "passed", False: "FAILED", None: "not run"}[self.passed]
        rows = ", ".join(self.failing[:shown])
        more = self.failing_count - min(shown, len(self.failing))
        tail = f": {rows}{f' and {more:,} more' if more > 0 else ''}" if self.failing and self.passed is False else ""
        return f"{state}  {self.name}: expected {self.expected}, found {self.observed}{tail}"


@dataclass(frozen=True, slots=True)
class GateResult:
    """All checks in order. `facts` are the numbers the report shows: funnel, levels, evaluation overlap."""

    checks: tuple[Check, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)
    engine: str = ""

    @property
    def passed(self) -> bool:
        """Whether every check ran and passed."""
        return all(check.passed for check in self.checks)

    @property
    def failed(self) -> tuple[Check, ...]:
        """The checks that did not pass."""
        return tuple(check for check in self.checks if not check.passed)

    @property
    def json(self) -> dict[str, Any]:
        """The result as plain JSON values, the same for the same rows."""
        checks = [{**asdict(check), "failing": list(check.failing)} for check in self.checks]
        return {"passed": self.passed, "engine": self.engine, "checks": checks, "facts": dict(self.facts)}

    def lines(self) -> list[str]:
        """The checks that did not pass, one line each."""
        return [check.line() for check in self.failed]


def named(rows: list[str]) -> tuple[str, ...]:
    """The rows of a check that are named."""
    return tuple(rows[:NAMED])
