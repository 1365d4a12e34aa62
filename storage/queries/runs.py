"""Runs and how far they are, from the ledger alone. Reads no row of a segment."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pandas as pd

from storage.queries.reader import Reader
from storage.runs import Run


@dataclass(frozen=True, slots=True)
class RunSummary:
    """One run for a list. `summary` is what it left when it ended; `error` why it failed; `next_command` what to do."""

    id: str
    name: str
    status: str
    started_at: datetime
    finished_at: datetime | None
    recipe: dict[str, Any]
    recipe_hash: str
    dataset: str
    next_command: str
    error: str | None = None
    summary: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StageProgress:
    """How far one stage is, as last reported; `rate` is rows per second of that stage, None before it began.

    `detail.made`, where a stage tells it: the rows that this run itself drew or judged; the others were stored before.
    """

    stage: str
    done: int
    total: int
    tokens: int
    seconds: float
    updated_at: datetime
    detail: dict[str, Any] = field(default_factory=dict)

    @property
    def share(self) -> float | None:
        """Part done, 0 to 1; None while the total is unknown."""
        return self.done / self.total if self.total else None

    @property
    def rate(self) -> float | None:
        """Rows per second, of those that it made itself; None where everything was there already."""
        made = int(self.detail.get("made", self.done))
        return made / self.seconds if made and self.seconds > 0 else None


def runs(reader: Reader) -> list[RunSummary]:
    """All runs, the latest first; pilots behind the others."""
    return [_summary(run) for run in sorted(reader.runs.list(), key=lambda run: run.is_pilot)]


def run_progress(reader: Reader, run_id: str) -> list[StageProgress]:
    """The stages of a run in the order in which they work; SetupError where there is no such run."""
    reader.runs.get(run_id)
    names = ("synthesize", "draw", "verify", "score", "decide", "select", "gate", "publish")  # decide: select's name once
    order = {name: place for place, name in enumerate(names)}
    found = [
        StageProgress(one.stage, one.done, one.total, one.tokens, one.seconds, one.updated_at, one.detail)
        for one in reader.runs.progress_of(run_id)
    ]
    return sorted(found, key=lambda stage: (order.get(stage.stage, len(order)), stage.stage))


def _summary(run: Run) -> RunSummary:
    dataset = str(run.recipe.get("dataset") or run.name)
    return RunSummary(
        id=run.id,
        name=run.name,
        status=run.state,
        started_at=run.started_at,
        finished_at=run.finished_at,
        recipe=run.recipe,
        recipe_hash=run.recipe_hash,
        dataset=dataset,
        next_command=_next_command(run, dataset),
        error=run.summary.get("error"),
        summary=run.summary,
    )


def _next_command(run: Run, dataset: str) -> str:
    if run.status != "running" and "next" in run.summary:
        return str(run.summary["next"])
    if run.status == "done":
        return f"rollmill dataset show {dataset}"
    return f"rollmill runs watch {run.id}" if run.status == "running" else f"rollmill runs resume {run.id}"


def forecast_of(reader: Reader, run_id: str) -> pd.DataFrame | None:
    """A row per quantity: median, ends of the 95% interval, what came, whether it held; None without a forecast."""
    made = reader.forecast(run_id)
    if made is None or made.score is None:
        return None
    rows: list[dict[str, Any]] = []
    for name, score in made.score["quantities"].items():
        said = made.forecast["quantities"][name]
        row = {"quantity": name, **{key: said[key] for key in ("median", "low95", "high95")}}
        rows.append({**row, "actual": score["actual"], "held": score["inside95"]})
    return pd.DataFrame(rows)
