"""An evaluation as one job: every cell drawn and judged like any run, then measured. What is there is not drawn again.

Each cell ends in the ledger with its numbers, which are computed anew from its rows whenever they are asked for.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.curation.stages import draw_and_grade, end_run, failure_recorded
from flows.identity import open_run
from flows.job import Job
from flows.progress import Progress, Spent, Stage
from flows.recipe import LoadedRecipe
from flows.recipe.evaluations import LoadedEvaluationRecipe, MetricPart, load_evaluation
from flows.session import RecipeRun, Session, open_session
from storage.commands import working_on
from storage.errors import SetupError
from storage.queries.sides import by_model

if TYPE_CHECKING:
    from pipelines.metrics.sample import Options
    from storage.pool import Pool

Row = dict[str, Any]
Watcher = Callable[[Stage], None]


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
    begin: Callable[[str], None] = print,
) -> Row:
    """Draw, judge and measure every cell, as JSON values; LimitReached where the limit of one ends it.

    `begin` is told of each cell. The cells of a model come one after another and share its engine, which is closed when
    another engine follows: two models may not fit into one memory.
    """
    rows = []
    cells = sorted(evaluation.cells, key=lambda cell: _model_place(evaluation, cell))
    for place, cell in enumerate(cells):
        assert cell.cell is not None
        if place and _engine(cell) != _engine(cells[place - 1]):
            session.engines.close()
        begin(f"{cell.cell.benchmark} x {cell.cell.model} ({place + 1} of {len(cells)})")
        job = replace(session.job, cell=cell.recipe.name)
        part = replace(session, job=job, loaded=cell, progress=Progress(watcher), spent=Spent(), run=None, ended=None)
        rows.append(_run_cell(part, evaluation.recipe.metrics))
    order = {cell.recipe.name: place for place, cell in enumerate(evaluation.cells)}
    rows.sort(key=lambda row: order[row["recipe"]])
    return {"evaluation": evaluation.recipe.name, "cells": rows, "messages": list(session.messages)}


def _model_place(evaluation: LoadedEvaluationRecipe, cell: LoadedRecipe) -> int:
    names = [model.name for model in evaluation.recipe.models]
    return names.index(cell.cell.model) if cell.cell is not None else -1


def _engine(cell: LoadedRecipe) -> Any:
    return None if cell.engine is None else cell.engine.canonical()


def _run_cell(part: Session, metrics: Sequence[MetricPart]) -> Row:
    """One cell from its first draw to its numbers."""
    with ExitStack() as working, failure_recorded(part):
        run = open_run(part)
        working.callback(run.open.close)
        working.enter_context(working_on(part.workspace.state, run.id))
        number = 0
        while draw_and_grade(run, number):
            number += 1
        row = _measured(run, metrics)
        part.ended = row
        end_run(part, "done", row)
    return {**row, "spent": part.spent.row()}


def _measured(run: RecipeRun, metrics: Sequence[MetricPart]) -> Row:
    """The numbers of a cell over its fixed prefix."""
    from storage.queries import Reader, run_scope
    from storage.queries.pools import scope_pool

    scope = run_scope(Reader(run.workspace), run.id)
    pool = scope_pool(scope).pool
    cell = run.loaded.cell
    assert cell is not None
    return {
        "recipe": run.loaded.recipe.name,
        "run": run.id,
        "benchmark": cell.benchmark,
        "model": cell.model,
        "models": list(pool.models),
        **totals(pool),
        "metrics": [row for part in metrics for one in by_model(scope, pool) for row in _rows(one, part)],
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


def _rows(pool: "Pool", part: MetricPart) -> list[Row]:
    """The rows of one metric; one that this pool does not allow is a row that says why."""
    from pipelines.metrics.registry import measure

    by = ("model", *part.by) if len(pool.models) > 1 and "model" not in part.by else part.by
    try:
        return [row.row() for row in measure(pool, part.metric, options_of(part), by=by)]
    except SetupError as error:
        return [{"metric": part.metric, "group": {}, "value": None, "low": None, "high": None, "why": str(error)}]


def options_of(part: MetricPart) -> "Options":
    """The options of a metric, as the evaluation's recipe gives them."""
    from pipelines.metrics.sample import Options

    keys: Mapping[str, Any] = part.model_dump(exclude={"metric", "by"}, exclude_unset=True)
    return Options.of_mapping(keys)
