"""Trials and loops: the state of each, and the numbers of its report, as its command wrote them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from storage.queries.reader import Reader

Row = Mapping[str, Any]
BAD_ENDS = ("failed", "interrupted", "killed")
RATES = "pass rate"
"""Scale of the measures pass@k."""


@dataclass(frozen=True, slots=True)
class ExperimentLine:
    """A trial or a loop. `id`: kind and name. `status`: running, done, failed, interrupted or killed. `said`: what a
    command under way did last. `command`: the command that goes on with it, None if only its report is here. `report`: the
    file.
    """

    id: str
    kind: str
    name: str
    status: str
    said: str
    error: str
    started: str
    command: str | None
    report: Path | None

    @property
    def works(self) -> bool:
        """True if a process works on it."""
        return self.status == "running"


def experiment_lines(reader: Reader) -> list[ExperimentLine]:
    """Every trial and loop with a state or a report in this workspace, the newest first."""
    reports = _reports(reader)
    lines = [
        ExperimentLine(
            one.id, one.kind, one.name, one.status, one.said, one.error, one.started, one.command, reports.get(one.id)
        )
        for one in reader.experiments.all()
    ]
    known = {line.id for line in lines}
    for name, path in reports.items():
        if name not in known:  # of another clone, or of a version before states were kept
            made = datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat(timespec="seconds")
            kind, _, title = name.partition("/")
            lines.append(ExperimentLine(name, kind, title, "done", "", "", made, None, path))
    return sorted(lines, key=lambda line: (line.works, line.started, line.id), reverse=True)


def _reports(reader: Reader) -> dict[str, Path]:
    found = {}
    for kind in ("trial", "loop"):
        for path in (reader.root / "reports").glob(f"*/{kind}.json"):
            found[f"{kind}/{path.parent.name}"] = path
    return found


def experiment_of_process(reader: Reader, pid: int) -> str | None:
    """Id of the trial or loop that a process of this host works on; None while it works on none."""
    return reader.experiments.of_process(pid)


def experiment_report(line: ExperimentLine) -> Row | None:
    """The numbers of its report; None without one that can be read."""
    try:
        value = json.loads(line.report.read_text(encoding="utf-8")) if line.report is not None else None
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None


@dataclass(frozen=True, slots=True)
class Difference:
    """The difference of one arm in one measure, with its interval. `scale`: measures of one scale share a picture.

    `by_seed`: the difference at each seed. `shares`: of problems, seeds and the rest in its variance; empty if not known.
    """

    arm: str
    against: str
    measure: str
    scale: str
    before: float
    after: float
    value: float
    low: float
    high: float
    confidence: float
    p: float
    by_seed: tuple[float, ...]
    shares: Mapping[str, float]
    problems: int


def differences(report: Row) -> list[Difference]:
    """The differences of a trial's report, in its order; rows that lack a number are left out."""
    found = []
    for row in report.get("comparisons") or ():
        measure = str(row.get("measure") or f"pass@{row.get('k')}")
        numbers = [row.get(key) for key in ("value_before", "value_after", "difference", "low", "high", "confidence", "p")]
        if all(isinstance(number, int | float) for number in numbers):
            before, after, value, low, high, confidence, p = (float(number) for number in numbers if number is not None)
            found.append(
                Difference(
                    str(row["arm"]), str(row["against"]), measure, RATES if row.get("k") else measure, before, after,
                    value, low, high, confidence, p, tuple(row.get("by_seed") or ()), row.get("shares") or {},
                    int(row.get("n", 0)),
                )
            )  # fmt: skip
    return found


@dataclass(frozen=True, slots=True)
class RoundPoint:
    """A measure of one round's model, and its change since the round before with its interval; None in round 0."""

    round: int
    model: str
    measure: str
    value: float
    change: float | None
    low: float | None
    high: float | None


def round_points(report: Row) -> list[RoundPoint]:
    """pass@1 and pass@k of a loop's rounds, from round 0, the initial model, on."""
    rows = [{"round": 0, "model": report.get("base", "")} | dict(report.get("before") or {}), *(report.get("rounds") or ())]
    points = []
    for row in rows:
        for key in ("pass@1", "pass@k"):
            change = row.get(f"{key} since before") or {}
            name = key if key == "pass@1" else f"pass@{row.get('k', 'k')}"
            if isinstance(row.get(key), int | float):
                parts = (change.get("difference"), change.get("low"), change.get("high"))
                points.append(RoundPoint(int(row["round"]), str(row["model"]), name, float(row[key]), *parts))
    return points
