"""The job `evaluate`: every cell of an evaluation drawn and judged like any run, then measured.

Stored completions are not drawn again. The numbers of a cell are in the ledger, and are recomputed whenever they are shown.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rollmill.flows.driver import DIRECT, Executor
from rollmill.flows.evaluation.alert import check_alerts, drops
from rollmill.flows.evaluation.evaluation_report import write_reports
from rollmill.flows.job import Job
from rollmill.flows.jobs.curate import draw_and_score
from rollmill.flows.jobs.record import end_run, repair_attempts, worked_on
from rollmill.flows.limits import check_refused
from rollmill.flows.problems import preview_problems
from rollmill.flows.progress import Progress
from rollmill.flows.recipe.evaluations import LoadedEvaluationRecipe, MetricPart, load_evaluation
from rollmill.flows.recipe.load import LoadedRecipe
from rollmill.flows.recipe.methods import resolve
from rollmill.flows.recipe.schema import Method
from rollmill.flows.rounds import OpenRun
from rollmill.flows.session import Session, open_session
from rollmill.ground.errors import SetupError, unknown_name
from rollmill.ground.replies.faults import reply_counts
from rollmill.storage.queries import Reader
from rollmill.storage.queries.comparisons.sides import by_model

if TYPE_CHECKING:
    from rollmill.ground.pool import Pool
    from rollmill.metrics.sample import Options
    from rollmill.storage.queries import Scope
    from rollmill.storage.workspace import Workspace

Row = dict[str, Any]


class Evaluate:
    """Every benchmark asked of every model. `out`: where the reports go. `also`: more keys of a cell's row, by its run."""

    def __init__(
        self,
        job: Job,
        evaluation: LoadedEvaluationRecipe | None = None,
        out: Path | None = None,
        also: Callable[[OpenRun], Row] | None = None,
    ) -> None:
        self.job, self.evaluation = job, evaluation or load_evaluation(Path(job.recipe), sets=job.sets)
        self.out = out or Path(job.workspace) / "reports" / self.evaluation.recipe.name
        self.also = also

    def recipe(self) -> Row:
        """Canonical form of the evaluation."""
        return self.evaluation.canonical()

    @property
    def command(self) -> str:
        """The command line of the job."""
        return self.job.command

    def open(self, progress: Progress) -> AbstractContextManager[Session]:
        """A session in which each cell gets one of its own."""
        return open_session(self.job, progress)

    def prepare(self, session: Session) -> None:
        """Nothing: each cell opens its own run."""

    def stages(self, session: Session, executor: Executor) -> Row:
        """Draw, judge, score and measure every cell."""
        return evaluate(self.evaluation, session, executor, self.also)

    def run_of(self, session: Session) -> None:
        """No run of the job's own: each cell has one."""

    def report(self, outcome: Row) -> Row:
        """Write the reports; `reports` are their paths."""
        return {**outcome, "reports": [str(path) for path in write_reports(self.out, outcome)]}

    def check(self, outcome: Row) -> None:
        """FoundWanting if a metric fell by more than the evaluation's `alert` allows."""
        check_alerts(outcome)

    def line(self, outcome: Row) -> str:
        """Summary line: the number of cells measured and of completions drawn."""
        drawn = sum(cell["spent"]["drawn"] for cell in outcome["cells"])
        return f"{outcome['evaluation']}: {len(outcome['cells'])} cells measured, {drawn:,} drawn"


def evaluate(
    evaluation: LoadedEvaluationRecipe,
    session: Session,
    executor: Executor = DIRECT,
    also: Callable[[OpenRun], Row] | None = None,
) -> Row:
    """Draw, judge, score and measure every cell, as JSON values; LimitReached if the limit of one ends it.

    The cells of a model come one after another and share its engine, which is closed when another engine follows: two
    models may not fit into one memory.
    """
    rows = []
    cells = sorted(evaluation.cells, key=lambda cell: _model_place(evaluation, cell))
    check_groups(evaluation, session.workspace)
    for place, cell in enumerate(cells):
        assert cell.cell is not None
        if place and _engine(cell) != _engine(cells[place - 1]):
            session.engines.close()
        session.progress.begin(f"{cell.cell.benchmark} x {cell.cell.model} ({place + 1} of {len(cells)})")
        rows.append(_run_cell(session.of_cell(cell), cell, evaluation.recipe.metrics, executor, also))
    # Drawn model by model, shown as the recipe lists them.
    order = {cell.recipe.name: place for place, cell in enumerate(evaluation.cells)}
    rows.sort(key=lambda row: order[row["recipe"]])
    report: Row = {"evaluation": evaluation.recipe.name, "cells": rows, "messages": list(session.messages)}
    if evaluation.recipe.alert is not None:
        report["alerts"] = drops(Reader(session.workspace), rows, evaluation.recipe.alert)
    return report


def check_groups(evaluation: LoadedEvaluationRecipe, workspace: "Workspace") -> None:
    """SetupError, before anything is drawn, if a metric's `by` names what no benchmark's problems have."""
    from rollmill.storage.queries.pools import COLUMNS

    asked = {name for part in evaluation.recipe.metrics for name in part.by if name not in COLUMNS}
    if not asked:
        return
    # One cell of each benchmark suffices: all models are asked the same problems.
    benchmarks = {cell.cell.benchmark: cell for cell in evaluation.cells if cell.cell is not None}
    made = (preview_problems(workspace, cell).problems for cell in benchmarks.values())
    keys = {key for problems in made for problem in problems for key in problem.meta}
    for name in sorted(asked):
        if name.removeprefix("meta.") not in keys:
            raise unknown_name("group", name, [*COLUMNS, *(f"meta.{key}" for key in sorted(keys))])


def _model_place(evaluation: LoadedEvaluationRecipe, cell: LoadedRecipe) -> int:
    names = [model.name for model in evaluation.recipe.models]
    return names.index(cell.cell.model) if cell.cell is not None else -1


def _engine(cell: LoadedRecipe) -> Any:
    return None if cell.engine is None else cell.engine.canonical()


def _run_cell(
    session: Session,
    cell: LoadedRecipe,
    metrics: Sequence[MetricPart],
    executor: Executor,
    also: Callable[[OpenRun], Row] | None,
) -> Row:
    """Measurements of a cell, drawn and scored first; rows lost with a corrupt segment are made again."""
    with worked_on(session, cell) as run:
        for attempt in repair_attempts(session, run):
            with attempt:
                draw_and_score(run, executor)
                # Inside the attempt, because reading the rows back may be what finds a corrupt segment.
                row = _measured(run, metrics)
                more = {} if also is None else also(run)
        check_refused(run, row["replies"])
        end_run(run, "done", row)
    return {**row, **more, "spent": run.spent.row()}


def _measured(run: OpenRun, metrics: Sequence[MetricPart]) -> Row:
    """The numbers of a cell over its fixed prefix."""
    from rollmill.storage.queries import run_scope
    from rollmill.storage.queries.pools import scope_pool, with_meta

    scope = run_scope(Reader(run.workspace), run.id)
    # `missing`: a key that only another benchmark's problems have is no mistake here.
    pool = with_meta(scope, scope_pool(scope).pool, {name for part in metrics for name in part.by}, missing=True)
    cell = run.loaded.cell
    assert cell is not None
    return {
        "recipe": run.loaded.recipe.name,
        "run": run.id,
        "benchmark": cell.benchmark,
        "model": cell.model,
        "models": list(pool.models),
        **totals(pool),
        "replies": replies_of(scope),
        "metrics": [
            row for part in metrics for of_model in by_model(scope, pool) for row in _rows(of_model, part, run.loaded.base)
        ],
    }


def replies_of(scope: "Scope") -> Row:
    """Faults of the replies of a run, and how many of their texts are different."""
    with scope.connection("threads", "completions") as connection:
        return reply_counts(connection, "SELECT c.* FROM completions c SEMI JOIN threads t ON c.id = t.completion_id")


def totals(pool: "Pool") -> Row:
    """Counts of a pool: problems, rollouts by outcome, tokens (None if the imports give no token counts)."""
    from rollmill.metrics import funnel_of

    funnel = funnel_of(pool)
    return {
        "problems": funnel.problems,
        "rollouts": funnel.planned,
        **funnel.outcomes(),
        # -1 stands for unknown: it adds nothing, and a pool of such rollouts has no total.
        "tokens_out": int(pool.tokens.clip(min=0).sum()) if (pool.tokens >= 0).any() else None,
    }


def _rows(pool: "Pool", part: MetricPart, base: Path) -> list[Row]:
    """The rows of one metric; one that this pool does not allow is a row that says why."""
    from rollmill.metrics.registry import measure

    # `by_model` separates the models of an import; the group names the one that a row is of.
    by = ("model", *part.by) if len(pool.models) > 1 and "model" not in part.by else part.by
    try:
        return [row.row() for row in measure(pool, part.metric, options_of(part, base), by=by)]
    except SetupError as error:
        return [{"metric": part.metric, "group": {}, "value": None, "low": None, "high": None, "why": str(error)}]


def options_of(part: MetricPart, base: Path) -> "Options":
    """The options of a metric, as the evaluation's recipe gives them; a user's files are relative to `base`."""
    from rollmill.metrics.sample import Options

    # Keys that the recipe leaves out keep the default of the metric.
    keys: dict[str, Any] = part.model_dump(exclude={"metric", "by"}, exclude_unset=True)
    if isinstance(part.aggregator, Method):
        keys["aggregator"] = resolve("aggregator", part.aggregator.method, part.aggregator.options, base=base).build()
    return Options.of_mapping(keys)
