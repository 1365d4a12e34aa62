"""What past runs of a workspace showed of the same model under the same sampling, as evidence for forecasts. No draws.

Only fixed prefixes are read (what came after was drawn because of what they showed), and no problem of the recipe itself:
its completions would be reused, and a forecast of what is known already would score itself.
"""

from typing import TYPE_CHECKING, Any

from flows.identity import resolved_parts
from pipelines.budget.posterior_predictive import Observation
from pipelines.budget.simulate import Sample, Subject
from storage.queries.reader import Reader
from storage.queries.scope import run_scope
from storage.solutions import key_of_completion

if TYPE_CHECKING:
    from flows.session import RecipeRun
    from storage.runs import Run
    from storage.workspace import Workspace

_FREE = ("batch_size", "imports", "redraw")  # parts of `generate` that say nothing of how one completion is drawn
_ELSE = frozenset({"pilot", "arms"})  # a pilot's stream is its own, and arms draw otherwise than `generate` says
_ROWS = """
SELECT r.problem_id, r.completion_id, r.outcome, p.level, p.template FROM rollouts r JOIN problems p ON p.id = r.problem_id
WHERE r.sample_index < {prefix} AND r.outcome <> 'pending' ORDER BY r.problem_id, r.sample_index
"""


def past_runs(run: "RecipeRun") -> "list[Run]":
    """The ended curations of the same kind of problems by the same model, sampling and verifiers."""
    mine = _kind(run.loaded.canonical(), resolved_parts(run))
    ended = [past for past in run.workspace.runs.list() if past.status == "done" and not _ELSE & past.recipe.keys()]
    return [past for past in ended if _kind(past.recipe, past.recipe.get("resolved", {})) == mine]


def evidence_of(workspace: "Workspace", run: "Run", without: set[str]) -> list[Observation]:
    """The fixed prefix of a run, less the problems `without`."""
    reader = Reader(workspace)  # the caller's: not to be closed here
    scope = run_scope(reader, run.id)
    if scope.prefix is None:
        return []
    with scope.connection("rollouts", "problems") as connection:
        rows = [row for row in connection.execute(_ROWS.format(prefix=scope.prefix)).fetchall() if row[0] not in without]
    texts = {one.id: one for one in reader.fetch("completions", [row[1] for row in rows])}
    found: dict[Subject, list[Sample]] = {}
    for problem, completion, outcome, level, template in rows:
        text = texts[completion]
        sample = Sample(outcome, key_of_completion(text), text.tokens_out or 0)
        found.setdefault(Subject(problem, level, template), []).append(sample)
    return [Observation(subject, samples) for subject, samples in found.items()]


def tokens_per_second(workspace: "Workspace", run: str) -> float | None:
    """How fast a run was drawn."""
    stage = next((one for one in workspace.runs.progress_of(run) if one.stage == "draw"), None)
    return stage.tokens / stage.seconds if stage is not None and stage.seconds and stage.tokens else None


def _kind(recipe: dict[str, Any], parts: dict[str, Any]) -> list[Any]:
    generate = {key: value for key, value in recipe.get("generate", {}).items() if key not in _FREE}
    problems = recipe.get("problems", {})
    source = [problems.get("synthesize"), problems.get("imported")]
    return [generate, source, recipe.get("verify"), parts.get("model_digest"), parts.get("verifiers")]
