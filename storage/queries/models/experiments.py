"""Trials and loops: the state of each, and the numbers of its report, as its command wrote them."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rollmill.kinds import experiment_verbs
from rollmill.storage.queries.reader import Reader

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
            state.id,
            state.kind,
            state.name,
            state.status,
            state.said,
            state.error,
            state.started,
            state.command,
            reports.get(state.id),
        )
        for state in reader.experiments.all()
    ]
    known = {line.id for line in lines}
    for name, path in reports.items():
        if name not in known:  # of another clone, or of a version before states were kept
            made = datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat(timespec="seconds")
            kind, _, title = name.partition("/")
            lines.append(ExperimentLine(name, kind, title, "done", "", "", made, None, path))
    return sorted(lines, key=lambda line: (line.works, line.started, line.id), reverse=True)


def _reports(reader: Reader) -> dict[str, Path]:
    reports = {}
    for kind in experiment_verbs():
        for path in (reader.root / "reports").glob(f"*/{kind}.json"):
            reports[f"{kind}/{path.parent.name}"] = path
    return reports


def experiment_of_process(reader: Reader, pid: int) -> str | None:
    """Id of the trial or loop that a process of this host works on; None while it works on none."""
    return reader.experiments.of_process(pid)


def experiment_report(line: ExperimentLine) -> Row | None:
    """The numbers of its report; None without one that can be read."""
    try:
        value = json.loads(line.report.read_text(encoding="utf-8")) if line.report is not None else None
    # A page shows the other experiments even if one report is damaged or being written.
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None


@dataclass(frozen=True, slots=True)
class Difference:
    """The difference of one arm in one measure, with its interval. `scale`: measures with the same scale share a chart.

    `by_seed`: the difference for each seed. `shares`: shares of problems, seeds and residual in its variance; empty if
    unknown.
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


def differences(report: Row) -> list[Difference]:
    """The differences of a trial's report, in its order; rows that lack a number are left out."""
    return [difference for row in _rows(report, "comparisons") if (difference := _difference(row)) is not None]


def _difference(row: Row) -> Difference | None:
    numbers = [row.get(key) for key in ("value_before", "value_after", "difference", "low", "high", "confidence", "p")]
    if not all(_is_number(number) for number in numbers):
        return None
    before, after, value, low, high, confidence, p = (float(number) for number in numbers if number is not None)
    measure, shares = str(row.get("measure") or f"pass@{row.get('k')}"), row.get("shares")
    by_seed = row.get("by_seed")
    return Difference(
        str(row.get("arm")), str(row.get("against")), measure, RATES if row.get("k") else measure, before, after, value,
        low, high, confidence, p, tuple(filter(_is_number, by_seed if isinstance(by_seed, list) else ())),
        {name: share for name, share in shares.items() if _is_number(share)} if isinstance(shares, dict) else {},
    )  # fmt: skip


def sentences(report: Row) -> list[str]:
    """Sentences of a trial's report on its comparisons."""
    return [str(row["sentence"]) for row in _rows(report, "comparisons") if row.get("sentence")]


def _rows(report: Row, key: str) -> list[Row]:
    """The rows under a key of a report; whatever is no row is left out."""
    rows = report.get(key)
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _is_number(value: object) -> bool:
    # json.loads reads NaN and Infinity, and True is an int.
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


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
    before = report.get("before")
    start = {**(before if isinstance(before, dict) else {}), "round": 0, "model": report.get("base", "")}
    points = []
    for row in (start, *_rows(report, "rounds")):
        for key in ("pass@1", "pass@k"):
            if _is_number(row.get(key)) and _is_number(row.get("round")):
                name = key if key == "pass@1" else f"pass@{row.get('k', 'k')}"
                change = _interval(row.get(f"{key} since before"))
                points.append(RoundPoint(int(row["round"]), str(row.get("model", "")), name, float(row[key]), *change))
    return points


def _interval(change: object) -> tuple[float | None, float | None, float | None]:
    """A change with the ends of its interval; nothing where one is no number."""
    parts = [change.get(key) for key in ("difference", "low", "high")] if isinstance(change, dict) else []
    if not parts or not all(_is_number(part) for part in parts):
        return None, None, None
    return parts[0], parts[1], parts[2]
