"""What a person asked to import. Knows nothing of rows or of the workspace."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from storage.errors import SetupError
from storage.imported import producer_of

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class ImportSpec:
    """One import: the file, the name it gets, how its columns map, and constants for fields without a column.

    `problems` names the imported problem set that rollouts belong to; without it the rollouts file must carry its problems.
    `batch_rows` bounds the memory: at most that many rows are held at once.
    """

    path: Path
    name: str
    maps: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)
    problems: str | None = None
    batch_rows: int = 5_000

    def __post_init__(self) -> None:
        for name in (self.name, self.problems):
            if name is not None and not _NAME.fullmatch(name):
                raise SetupError(f"{name!r} cannot name an import: use at most 64 letters, digits, '.', '_' or '-'.")

    @property
    def sets(self) -> tuple[str, ...]:
        """The names of the imports whose rows this one relies on."""
        return (self.name,) if self.problems in (None, self.name) else (self.name, str(self.problems))

    @property
    def producer(self) -> str:
        """The producer under which the rows are stored."""
        return producer_of(self.name)
