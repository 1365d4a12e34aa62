"""What a curation would do, without doing it: no segment, no plan and no run is written. Draws nothing."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from flows.identity import run_name
from flows.imported import counted
from flows.job import Job
from flows.problems import MadeProblems, preview_problems
from flows.session import build_spec, read_session
from storage.records import request_for

if TYPE_CHECKING:
    from flows.rounds import RunSpec


def preview(job: Job) -> dict[str, Any]:
    """Problems, the size of the first round and what is still to draw of what is planned, as JSON values."""
    with read_session(job) as opened:
        opened.problems = problems = preview_problems(opened.workspace, opened.loaded)
        runs, run = opened.workspace.runs, run_name(opened)
        plans = runs.plans(run)
        with build_spec(opened) as spec:
            taken = counted(opened.workspace, spec.imports, problems) if spec.generator is None else None
            planned = {row.completion_id for rows in plans for row in rows} or set(_first_round(spec))
        stored = opened.workspace.segments.present("completions", sorted(planned))
        return {
            "run": run,
            "recipe_hash": opened.loaded.recipe_hash,
            **_sizes(problems),
            "rounds_committed": len(plans),
            "planned": len(planned),
            "to_draw": len(planned) - len(stored),
            **({} if taken is None else {"imports": taken.rows(), "taken": taken.lines()}),
        }


def _sizes(problems: MadeProblems) -> dict[str, int]:
    return {"made": problems.made, "problems": len(problems.problems)}


def _first_round(spec: "RunSpec") -> Iterator[str]:
    """The completion ids of the budget's fixed prefix; none where rollouts were imported."""
    if spec.generator is None:
        return
    engine, first = spec.engine(), spec.every_arm()[0]
    for problem in spec.problems:
        rendered = engine.render(first.asked(problem.prompt))
        for index in range(spec.budget.prefix):
            yield request_for(problem, rendered, first.sampling, spec.origin(), index).completion_id
