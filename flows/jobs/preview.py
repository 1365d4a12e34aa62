"""The job `preview`: a few problems of a recipe through every stage up to selection.

The run is one of its own, named NAME-preview, and publishes nothing. Its completions have the ids that `curate` gives them,
so the recipe's run draws none of them again. Budgets that look at all problems at once may plan some that it does not need.
"""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rollmill.flows.driver import Executor, Outcome
from rollmill.flows.job import Job
from rollmill.flows.jobs.curate import decide
from rollmill.flows.jobs.one_run import OneRun
from rollmill.flows.recipe.load import LoadedRecipe
from rollmill.flows.recipe.parse import parse
from rollmill.flows.recipe.schema import Recipe
from rollmill.flows.rounds import OpenRun
from rollmill.flows.session import recipe_of
from rollmill.ground.errors import SetupError

if TYPE_CHECKING:
    from rollmill.storage.queries import Scope
    from rollmill.storage.queries.browse.problems import RolloutDetail


def preview_of(job: Job, rows: int) -> "Preview":
    """The preview of the recipe's first `rows` problems, under a name of its own."""
    loaded = recipe_of(job)
    most = loaded.recipe.problems.count
    if most is not None and rows > most:
        raise SetupError(f"--rows {rows}: the recipe has {most} problems.", choices=[f"1 to {most}"])
    name = f"{loaded.recipe.name}-preview"
    sets = (f"name={name}", f"dataset={name}", f"problems.count={rows}")
    # Parsed again for the three keys alone: none of them names a method, so the resolved methods hold.
    changed = parse(Path(job.recipe), Recipe, {}, sets=(*job.sets, *sets))
    return Preview(replace(job, verb="preview", sets=(*job.sets, *sets)), replace(loaded, recipe=changed))


class Preview(OneRun):
    """The first problems of a recipe; `job` and `loaded` are those of `preview_of`."""

    def __init__(self, job: Job, loaded: LoadedRecipe | None = None) -> None:
        super().__init__(job, loaded or recipe_of(job))

    @property
    def command(self) -> str:
        """The command line of the job, without the keys that `preview_of` set."""
        # `preview_of` puts its three keys last.
        *sets, _name, _dataset, count = self.job.sets
        return f"{replace(self.job, sets=tuple(sets)).command} --rows {count.partition('=')[2]}"

    def result(self, run: OpenRun, executor: Executor) -> Outcome:
        """Every problem with its rollouts, verdicts and decisions."""
        from rollmill.storage.queries import Reader, run_scope

        executor.stage("select", partial(decide, run), run=run.id)
        scope = run_scope(Reader(run.workspace), run.id)
        shown = [_problem(scope, problem.id) for problem in run.spec.problems]
        rollouts = sum(len(row["rollouts"]) for row in shown)
        return {"problems": len(shown), "rollouts": rollouts, "seconds": round(run.elapsed, 1), "shown": shown}

    def summary(self, run: OpenRun, row: Outcome) -> Outcome:
        """The counts."""
        del run
        return {name: value for name, value in row.items() if name != "shown"}

    def line(self, outcome: Outcome) -> str:
        """Summary line: the number of problems and rollouts shown."""
        return f"{outcome['problems']} problems, {outcome['rollouts']} rollouts"


def _problem(scope: "Scope", problem_id: str) -> dict[str, Any]:
    from rollmill.storage.queries.browse.problems import problem_detail, prompt_text

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
