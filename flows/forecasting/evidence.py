"""What a forecast rests on: past runs of the same model and sampling, or a pilot, which draws a few completions for it.

Of past runs only fixed prefixes are read (what came after was drawn because of what they showed), and no problem of the
recipe itself: its completions would be reused, and a forecast of what is known already would score itself.

A pilot's completions have a stream of their own; they are stored like any others and never mixed with a run's. Its problems
are chosen by a hash of their ids, evenly over levels and, within a level, over templates: whatever is observed of them
later, they are a fair sample.
"""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, zip_longest
from typing import TYPE_CHECKING, Any, TypeVar

from flows.forecasting.follow_ups import FollowUpEvidence, follow_up_evidence, follow_up_rows, tokens_of
from flows.identity import resolved_parts
from pipelines.budget import Fixed
from pipelines.budget.posterior_predictive import Observation
from pipelines.budget.search import Search
from pipelines.budget.simulate import Sample, Subject
from pipelines.tallies import RoundPlan, Tally
from storage.errors import FoundWanting
from storage.ids import digest128
from storage.queries.reader import Reader
from storage.queries.scope import run_scope
from storage.records import Problem, Rollout
from storage.solutions import key_of_completion

if TYPE_CHECKING:
    from flows.rounds import OpenRun, RunSpec
    from flows.sampling.steps import Step
    from flows.session import RecipeRun
    from storage.runs import Run
    from storage.workspace import Workspace

PILOT_PER_LEVEL = 8  # problems
PILOT_DRAWS = 8  # completions of each: fewer say little of a problem's own rate, more cost as much as a small run
LEAST_PROBLEMS = 8  # observed problems below which past runs are no evidence
T = TypeVar("T")

_BATCHING = ("batch_size", "imports", "redraw")  # parts of `generate` that say nothing of how one completion is drawn
_DRAWN_OTHERWISE = frozenset(
    {"pilot", "steps"}
)  # a pilot's stream is its own, and steps draw otherwise than `generate` says
_ROWS = """
SELECT r.problem_id, r.completion_id, r.outcome, p.level, p.template FROM rollouts r JOIN problems p ON p.id = r.problem_id
WHERE r.sample_index < {prefix} AND r.outcome <> 'pending' ORDER BY r.problem_id, r.sample_index
"""


@dataclass(frozen=True, slots=True)
class ForecastRequest:
    """How to forecast. `pilot`: problems of a pilot; None: past runs where there are some, else a pilot of default size."""

    pilot: int | None = None
    draws: int = PILOT_DRAWS
    simulations: int = 100


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a forecast rests on, by root; "" where the recipe has one.

    `rates`: tokens out per second, of the steps where they are known; `tokens_in`: of observed problems' prompts.
    `follow_ups`: what a pilot drew after them, where the recipe has one root.
    """

    source: str
    runs: tuple[str, ...]
    observed: Mapping[str, Sequence[Observation]]
    rates: Mapping[str, float]
    tokens_in: Mapping[str, Mapping[str, int]]
    spent: int = 0
    follow_ups: FollowUpEvidence | None = None

    def row(self) -> dict[str, Any]:
        """As JSON values."""
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


def evidence_for(run: "RecipeRun", request: ForecastRequest) -> Evidence:
    """Past runs where they are evidence enough and no pilot is asked for, else a pilot, which is drawn now."""
    spec = run.spec
    if request.pilot is None and not spec.steps:
        past = _past_evidence(run)
        if past is not None:
            return past
    followed = follows_one_root(spec)
    count, draws = pilot_size(spec.problems, spec.budget.prefix, request, followed=followed)
    opened = {
        step.name if spec.routed else "": _pilot_run(run, step, (count, draws), followed=followed) for step in spec.roots
    }
    pilots = {step: _run_pilot(run.workspace, pilot) for step, pilot in opened.items()}
    return Evidence(
        "pilot",
        tuple(pilot.run for pilot in pilots.values()),
        {step: pilot.observed for step, pilot in pilots.items()},
        {step: pilot.rate for step, pilot in pilots.items() if pilot.rate is not None},
        {step: pilot.tokens_in for step, pilot in pilots.items()},
        sum(pilot.tokens for pilot in pilots.values()),
        follow_up_evidence(run.workspace, opened[""]) if followed else None,
    )


def follows_one_root(spec: "RunSpec") -> bool:
    """Whether a pilot draws follow-ups too: several roots have pilots of their own, a search says when it goes on, and of a
    root that nobody judges nothing is known.
    """
    return spec.follows and not spec.routed and not isinstance(spec.budget, Search) and spec.judged(spec.roots[0].name)


def _past_evidence(run: "RecipeRun") -> Evidence | None:
    """What past runs showed of other problems; None where these are too few, or miss a level of the recipe."""
    spec, workspace = run.spec, run.workspace
    mine = {problem.id for problem in spec.problems}
    observed: dict[str, Observation] = {}
    used: list[str] = []
    for past in _past_runs(run):
        others = [o for o in _observations(workspace, past, mine) if o.subject.problem_id not in observed]
        observed |= {observation.subject.problem_id: observation for observation in others}
        used += [past.id] if others else []
    levels = {problem.level for problem in spec.problems}
    if len(observed) < LEAST_PROBLEMS or not levels <= {observation.subject.level for observation in observed.values()}:
        return None
    rate = next((speed for name in used if (speed := _tokens_per_second(workspace, name)) is not None), None)
    rates = {} if rate is None else {"": rate}
    return Evidence("past runs", tuple(used), {"": list(observed.values())}, rates, {"": {}})


def _past_runs(run: "RecipeRun") -> "list[Run]":
    """The ended curations of the same kind of problems by the same model, sampling and verifiers."""
    mine = _kind(run.loaded.canonical(), resolved_parts(run))
    ended = [
        past for past in run.workspace.runs.list() if past.status == "done" and not _DRAWN_OTHERWISE & past.recipe.keys()
    ]
    return [past for past in ended if _kind(past.recipe, past.recipe.get("resolved", {})) == mine]


def _kind(recipe: dict[str, Any], parts: dict[str, Any]) -> list[Any]:
    """What two runs must share so that one is evidence for the other."""
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
    samples: dict[Subject, list[Sample]] = {}
    for problem, completion, outcome, level, template in rows:
        text = texts[completion]
        sample = Sample(outcome, key_of_completion(text), text.tokens_out or 0)
        samples.setdefault(Subject(problem, level, template), []).append(sample)
    return [Observation(subject, members) for subject, members in samples.items()]


def _tokens_per_second(workspace: "Workspace", run: str) -> float | None:
    """How fast a run was drawn."""
    draw = next((stage for stage in workspace.runs.progress_of(run) if stage.stage == "draw"), None)
    return draw.tokens / draw.seconds if draw is not None and draw.seconds and draw.tokens else None


def pilot_size(
    problems: Sequence[Problem], prefix: int, request: ForecastRequest, *, followed: bool = False
) -> tuple[int, int]:
    """How many problems a pilot draws, and how often each: never more completions than the run draws at the least.

    `followed`: others follow these, by chance and in groups perhaps, so at most half of the problems are drawn, none more
    often than the run surely draws it.
    """
    levels = len({problem.level for problem in problems})
    count, draws = min(len(problems), request.pilot or PILOT_PER_LEVEL * levels), request.draws
    if followed:
        draws, count = min(draws, prefix or draws), min(count, max(1, len(problems) // 2))
    if prefix:  # the run draws that much of every problem, whatever comes
        count = max(1, min(count, len(problems) * prefix // draws))
    return count, draws


@dataclass(frozen=True, slots=True)
class Pilot:
    """What a pilot on one step showed. `tokens`: in and out, of all its completions. `rate`: tokens out per second of
    drawing, None where nothing was drawn now. `tokens_in`: of each problem's prompt.
    """

    run: str
    observed: Sequence[Observation]
    tokens: int
    rate: float | None
    tokens_in: dict[str, int]


@dataclass(frozen=True, slots=True)
class FixedOnStep:
    """The budget `fixed` on one step: as many draws of every problem."""

    step: str
    initial: int
    name = Fixed.name
    version = Fixed.version
    estimator = Fixed.estimator

    @property
    def prefix(self) -> int:
        """All of them."""
        return self.initial

    def plan(self, round_index: int, tallies: Sequence[Tally]) -> RoundPlan:
        """What `fixed` plans, for this step."""
        plan = Fixed(initial=self.initial).plan(round_index, tallies)
        return replace(plan, draws=tuple(replace(draw, step=self.step) for draw in plan.draws))


def _pilot_run(run: "RecipeRun", step: "Step", size: tuple[int, int], *, followed: bool) -> "OpenRun":
    """A pilot on a root, its run opened in the ledger; `size`: problems, draws of each. `followed`: with what follows."""
    count, draws = size
    spec, loaded = run.spec, run.loaded
    problems = _fair_sample(spec.problems, count)
    parts = resolved_parts(run)
    drawn = spec.steps if followed else [step] if step.name else []
    named = [one.name for one in drawn]
    identity = digest128([[problem.id for problem in problems], draws, loaded.recipe_hash, parts, *named])
    name = f"{loaded.recipe.name}-pilot-{identity[:8]}"
    recipe = {**loaded.canonical(), "resolved": parts, "prefix": draws, "job": run.session.job.data()}
    recipe["pilot"] = {"draws": draws}
    run.workspace.runs.open(name, name=name, recipe=recipe, recipe_hash=loaded.recipe_hash)
    return run.open.variant(
        replace(
            spec,
            run=name,
            problems=problems,
            steps=drawn,
            graph=spec.graph if followed else None,
            budget=FixedOnStep(step.name, draws),
            stream="pilot",
        )
    )


def _run_pilot(workspace: "Workspace", pilot: "OpenRun") -> Pilot:
    """Draw and judge what a former pilot did not."""
    from flows.rounds import run_all
    from flows.rounds.votes import judge_by_votes

    began = time.monotonic()
    results = run_all(workspace, pilot)  # nothing where a former pilot drew it all: then no speed is known
    seconds = time.monotonic() - began
    if results and results[-1].stopped is not None:
        raise FoundWanting(
            f"the pilot reached the {results[-1].stopped}.", next_command="a higher limit, or a smaller --pilot"
        )
    judge_by_votes(workspace, pilot)
    plans = workspace.runs.plans(pilot.id)
    root = pilot.spec.roots[0].name
    rows = [row for plan in plans for row in plan if row.step == root]
    rollouts = dict(pilot.rollouts(workspace, rows))
    followed = sum(map(sum, tokens_of(workspace, follow_up_rows(pilot, plans))))
    tokens = sum(result.tokens for result in results)
    size = {"problems": len(pilot.spec.problems), "draws": len(rows) // len(pilot.spec.problems)}
    workspace.runs.finish(pilot.id, "done", {"pilot": size, "next": "rollmill plan RECIPE"})
    return Pilot(
        pilot.id,
        [_observation(subject_of(members[0].problem), members) for members in rollouts.values()],
        sum((row.completion.tokens_in or 0) + (row.completion.tokens_out or 0) for row in chain(*rollouts.values()))
        + followed,
        tokens / seconds if tokens else None,
        {problem_id: members[0].completion.tokens_in or 0 for problem_id, members in rollouts.items()},
    )


def _observation(subject: Subject, rollouts: Iterable[Rollout]) -> Observation:
    """Rollouts of a problem as evidence."""
    from storage.pool import answer_key

    samples = [
        Sample(
            rollout.verdict.outcome,
            key_of_completion(rollout.completion),
            rollout.completion.tokens_out or 0,
            answer_key(rollout.verdict),
        )
        for rollout in rollouts
    ]
    return Observation(subject, samples)


def subject_of(problem: Problem) -> Subject:
    """What a budget knows of a problem beforehand."""
    return Subject(problem.id, problem.level, problem.template)


def _fair_sample(problems: Sequence[Problem], count: int) -> list[Problem]:
    """`count` problems, evenly over levels and their templates."""
    ordered = sorted(problems, key=lambda problem: digest128(["pilot", problem.id]))
    levels = _groups(ordered, lambda problem: problem.level)
    by_level = [list(_in_turn(_groups(members, lambda problem: problem.template))) for members in levels]
    return list(_in_turn(by_level))[:count]


def _groups(problems: Sequence[Problem], key: Any) -> list[list[Problem]]:
    members: dict[Any, list[Problem]] = {}
    for problem in problems:
        members.setdefault(key(problem), []).append(problem)
    return list(members.values())  # in order of their first hashes: no name comes before another


def _in_turn(groups: Sequence[Sequence[T]]) -> Iterator[T]:
    """The first of each group, then the second of each, and so on."""
    missing = object()
    return (item for item in chain(*zip_longest(*groups, fillvalue=missing)) if item is not missing)  # type: ignore[misc]
