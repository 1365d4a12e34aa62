"""Queries of the comparison page: evaluations and stored replays, problems on which two models differ, curves, costs.

The numbers are those of `rollmill leaderboard`, `compare` and `measure`; nothing is estimated here.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rollmill.ground.errors import SetupError
from rollmill.ground.files import read_object
from rollmill.metrics import pass_rate
from rollmill.metrics.registry import MetricRow, measure
from rollmill.metrics.sample import Options
from rollmill.storage.queries.browse.problems import prompt_text
from rollmill.storage.queries.comparisons.comparison import paired
from rollmill.storage.queries.comparisons.sides import Side
from rollmill.storage.queries.reader import Reader

REPLAYS = Path("replays")  # of a workspace: where the page stores and reads the results of `rollmill replay`


def evaluations(reader: Reader) -> list[str]:
    """Names of the evaluations, the latest first."""
    cells = [run.recipe["cell"]["evaluation"] for run in reader.runs.list() if run.recipe.get("cell")]
    return list(dict.fromkeys(map(str, cells)))


@dataclass(frozen=True, slots=True)
class Flip:
    """A problem of both sides, with their rates of correct completions and links to its rollouts."""

    problem: str
    prompt: str
    before: float
    after: float


def flips(reader: Reader, first: Side, second: Side, most: int) -> list[Flip]:
    """The problems on which two sides differ, the largest changes first, at most `most`."""
    pairing = paired(first, second)
    changed = [(b - a, p, a, b) for p, a, b in zip(pairing.problems, pairing.before, pairing.after, strict=True) if a != b]
    changed = sorted(changed, key=lambda change: (-abs(change[0]), change[0], change[1]))[:most]
    prompts = {
        problem.id: prompt_text(problem.prompt) for problem in reader.fetch("problems", [change[1] for change in changed])
    }
    return [Flip(p, prompts.get(p, ""), a, b) for _, p, a, b in changed]


@dataclass(frozen=True, slots=True)
class Price:
    """A model's cost on one benchmark: mean tokens of a completion, and the pass rate with its 95% interval."""

    model: str
    benchmark: str
    tokens: float
    value: float
    low: float
    high: float


def prices(sides: Sequence[Side]) -> list[Price]:
    """Prices of the sides with known tokens."""
    rows = []
    for side in sides:
        estimate = pass_rate(side.counts.judged_only()).estimate
        if side.tokens is not None and estimate is not None:
            rows.append(Price(side.model, side.benchmark, side.tokens, estimate.value, estimate.low, estimate.high))
    return rows


@dataclass(frozen=True, slots=True)
class SideMetric:
    """A metric's rows for one side; `why` gives the reason if its completions do not allow the metric."""

    model: str
    benchmark: str
    rows: tuple[MetricRow, ...]
    why: str = ""


def metric_of(sides: Sequence[Side], metric: str, score: str | None = None) -> list[SideMetric]:
    """A metric of each side, or the reason for its absence; `score`: the score for metrics of scores."""
    metrics = []
    for side in sides:
        try:
            rows = measure(side.pool, metric, Options(score=score))
            metrics.append(SideMetric(side.model, side.benchmark, tuple(rows)))
        except SetupError as error:
            metrics.append(SideMetric(side.model, side.benchmark, (), error.message))
    return metrics


def scores_of(sides: Sequence[Side]) -> list[str]:
    """The names of all scores of these sides, in order."""
    return sorted({score for side in sides for score in side.pool.scores})


def replays(root: Path, pools: Collection[str]) -> list[dict[str, Any]]:
    """The stored replays of these runs and versions, by folder; SetupError for a damaged file."""
    reports = [
        read_object(path, next_command=f"rollmill replay POOL --out {path.parent.relative_to(root)}")
        for path in sorted((root / REPLAYS).glob("**/replay.json"))
    ]
    return [report for report in reports if report.get("pool") in pools]
