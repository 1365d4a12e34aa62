"""The table of runs: a line for each run, and one for all cells of an evaluation, with the numbers that the ledger holds.

Nothing is estimated here, and no rollout is read: a pass rate is the one that the run's summary recorded, tokens and money
are the run's payments. What is not known is None.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rollmill.ground.recipe_steps import recorded_steps, takes_imports
from rollmill.storage.runs import Run
from rollmill.storage.spending import Sums, money_text

REFUSED = "gate refused"
URGENCY = ("running", "killed", "failed", "interrupted", "stopped", "dismissed", "done")  # of an evaluation's cells


@dataclass(frozen=True, slots=True)
class RunLine:
    """A run, or an evaluation with its `cells`, in the table of runs.

    `recipe`: its name; for a cell, that of its evaluation. `kept`: rows of the version that it published. `rate`: pass rate
    with the ends of its 95% interval. `spent`: payments of all its commands.
    """

    id: str
    status: str
    recipe: str
    started: datetime
    seconds: float | None
    problems: int | None
    kept: int | None
    models: tuple[str, ...]
    rate: tuple[float, float, float] | None
    spent: Sums | None
    currency: str | None
    cells: tuple["RunLine", ...] = ()

    @property
    def tokens(self) -> int | None:
        """Tokens in and out that it paid for."""
        return None if self.spent is None else self.spent.tokens

    @property
    def money(self) -> str | None:
        """Cost for people; None if no price is known."""
        text = "-" if self.spent is None else money_text(self.spent, self.currency)
        return None if text == "-" else text

    def row(self) -> dict[str, Any]:
        """The numbers as JSON values."""
        value, low, high = self.rate or (None, None, None)
        numbers = {"pass_rate": value, "low": low, "high": high, "tokens": self.tokens, "money": self.money}
        return {"seconds": self.seconds, **numbers, "models": list(self.models), "kept": self.kept}


def run_lines(runs: Sequence[Run], paid: Mapping[str, Sums]) -> list[RunLine]:
    """A line for each of these runs, in their order; the cells of an evaluation are one, where the first of them is.

    `paid`: payments by run.
    """
    lines: dict[str, RunLine | list[Run]] = {}
    for run in runs:
        cell = run.recipe.get("cell")
        if cell is None:
            lines[run.id] = run_line(run, paid)
        else:
            cells = lines.setdefault(str(cell["evaluation"]), [])
            assert isinstance(cells, list)
            cells.append(run)
    return [_evaluation(name, line, paid) if isinstance(line, list) else line for name, line in lines.items()]


def run_line(run: Run, paid: Mapping[str, Sums]) -> RunLine:
    """The line of one run; `paid`: payments by run."""
    summary, recipe = run.summary, run.recipe
    funnel = summary.get("funnel", {})
    cell = recipe.get("cell", {})
    # A run without payments drew nothing, or is older than payments; its summary tells which.
    nothing = Sums() if summary.get("spent", {}).get("drawn") == 0 else None
    return RunLine(
        id=run.id,
        status=REFUSED if run.refused else run.status,
        recipe=str(cell.get("evaluation") or recipe.get("name") or run.name),
        started=run.started_at,
        seconds=run.seconds,
        problems=funnel.get("problems", summary.get("problems")),
        kept=funnel.get("kept") if run.published else None,
        models=(str(cell["model"]),) if cell else _models(run),
        rate=_rate(summary.get("metrics")),
        spent=paid.get(run.id, nothing),
        currency=summary.get("currency"),
    )


def _evaluation(name: str, runs: Sequence[Run], paid: Mapping[str, Sums]) -> RunLine:
    """The line of an evaluation: of a cell that was measured again, the newest run counts."""
    cells = [run_line(run, paid) for run in runs]
    # Runs come the newest first, so in reverse the newest of a cell is set last.
    newest = list({run.name: line for run, line in zip(reversed(runs), reversed(cells), strict=True)}.values())
    seconds, spent = [line.seconds for line in newest], [line.spent for line in newest]
    known_seconds = [value for value in seconds if value is not None]
    known_sums = [value for value in spent if value is not None]
    return RunLine(
        id=name,
        # One cell that still runs or failed decides for the whole evaluation.
        status=min((line.status for line in newest), key=URGENCY.index),
        recipe=name,
        started=min(line.started for line in newest),
        # A sum without one of the cells would look like that of all.
        seconds=sum(known_seconds) if len(known_seconds) == len(newest) else None,
        problems=None,
        kept=None,
        models=tuple(dict.fromkeys(model for line in newest for model in line.models)),
        rate=None,
        spent=sum(known_sums, Sums()) if len(known_sums) == len(newest) else None,
        currency=next((line.currency for line in newest if line.currency), None),
        cells=tuple(cells),
    )


def _models(run: Run) -> tuple[str, ...]:
    """The models that its recipe asks; of imported rollouts, those that its summary measured."""
    if takes_imports(run.recipe):
        metrics = run.summary.get("metrics")
        return tuple(map(str, metrics.get("models", ()))) if isinstance(metrics, dict) else ()
    asked = recorded_steps(run.recipe) or [run.recipe.get("generate", {})]
    # Steps without a model, such as `compose`, name their engine there.
    named = [str(part["model"]) for part in asked if part.get("model") and part["model"] != part.get("engine")]
    return tuple(dict.fromkeys(named))


def _rate(metrics: Any) -> tuple[float, float, float] | None:
    """Pass rate of a summary: of a curated run over all problems, of a cell its pass@1."""
    if isinstance(metrics, dict):
        row, key = metrics.get("overall", {}), "pass_rate"
    else:
        of_cell = (row for row in metrics or () if row["metric"] == "pass@k" and row.get("k") == 1 and not row["group"])
        row, key = next(of_cell, {}), "value"
    return None if row.get(key) is None else (row[key], row["low"], row["high"])
