"""Dry run of a curation: a preview that draws nothing and writes no segment, plan or run."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from rollmill.flows.identity import run_name, unopened_run
from rollmill.flows.job import Job
from rollmill.flows.session import read_session, recipe_of
from rollmill.ground.records import request_for

if TYPE_CHECKING:
    from rollmill.flows.rounds import OpenRun


def dry_run(job: Job) -> dict[str, Any]:
    """Problems, the size of the first round and the planned rows that are not drawn yet, as JSON values."""
    with read_session(job) as session, unopened_run(session, recipe_of(job)) as run:
        name = run_name(run.loaded)
        plans = run.workspace.runs.plans(name)
        planned = {row.completion_id for rows in plans for row in rows} or set(_first_round(run))
        stored = run.workspace.segments.present("completions", sorted(planned))
        return {
            "run": name,
            "recipe_hash": run.loaded.recipe_hash,
            "made": run.spec.problem_set.made,
            "problems": len(run.spec.problems),
            "rounds_committed": len(plans),
            "planned": len(planned),
            "to_draw": len(planned) - len(stored),
            **({} if run.imported is None else {"imports": run.imported.rows(), "taken": run.imported.lines()}),
        }


def _first_round(run: "OpenRun") -> Iterator[str]:
    """The completion ids of the budget's fixed prefix; none if rollouts were imported."""
    if run.spec.takes_imports:
        return
    engine, first = run.engine(), run.spec.steps[0]
    for problem in run.spec.problems:
        rendered = engine.render(first.prompt_for(problem))
        for index in range(run.spec.budget.prefix):
            yield request_for(problem, rendered, first.sampling, run.origin(), index).completion_id
