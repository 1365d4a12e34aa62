"""A few problems of a recipe through every stage up to selection: what `rollmill preview` shows.

The run is one of its own, named NAME-preview, and publishes nothing. Its completions have the ids that `curate` gives them,
so the recipe's run draws none of them again. Budgets that look at all problems at once may plan some that it does not need.
"""

import time
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.curation.stages import decide, draw_and_grade, end_run, mending_attempts, score, synthesize, worked_on
from flows.job import Job
from flows.progress import Progress
from flows.recipe import load_recipe
from flows.session import open_session
from storage.errors import SetupError

if TYPE_CHECKING:
    from storage.queries import Scope
    from storage.queries.problems import RolloutDetail


def preview_job(job: Job, rows: int) -> Job:
    """The job of the recipe's first `rows` problems, under a name of its own."""
    recipe = load_recipe(Path(job.recipe), sets=job.sets).recipe
    if recipe.problems.count is not None and rows > recipe.problems.count:
        most = recipe.problems.count
        raise SetupError(f"--rows {rows}: the recipe has {most} problems.", choices=[f"1 to {most}"])
    name = f"{recipe.name}-preview"
    return replace(job, verb="preview", sets=(*job.sets, f"name={name}", f"dataset={name}", f"problems.count={rows}"))


def preview(job: Job, progress: Progress | None = None) -> dict[str, Any]:
    """Draw, judge, score and select; every problem with its rollouts, verdicts and decisions, and what it cost.

    As JSON values. `job` is one of `preview_job`. LimitReached and the errors of `curate`; called again it goes on.
    """
    from storage.queries import Reader, run_scope

    began = time.monotonic()
    with open_session(job, progress or Progress()) as session, worked_on(session) as run:
        for attempt in mending_attempts(session):
            with attempt:
                numbers = count()
                synthesize(session)
                while draw_and_grade(run, next(numbers)):
                    pass
                score(run)
                decide(run)
                scope = run_scope(Reader(run.workspace), run.id)
                problems = [_problem(scope, problem.id) for problem in run.spec.problems]
        counts = {"problems": len(problems), "rollouts": sum(len(row["rollouts"]) for row in problems)}
        session.ended = {**counts, "seconds": round(time.monotonic() - began, 1)}
        end_run(session, "done", session.ended)
        return {"run": run.id, **session.ended, "shown": problems, "spent": session.spent.row()}


def _problem(scope: "Scope", problem_id: str) -> dict[str, Any]:
    from storage.queries.problems import problem_detail, prompt_text

    detail = problem_detail(scope, problem_id)
    about = {key: getattr(detail.problem, key) for key in ("id", "reference", "level", "skill", "template", "source")}
    rollouts = [_rollout(rollout) for rollout in detail.rollouts]
    return {**about, "prompt": prompt_text(detail.problem.prompt), "rollouts": rollouts}


def _rollout(rollout: "RolloutDetail") -> dict[str, Any]:
    drawn = rollout.completion
    return {
        "completion": None if drawn is None else drawn.id,
        "text": None if drawn is None else drawn.text,
        "tokens_out": None if drawn is None else drawn.tokens_out,
        "finish_reason": None if drawn is None else drawn.finish_reason,
        "outcome": rollout.outcome,
        "verdicts": [
            {"verifier": verdict.verifier, "outcome": verdict.outcome, "rule": verdict.rule, "extracted": verdict.extracted}
            for verdict in rollout.verdicts
        ],
        "scores": {score.scorer: score.value for score in rollout.scores},
        "kept": rollout.kept,
        "reason": rollout.reason,
    }
