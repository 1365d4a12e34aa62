"""What an import did, or would do: the counts, the column mapping and samples. Prints nothing itself."""

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Count:
    """Rows of one kind: new to this import, or already there from an earlier one."""

    new: int = 0
    already: int = 0

    def __add__(self, other: "Count") -> "Count":
        return Count(self.new + other.new, self.already + other.already)


@dataclass(frozen=True, slots=True)
class ImportReport:
    """The result of one import; `of` is the problem set that rollouts belong to, `samples` the first rows as stored."""

    name: str
    file: str
    rows: int
    of: str | None = None
    problems: Count = Count()
    completions: Count = Count()
    mapping: dict[str, str] = field(default_factory=dict)
    columns: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    samples: tuple[dict[str, Any], ...] = ()
    dry_run: bool = False
    format: str = ""

    def to_json(self) -> dict[str, Any]:
        """The report as plain JSON values."""
        return asdict(self)
