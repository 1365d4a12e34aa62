"""Specification of an import, and the report of its actual or intended effect."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from rollmill.ground.errors import SetupError
from rollmill.ground.ids import canonical_json
from rollmill.ground.records import Completion, Problem
from rollmill.storage.import_records import producer_of
from rollmill.storage.imports.account import ColumnUse
from rollmill.storage.imports.reading.faults import FaultKind, Faults
from rollmill.storage.imports.reading.layouts import Layout
from rollmill.storage.imports.reading.lines import FileRow

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class ImportSpec:
    """An import's file, name, column mapping, and constants for fields without a column.

    `problems` names the imported problem set that rollouts belong to; without it the rollouts file must carry its problems.
    `layout`: the required published form of the file. `batch_rows`: the most rows in memory at once. `rows`: function that
    opens the file's rows, for a file whose suffix does not name its form; `log`: a digest of the whole log. `update`: the
    file's labels replace those of answers already in the import. `whole`: columns with a list for the whole row, rather
    than an item per answer. `set_aside`: the file for rows with a fault. `max_bytes`: limit of the unfolded file, see
    rollmill.storage.imports.reading.limits.
    """

    path: Path
    name: str
    maps: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)
    problems: str | None = None
    batch_rows: int = 5_000
    layout: Layout | None = None
    rows: Callable[[], Iterator[FileRow]] | None = None
    log: str = ""
    update: bool = False
    whole: tuple[str, ...] = ()
    set_aside: Path | None = None
    max_bytes: int | None = None

    def __post_init__(self) -> None:
        if self.layout is not None and self.maps:
            raise SetupError(f"--benchmark {self.layout.name} defines every column, so --map is for imports without it.")
        for name in (self.name, self.problems):
            if name is not None and not _NAME.fullmatch(name):
                raise SetupError(f"{name!r} cannot name an import: use at most 64 letters, digits, '.', '_' or '-'.")
        if self.set_aside is not None:
            self._check_set_aside(self.set_aside)

    def _check_set_aside(self, out: Path) -> None:
        if out.is_dir():
            raise SetupError(f"{out} is a folder; rows are set aside in a file.", next_command="--set-aside FILE")
        # It is written before anything is stored, and the rows that were to be imported would be gone.
        if out.resolve().is_relative_to(self.path.resolve()):
            message = f"{out} is part of the imported data, and would be overwritten."
            raise SetupError(message, next_command="--set-aside ANOTHER-FILE")

    @property
    def sets(self) -> tuple[str, ...]:
        """The names of the imports that this one depends on."""
        return (self.name,) if self.problems in (None, self.name) else (self.name, str(self.problems))

    @property
    def producer(self) -> str:
        """The producer under which the rows are stored."""
        return producer_of(self.name)


@dataclass(frozen=True, slots=True)
class ImportCount:
    """Rows of one kind: new to this import, or already there from an earlier one."""

    new: int = 0
    already: int = 0


@dataclass(frozen=True, slots=True)
class ImportReport:
    """The result of one import; `of` is the problem set that rollouts belong to, `samples` the first rows as stored.

    `faults`: mistakes of rows, kind by kind; `set_aside`: how many rows were left out for it; `uses`: how each column of
    the file was used.
    """

    name: str
    file: str
    rows: int
    of: str | None = None
    problems: ImportCount = ImportCount()
    completions: ImportCount = ImportCount()
    mapping: dict[str, str] = field(default_factory=dict)
    columns: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    samples: tuple[dict[str, Any], ...] = ()
    dry_run: bool = False
    format: str = ""
    faults: tuple[FaultKind, ...] = ()
    set_aside: int = 0
    uses: tuple[ColumnUse, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The report as plain JSON values."""
        return asdict(self)


class Findings(NamedTuple):
    """Results of a pass through a file: rows, notes, the first rows as samples, rows with a fault, uses of its columns."""

    rows: int
    notes: Sequence[str]
    samples: Sequence[dict[str, Any]]
    faults: Faults
    uses: Sequence[ColumnUse] = ()


_WIDTH = 160


def sample(record: Problem | Completion) -> dict[str, Any]:
    """The filled fields of a record, long texts cut."""
    if isinstance(record, Problem):
        names = [
            "external_id",
            "prompt",
            "reference",
            "kind",
            "tests",
            "source",
            "split",
            "level",
            "skill",
            "template",
            "meta",
        ]
    else:
        names = ["model", "sample_index", "text", "finish_reason", "messages", "meta"]
    values = {name: getattr(record, name) for name in names}
    return {name: _shown(value) for name, value in values.items() if value not in (None, "", (), {})}


def _shown(value: Any) -> Any:
    if isinstance(value, int | float):
        return value
    if isinstance(value, tuple):
        return f"{len(value)} {'tests' if value and isinstance(value[0], str) else 'turns'}"
    text = value if isinstance(value, str) else canonical_json(value)
    return text if len(text) <= _WIDTH else text[: _WIDTH - 1] + "…"
