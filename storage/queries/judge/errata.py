"""The error ledger of benchmarks: faulty problems that people recorded, each with its fault, the reason and who says so.

`errata.jsonl` beside `rollmill.toml`, for git: a line for each entry and each withdrawal. No line is changed or removed.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rollmill.ground.errors import SetupError, unknown_name
from rollmill.ground.files import json_line, locked, read_utf8, write_text
from rollmill.ground.ids import digest128

FILE = "errata.jsonl"
WRONG_REFERENCE = "wrong_reference"
FAULTS: Mapping[str, str] = {
    WRONG_REFERENCE: "the reference is wrong",
    "ambiguous": "several answers are right",
    "incomplete": "the prompt lacks something that the answer needs",
    "mismatch": "prompt and reference or tests belong to different problems",
    "duplicate": "it repeats another problem of the benchmark",
    "other": "any other fault; the reason says which",
}
AGAIN = "rollmill errata list"
LONGEST = 500  # characters of a reason


@dataclass(frozen=True, slots=True)
class Erratum:
    """A recorded fault of a problem. `reference`: the right one, by which its answers are judged again; None leaves the
    problem out. `withdrawn`: who withdrew it, when and why; empty while it counts.
    """

    id: str
    problem: str
    fault: str
    reason: str
    by: str
    at: str
    reference: str | None = None
    withdrawn: str = ""

    def row(self) -> dict[str, Any]:
        """The entry as JSON values."""
        return asdict(self)


class Errata:
    """The error ledger of the workspace at `root`."""

    def __init__(self, root: Path) -> None:
        self.path = root / FILE
        self._lock = root / ".rollmill" / "errata.lock"

    def all(self) -> list[Erratum]:
        """Every entry in the order of recording; SetupError for a damaged line."""
        entries: dict[str, Erratum] = {}
        for number, line in enumerate(self._text().removesuffix("\n").split("\n"), start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
                if "withdraws" in row:
                    entry = entries[row["withdraws"]]
                    entries[entry.id] = replace(entry, withdrawn=f"{row['by']}, {row['at']}: {row['reason']}")
                else:
                    entry = _entry(row)
                    entries[entry.id] = entry
            except (ValueError, KeyError, TypeError, RecursionError) as error:
                raise SetupError(
                    f"{self.path.name}, line {number} is no entry of an error ledger: {type(error).__name__}.",
                    next_command=f"git checkout -- {self.path.name}, or correct the line",
                ) from None
        return list(entries.values())

    def active(self) -> dict[str, Erratum]:
        """The entry that counts for each faulty problem: the latest one that is not withdrawn."""
        return {entry.problem: entry for entry in self.all() if not entry.withdrawn}

    def add(self, problem: str, fault: str, *, reason: str, by: str, reference: str | None = None) -> Erratum:
        """Record a fault; SetupError for an unknown fault, an empty reason or name, or the same entry again."""
        if fault not in FAULTS:
            raise unknown_name("fault", fault, FAULTS)
        if reference is not None and fault != WRONG_REFERENCE:
            raise SetupError(
                f"fault {fault!r} takes no reference: only {WRONG_REFERENCE} has a right one.",
                next_command=f"--fault {WRONG_REFERENCE} --reference TEXT",
            )
        words = _checked(reason, by)
        with locked(self._lock):
            same = (problem, fault, reference)
            # Under the lock, or two commands could record one fault twice.
            if any((entry.problem, entry.fault, entry.reference) == same for entry in self.active().values()):
                raise SetupError(f"this fault of problem {problem[:12]} is recorded already.", next_command=AGAIN)
            now = _now()
            # With the length: an entry withdrawn and made again in one second would have its old id.
            key = digest128([*same, *words, now, len(self._text())])[:8]
            entry = Erratum(key, problem, fault, *words, now, reference)
            stored = {name: value for name, value in entry.row().items() if name != "withdrawn"}
            self._append(stored)
        return entry

    def withdraw(self, entry_id: str, *, reason: str, by: str) -> Erratum:
        """Withdraw an entry: it stays in the ledger and counts no more."""
        words = _checked(reason, by)
        with locked(self._lock):
            known = {entry.id: entry for entry in self.all()}
            if entry_id not in known:
                raise unknown_name("erratum", entry_id, known, next_command=AGAIN)
            if known[entry_id].withdrawn:
                raise SetupError(f"erratum {entry_id} is withdrawn already.", next_command=AGAIN)
            self._append({"withdraws": entry_id, "reason": words[0], "by": words[1], "at": _now()})
        return {entry.id: entry for entry in self.all()}[entry_id]

    def _append(self, row: dict[str, Any]) -> None:
        text = self._text()
        begun = "\n" if text and not text.endswith("\n") else ""  # a person's editor may leave the last line open
        # Written whole and renamed: a kill during an append would leave a damaged line.
        write_text(self.path, text + begun + json_line(row, sort_keys=True))

    def _text(self) -> str:
        return read_utf8(self.path, next_command=f"git checkout -- {FILE}") if self.path.exists() else ""


def _entry(row: Any) -> Erratum:
    """The entry of a line; TypeError or ValueError for unknown fields or for values that are not texts."""
    entry = Erratum(**row)
    texts = (entry.id, entry.problem, entry.fault, entry.reason, entry.by, entry.at, entry.withdrawn)
    if not all(isinstance(text, str) for text in texts) or not isinstance(entry.reference, str | None):
        raise TypeError("values are texts")
    if entry.fault not in FAULTS:
        raise ValueError(f"no such fault: {entry.fault}")
    return entry


def _checked(reason: str, by: str) -> tuple[str, str]:
    for name, text in (("--reason", reason), ("--by", by)):
        if not text.strip() or len(text) > LONGEST:
            raise SetupError(f"{name} has 1 to {LONGEST} characters.", next_command=f"{name} TEXT")
    return reason.strip(), by.strip()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
