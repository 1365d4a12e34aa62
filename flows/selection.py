"""What another selector would keep of rollouts that exist: a preview that plans, draws and publishes nothing.

The rollouts are those of the newest run that differs from the recipe in nothing but selection, scores and publication.
"""

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from flows.job import Job
from flows.problems import preview_problems
from flows.session import build_spec, read_session
from storage.errors import SetupError
from storage.records import Rollout, Score

if TYPE_CHECKING:
    from flows.mill import MillSpec
    from flows.session import Session
    from storage.workspace import Workspace

# Keys of the canonical recipe that change no rollout.
_AFTER_JUDGING = frozenset({"name", "score", "select", "gate", "evaluation", "dataset", "resolved", "job"})


def selection_of(job: Job) -> dict[str, Any]:
    """Kept and dropped, by reason and by level, as JSON values; SetupError when there are no rollouts to select from."""
    with read_session(job) as opened:
        opened.problems = preview_problems(opened.workspace, opened.loaded)
        spec = build_spec(opened)
        spec.run = _run_with_rollouts(opened)
        rollouts = _rollouts(opened.workspace, spec)
        decisions = [made for members in rollouts.values() for made in spec.selector.select(spec.run, members)]
        level_of = {problem.id: problem.level for problem in spec.problems}
        kept = Counter(level_of[d.problem_id] for d in decisions if d.kept)
        return {
            "run": spec.run,
            "selector": [spec.selector.name, spec.selector.version],
            "problems": len(rollouts),
            "rollouts": len(decisions),
            "kept": sum(d.kept for d in decisions),
            "dropped": dict(sorted(Counter(d.reason for d in decisions if not d.kept).items())),
            "levels": {str(level): kept[level] for level in sorted(kept, key=lambda level: (level is None, level))},
        }


def _rollouts(workspace: "Workspace", spec: "MillSpec") -> dict[str, list[Rollout]]:
    """The run's rollouts by problem, with what the recipe's scorers give them."""
    from flows.mill.gather import Incomplete, rollouts_of

    plan = [row for rows in workspace.runs.plans(spec.run) for row in rows]
    try:
        return {key: _scored(spec, members) for key, members in rollouts_of(workspace, spec, plan).items()}
    except Incomplete as error:
        again = "rollmill curate RECIPE makes the lost rows again"
        raise SetupError(f"run {spec.run} is no longer whole: {error}.", next_command=again) from None


def _scored(spec: "MillSpec", members: list[Rollout]) -> list[Rollout]:
    found: dict[str, list[Score]] = {}
    for scorer in spec.scorers:
        for score in scorer.score(members[0].problem, [rollout.completion for rollout in members]):
            found.setdefault(score.completion_id, []).append(score)
    return [replace(rollout, scores=tuple(found.get(rollout.completion.id, ()))) for rollout in members]


def _run_with_rollouts(opened: "Session") -> str:
    wanted = _rows_decided_by(opened.loaded.canonical())
    for run in opened.workspace.runs.list():
        if run.status == "done" and _rows_decided_by(run.recipe) == wanted:
            return run.id
    raise SetupError(
        f"no finished run drew rollouts for {opened.loaded.recipe.name!r} with this generation and budget.",
        next_command=opened.job.command,
    )


def _rows_decided_by(recipe: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in recipe.items() if key not in _AFTER_JUDGING}
