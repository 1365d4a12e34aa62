"""Faults of the rows of a file: the first one ends an import, or all are gathered, for a dry run or to be set aside."""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rollmill.ground.errors import SetupError
from rollmill.ground.files import json_line
from rollmill.storage.imports.reading.cells import plain
from rollmill.storage.imports.reading.lines import FileRow

SHOWN = 20  # places of each kind that a report lists
_SPECIFIC = re.compile(r"'(?:[^'\\]|\\.)*'|\"[^\"]*\"|-?\d+(?:\.\d+)?")
_LONGEST = 500  # characters of a reason


class RowError(SetupError):
    """A row that cannot be imported. `where` is its place, `reason` its mistake, with `joint` between them."""

    def __init__(self, path: Path, where: str, reason: str, joint: str = ": ") -> None:
        super().__init__(f"{path}, {where}{joint}{reason}; nothing was stored.")
        self.where, self.reason = where, reason


def log_error(path: Path, what: str, next_command: str | None = None) -> SetupError:
    """The error for a log that cannot be read as a whole."""
    return SetupError(f"{path}: {what}; nothing was stored.", next_command=next_command or "adopt a whole log")


@dataclass(frozen=True, slots=True)
class FaultKind:
    """Faults of one kind: the message of the first, their number, and the places of the first ones."""

    reason: str
    count: int
    places: tuple[str, ...]


class Faults:
    """The faults of one file by their places. `gather`: a fault is kept and its row left out; otherwise it is raised."""

    def __init__(self, path: Path, *, gather: bool = False) -> None:
        self._path, self.gather = path, gather
        self.reasons: dict[str, str] = {}

    def __contains__(self, where: str) -> bool:
        return where in self.reasons

    def __len__(self) -> int:
        return len(self.reasons)

    def add(self, where: str, error: Exception | str) -> None:
        """Record a fault; SetupError unless faults are gathered."""
        reason = error.reason if isinstance(error, RowError) else str(error)
        reason = reason.removeprefix(f"{self._path}, {where}").lstrip(": ").removesuffix("; nothing was stored.")
        if not self.gather:
            raise error if isinstance(error, SetupError) else RowError(self._path, where, reason)
        self.reasons.setdefault(where, reason[:_LONGEST])

    def kinds(self) -> tuple[FaultKind, ...]:
        """Kind by kind, the most frequent first."""
        by_kind: dict[str, list[str]] = {}
        for where, reason in self.reasons.items():
            by_kind.setdefault(_SPECIFIC.sub("...", reason), []).append(where)
        kinds = (FaultKind(self.reasons[places[0]], len(places), tuple(places[:SHOWN])) for places in by_kind.values())
        return tuple(sorted(kinds, key=lambda kind: -kind.count))

    def write(self, rows: Iterable[FileRow], out: Path) -> None:
        """Write the rows that have a fault, with it, as JSON lines; SetupError if that cannot be."""
        temporary = out.with_name(f".{out.name}.tmp")
        try:
            temporary.unlink(missing_ok=True)  # of a killed command, or a link that came with the folder
            with temporary.open("x", encoding="utf-8", errors="replace") as file:
                file.writelines(map(json_line, self._lines(rows)))
            temporary.replace(out)
        except OSError as error:
            raise SetupError(
                f"cannot write {out}: {error.strerror or error}; nothing was stored.", next_command="--set-aside FILE"
            ) from error
        finally:
            with suppress(OSError):  # its folder may be none
                temporary.unlink(missing_ok=True)

    def _lines(self, rows: Iterable[FileRow]) -> Iterator[Mapping[str, Any]]:
        for row in rows:
            if row.where in self.reasons:
                yield {"place": row.where, "reason": self.reasons[row.where], "row": plain(row.values)}
