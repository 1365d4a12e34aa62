"""An evaluation as one job: every cell drawn and judged like any run, then measured. What is there is not drawn again.

Each cell ends in the ledger with its numbers, which are computed anew from its rows whenever they are asked for.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.curation.stages import Stages, end_run, failure_recorded, mending_attempts, worked_on
from flows.evaluation.alert import check_alerts, drops
from flows.evaluation.evaluation_report import write_reports
from flows.job import Job
from flows.problems import preview_problems
from flows.progress import CommandCounts, Progress, Stage
from flows.recipe import LoadedRecipe, resolve
from flows.recipe.evaluations import LoadedEvaluationRecipe, MetricPart, load_evaluation
from flows.recipe.schema import Method
from flows.session import RecipeRun, Session, open_session
from storage.errors import SetupError, unknown_name
from storage.queries import Reader
from storage.queries.sides import by_model

if TYPE_CHECKING:
    from pipelines.metrics.sample import Options
    from storage.pool import Pool
    from storage.workspace import Workspace

Row = dict[str, Any]
Watcher = Callable[[Stage], None]
PLAIN = Stages()


@contextmanager
def open_evaluation(job: Job, watcher: Watcher | None = None) -> Iterator[tuple[LoadedEvaluationRecipe, Session]]:
    """The evaluation of a job's file, and a session to run its cells in."""
    evaluation = load_evaluation(Path(job.recipe), sets=job.sets)
    with open_session(job, Progress(watcher), evaluation.cells[0]) as session:
        yield evaluation, session


def evaluate(
    evaluation: LoadedEvaluationRecipe,
    session: Session,
    watcher: Watcher | None = None,
    begin: Callable[[str], None] = lambda _: None,
    stages: Stages = PLAIN,
) -> Row:
    """Draw, judge, score and measure every cell, as JSON values; LimitReached where the limit of one ends it.

    `begin` is told of each cell. `stages`: what to call for it, plain functions or Prefect's tasks. The cells of a model
    come one after another and share its engine, which is closed when another engine follows: two models may not fit into
    one memory.
    """
    rows = []
    cells = sorted(evaluation.cells, key=lambda cell: _model_place(evaluation, cell))
    with failure_recorded(session):
        check_groups(evaluation, session.workspace)
        for place, cell in enumerate(cells):
            assert cell.cell is not None
            if place and _engine(cell) != _engine(cells[place - 1]):
                session.engines.close()
            begin(f"{cell.cell.benchmark} x {cell.cell.model} ({place + 1} of {len(cells)})")
            job = replace(session.job, cell=cell.recipe.name)
            progress = Progress(watcher, {"benchmark": cell.cell.benchmark, "model": cell.cell.model})
            part = replace(session, job=job, loaded=cell, progress=progress, spent=CommandCounts(), run=None, ended=None)
            rows.append(_run_cell(part, evaluation.recipe.metrics, stages))
        order = {cell.recipe.name: place for place, cell in enumerate(evaluation.cells)}
        rows.sort(key=lambda row: order[row["recipe"]])
        session.ended = {"evaluation": evaluation.recipe.name, "cells": rows, "messages": list(session.messages)}
        if evaluation.recipe.alert is not None:
            session.ended["alerts"] = drops(Reader(session.workspace), rows, evaluation.recipe.alert)
    return session.ended


def check_groups(evaluation: LoadedEvaluationRecipe, workspace: "Workspace") -> None:
    """SetupError, before anything is drawn, where a metric's `by` names what no benchmark's problems have."""
    from storage.queries.pools import COLUMNS

    asked = {name for part in evaluation.recipe.metrics for name in part.by if name not in COLUMNS}
    if not asked:
        return
    benchmarks = {cell.cell.benchmark: cell for cell in evaluation.cells if cell.cell is not None}
    made = (preview_problems(workspace, cell).problems for cell in benchmarks.values())
    keys = {key for problems in made for problem in problems for key in problem.meta}
    for name in sorted(asked):
        if name.removeprefix("meta.") not in keys:
            raise unknown_name("group", name, [*COLUMNS, *(f"meta.{key}" for key in sorted(keys))])


def evaluate_job(job: Job, stages: Stages = PLAIN) -> Row:
    """The evaluation of a job's file in a session of its own, with its reports written; FoundWanting where a cell fell."""
    with open_evaluation(job) as (evaluation, session):
        report = evaluate(evaluation, session, stages=stages)
    write_reports(reports_folder(job, evaluation), report)
    check_alerts(report)
    return report


def reports_folder(job: Job, evaluation: LoadedEvaluationRecipe) -> Path:
    """Where the reports of an evaluation go."""
    return Path(job.workspace) / "reports" / evaluation.recipe.name


def _model_place(evaluation: LoadedEvaluationRecipe, cell: LoadedRecipe) -> int:
    names = [model.name for model in evaluation.recipe.models]
    return names.index(cell.cell.model) if cell.cell is not None else -1


def _engine(cell: LoadedRecipe) -> Any:
    return None if cell.engine is None else cell.engine.canonical()


def _run_cell(part: Session, metrics: Sequence[MetricPart], stages: Stages) -> Row:
    """One cell from its first draw to its numbers; what a corrupt segment lost is made again."""
    with worked_on(part) as run, closing(run.open):
        for attempt in mending_attempts(part):
            with attempt:
                numbers = count()
                while stages.draw_and_grade(run, next(numbers)):
                    pass
                stages.score(run)
                part.ended = row = _measured(run, metrics)
        end_run(part, "done", row)
    return {**row, "spent": part.spent.row()}


def _measured(run: RecipeRun, metrics: Sequence[MetricPart]) -> Row:
    """The numbers of a cell over its fixed prefix."""
    from storage.queries import run_scope
    from storage.queries.pools import scope_pool, with_meta

    scope = run_scope(Reader(run.workspace), run.id)
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
        "metrics": [
            row for part in metrics for of_model in by_model(scope, pool) for row in _rows(of_model, part, run.loaded.base)
        ],
    }


def totals(pool: "Pool") -> Row:
    """How much a pool is over: problems, rollouts by outcome, tokens (None where imports do not say)."""
    from pipelines.metrics import funnel_of

    funnel = funnel_of(pool)
    return {
        "problems": funnel.problems,
        "rollouts": funnel.planned,
        **funnel.outcomes(),
        "tokens_out": int(pool.tokens.clip(min=0).sum()) if (pool.tokens >= 0).any() else None,
    }


def _rows(pool: "Pool", part: MetricPart, base: Path) -> list[Row]:
    """The rows of one metric; one that this pool does not allow is a row that says why."""
    from pipelines.metrics.registry import measure

    by = ("model", *part.by) if len(pool.models) > 1 and "model" not in part.by else part.by
    try:
        return [row.row() for row in measure(pool, part.metric, options_of(part, base), by=by)]
    except SetupError as error:
        return [{"metric": part.metric, "group": {}, "value": None, "low": None, "high": None, "why": str(error)}]


def options_of(part: MetricPart, base: Path) -> "Options":
    """The options of a metric, as the evaluation's recipe gives them; a user's files are relative to `base`."""
    from pipelines.metrics.sample import Options

    keys: dict[str, Any] = part.model_dump(exclude={"metric", "by"}, exclude_unset=True)
    if isinstance(part.aggregator, Method):
        keys["aggregator"] = resolve("aggregator", part.aggregator.method, part.aggregator.options, base=base).build()
    return Options.of_mapping(keys)
