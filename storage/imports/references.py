"""References of the prompts in a file: a prompt that has two of them teaches both answers, so its rows are faults."""

from dataclasses import dataclass, field
from pathlib import Path

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Problem
from rollmill.ground.solutions import asked, plain_reference
from rollmill.storage.imports.reading.columns import listed
from rollmill.storage.imports.reading.faults import Faults


@dataclass(slots=True)
class References:
    """Reference and place of each row, by its prompt without differences in white space and by its tests."""

    rows: dict[int, list[str]] = field(default_factory=dict)

    def add(self, problem: Problem, where: str) -> None:
        """Record a row."""
        # One flat list a prompt: a million problems are held at once.
        self.rows.setdefault(hash((asked(problem.prompt), problem.tests)), []).extend((problem.reference, where))

    def require_one(self, path: Path, faults: Faults) -> None:
        """Raise SetupError with the prompts that have several references, or record each of their rows as a fault."""
        several = [row for row in self.rows.values() if len(set(map(plain_reference, row[::2]))) > 1]
        for row in several if faults.gather else ():
            for reference, where in zip(row[::2], row[1::2], strict=True):
                other, there = _other(row, reference)
                message = f"its prompt has the reference {_short(reference)} here and {_short(other)} in {there}"
                faults.add(where, message)
        if several and not faults.gather:
            named = listed(_first_two(row) for row in several)
            raise SetupError(
                f"{path} has prompts with several references: {named}; nothing was stored.",
                next_command="correct them, or --set-aside FILE leaves them out",
            )


def _other(row: list[str], reference: str) -> tuple[str, str]:
    """The first other reference of a prompt, and its place."""
    pairs = zip(row[::2], row[1::2], strict=True)
    return next((other, where) for other, where in pairs if plain_reference(other) != plain_reference(reference))


def _first_two(row: list[str]) -> str:
    other, where = _other(row, row[0])
    return f"{_short(row[0])} ({row[1]}) and {_short(other)} ({where})"


def _short(reference: str) -> str:
    return repr(reference if len(reference) <= 40 else reference[:39] + "…")
