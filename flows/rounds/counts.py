"""Counts of a round, and of all rounds that a command drew and judged."""

from dataclasses import dataclass, fields
from typing import Any

from rollmill.ground.money import UNITS


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCounts:
    """Counts of completions. `reused`: completions that were stored when their round began. `tokens`: tokens of the
    completions drawn by this command.

    `redundant`: completions that were paid for although another command stored them first; claims prevent this while that
    command lives. `units`: cost of the draws (rollmill.ground.money).
    """

    planned: int = 0
    reused: int = 0
    drawn: int = 0
    redundant: int = 0
    judged: int = 0
    tokens: int = 0
    seconds: float = 0.0
    units: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundResult(RunCounts):
    """Result of one call of run_round. `drawing`: seconds from its first request to its last reply.

    `stopped`: the limit that ended it before the round was done.
    """

    round: int
    drawing: float
    stopped: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandCounts(RunCounts):
    """Counts of the rounds that this command drew and judged."""

    rounds: int = 0

    def plus(self, result: RunCounts) -> "CommandCounts":
        """The counts with those of one more round."""
        sums = {part.name: getattr(self, part.name) + getattr(result, part.name) for part in fields(RunCounts)}
        return CommandCounts(**sums, rounds=self.rounds + 1)

    def row(self) -> dict[str, Any]:
        """The record as JSON values."""
        row: dict[str, Any] = {"rounds": self.rounds}
        row |= {part.name: getattr(self, part.name) for part in fields(RunCounts)}
        row["cost"] = row.pop("units") / UNITS
        return {**row, "seconds": round(self.seconds, 3)}
