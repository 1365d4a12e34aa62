"""Evidence for a forecast: past runs of the same model and sampling, or a pilot, which draws a few completions for it.

Only fixed prefixes of past runs are read, because later draws depend on earlier outcomes. Problems of the recipe itself are
left out: their completions would be reused, and the forecast would be scored on its own evidence.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rollmill.flows.forecasting.follow_ups import FollowUpEvidence, follow_up_evidence
from rollmill.flows.forecasting.pilots import ForecastRequest, draw_pilot, drawn_by, open_pilot, pilot_size
from rollmill.flows.identity import resolved_parts
from rollmill.ground.solutions import key_of_completion
from rollmill.pipelines.budget.forecasts.later_verdicts import Recount
from rollmill.pipelines.budget.forecasts.posterior_predictive import Observation
from rollmill.pipelines.budget.forecasts.simulate import SimulatedProblem, SimulatedSample
from rollmill.storage.queries.reader import Reader
from rollmill.storage.queries.scope import run_scope

if TYPE_CHECKING:
    from rollmill.flows.rounds import OpenRun
    from rollmill.storage.runs import Run
    from rollmill.storage.workspace import Workspace

LEAST_PROBLEMS = 8  # observed problems below which past runs are no evidence

_BATCHING = ("batch_size", "imports", "redraw")  # parts of `generate` that say nothing of how one completion is drawn
_ROWS = """
SELECT r.problem_id, r.completion_id, r.outcome, p.level, p.template FROM rollouts r JOIN problems p ON p.id = r.problem_id
WHERE r.sample_index < {prefix} AND r.outcome <> 'pending' ORDER BY r.problem_id, r.sample_index
"""


@dataclass(frozen=True, slots=True)
class ForecastEvidence:
    """Evidence for a forecast, by root; "" if the recipe has one root.

    `rates`: tokens out per second, for the steps where they are known; `tokens_in`: tokens of the observed prompts.
    `follow_ups`: follow-ups that a pilot drew; `recount`: final outcomes, where a budget on one root uses other verdicts.
    """

    source: str
    runs: tuple[str, ...]
    observed: Mapping[str, Sequence[Observation]]
    rates: Mapping[str, float]
    tokens_in: Mapping[str, Mapping[str, int]]
    spent: int = 0
    follow_ups: FollowUpEvidence | None = None
    recount: Recount | None = None

    def row(self) -> dict[str, Any]:
        """The record as JSON values."""
        every = list(self.observed.values())
        samples = sum(len(observation.samples) for members in every for observation in members)
        return {
            "source": self.source,
            "runs": list(self.runs),
            "problems": len(every[0]),
            "samples": samples,
            **({} if self.follow_ups is None else {"follow_ups": self.follow_ups.completions}),
            "tokens_spent": self.spent,
        }


def evidence_for(run: "OpenRun", request: ForecastRequest) -> ForecastEvidence:
    """Past runs if they are sufficient evidence and no pilot was requested, else a pilot, which is drawn now."""
    past = _past_evidence(run) if request.pilot is None else None
    return past or _pilot_evidence(run, request)


def stored_evidence(run: "OpenRun") -> ForecastEvidence | None:
    """Past runs or former pilots, also those of recipes with another budget, selector or gate; None if neither is
    sufficient. Draws and writes nothing.
    """
    return _past_evidence(run) or _past_evidence(run, pilots=True)


def _pilot_evidence(run: "OpenRun", request: ForecastRequest) -> ForecastEvidence:
    """Evidence of pilots: one for each root if there are several, and another that draws the follow-ups."""
    spec, followed = run.spec, run.spec.follows
    size = pilot_size(spec.problems, spec.budget.prefix, request, followed=followed)
    names = {step.name if spec.routed else "": step for step in spec.roots}
    joint = open_pilot(run, spec.steps, size) if followed else None
    alone = {name: open_pilot(run, [step], size) if spec.routed or joint is None else joint for name, step in names.items()}
    pilots = {name: draw_pilot(pilot) for name, pilot in alone.items()}
    follow_ups = None
    if joint is not None:
        rate = drawn_by(joint) if spec.routed else pilots[""].rate
        follow_ups = follow_up_evidence(joint, rate)
    return ForecastEvidence(
        "pilot",
        tuple(dict.fromkeys(pilot.id for pilot in (*alone.values(), *([] if joint is None else [joint])))),
        {name: pilot.observed for name, pilot in pilots.items()},
        {name: pilot.rate for name, pilot in pilots.items() if pilot.rate is not None},
        {name: pilot.tokens_in for name, pilot in pilots.items()},
        sum(pilot.tokens for pilot in pilots.values()) + (0 if follow_ups is None else follow_ups.tokens),
        follow_ups,
        None if spec.routed else pilots[""].recount,
    )


def _past_evidence(run: "OpenRun", *, pilots: bool = False) -> ForecastEvidence | None:
    """Evidence of past runs on other problems, or of former pilots, whose stream no run shares; None if there are too
    few problems or a level of the recipe is missing.
    """
    spec, workspace = run.spec, run.workspace
    if spec.names or run.verifiers.outcomes_may_change:
        return None
    mine = set() if pilots else {problem.id for problem in spec.problems}
    observed: dict[str, Observation] = {}
    used: list[str] = []
    for past in _past_runs(run, pilots=pilots):
        others = [o for o in _observations(workspace, past, mine) if o.subject.problem_id not in observed]
        observed |= {observation.subject.problem_id: observation for observation in others}
        used += [past.id] if others else []
    seen, levels = [entry.subject for entry in observed.values()], {problem.level for problem in spec.problems}
    least = 1 if pilots else LEAST_PROBLEMS  # a pilot has the size that somebody chose for it
    if len(seen) < least or not levels <= {subject.level for subject in seen}:
        return None
    rate = next((speed for name in used if (speed := _tokens_per_second(workspace, name)) is not None), None)
    rates = {} if rate is None else {"": rate}
    source = "pilot" if pilots else "past runs"
    return ForecastEvidence(source, tuple(used), {"": list(observed.values())}, rates, {"": {}})


def _past_runs(run: "OpenRun", *, pilots: bool) -> "list[Run]":
    """The ended curations, or pilots, of the same kind of problems by the same model, sampling and verifiers."""
    mine = _kind(run.loaded.canonical(), resolved_parts(run))
    listed = [past for past in run.workspace.runs.list() if past.is_pilot == pilots and "steps" not in past.recipe]
    ended = [past for past in listed if past.status == "done"]  # steps draw otherwise than `generate` says
    return [past for past in ended if _kind(past.recipe, past.recipe.get("resolved", {})) == mine]


def _kind(recipe: dict[str, Any], parts: dict[str, Any]) -> list[Any]:
    """Properties that two runs must share for one to be evidence for the other."""
    generate = {key: value for key, value in recipe.get("generate", {}).items() if key not in _BATCHING}
    problems = recipe.get("problems", {})
    source = [problems.get("synthesize"), problems.get("imported")]
    return [generate, source, recipe.get("verify"), parts.get("model_digest"), parts.get("verifiers")]


def _observations(workspace: "Workspace", run: "Run", without: set[str]) -> list[Observation]:
    """The fixed prefix of a run, less the problems `without`."""
    reader = Reader(workspace)  # the caller's: not to be closed here
    scope = run_scope(reader, run.id)
    if scope.prefix is None:
        return []
    # Texts are fetched by id afterwards: the view of rollouts has none, and only those of the prefix are needed.
    with scope.connection("rollouts", "problems") as connection:
        rows = [row for row in connection.execute(_ROWS.format(prefix=scope.prefix)).fetchall() if row[0] not in without]
    texts = {completion.id: completion for completion in reader.fetch("completions", [row[1] for row in rows])}
    samples: dict[SimulatedProblem, list[SimulatedSample]] = {}
    for problem, completion, outcome, level, template in rows:
        text = texts[completion]
        sample = SimulatedSample(outcome, key_of_completion(text), text.tokens_out or 0)
        samples.setdefault(SimulatedProblem(problem, level, template), []).append(sample)
    return [Observation(subject, members) for subject, members in samples.items()]


def _tokens_per_second(workspace: "Workspace", run: str) -> float | None:
    """Drawing speed of a run, in tokens out per second; None if it is not known."""
    draw = next((stage for stage in workspace.runs.progress_of(run) if stage.stage == "draw"), None)
    return draw.tokens / draw.seconds if draw is not None and draw.seconds and draw.tokens else None
