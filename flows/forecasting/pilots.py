"""Pilots: a few completions that a forecast rests on, in a stream of their own.

They are stored like any others and never mixed with a run's. A pilot's problems are chosen by a hash of their ids, evenly
over levels and, within a level, over templates: whatever is observed of them later, they are a fair sample.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, groupby, zip_longest
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeVar

from rollmill.flows.forecasting.follow_ups import tokens_of
from rollmill.flows.identity import resolved_parts
from rollmill.ground.errors import FoundWanting
from rollmill.ground.ids import digest128
from rollmill.ground.records import Outcome, PlanRow, Problem, Rollout
from rollmill.ground.solutions import key_of_completion
from rollmill.pipelines.budget.fixed import Fixed
from rollmill.pipelines.budget.forecasts.later_verdicts import Recount
from rollmill.pipelines.budget.forecasts.posterior_predictive import Observation
from rollmill.pipelines.budget.forecasts.simulate import SimulatedProblem, SimulatedSample
from rollmill.roles.tallies import Draw, RoundPlan, Stop, Tally
from rollmill.storage.rollouts import Pair, completions_by_id, pair_of

if TYPE_CHECKING:
    from rollmill.flows.rounds import OpenRun
    from rollmill.flows.sampling.steps import Step

PILOT_PER_LEVEL = 8  # problems
PILOT_DRAWS = 8  # completions of each: fewer say little of a problem's own rate, more cost as much as a small run
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ForecastRequest:
    """Settings of a forecast. `pilot`: problems of a pilot; None: past runs if any, else a pilot of default size."""

    pilot: int | None = None
    draws: int = PILOT_DRAWS
    simulations: int = 100


def pilot_size(
    problems: Sequence[Problem], prefix: int, request: ForecastRequest, *, followed: bool = False
) -> tuple[int, int]:
    """Number of problems of a pilot and of draws per problem: never more completions than the run's minimum.

    `followed`: follow-ups may come by chance and in groups, so at most half of the problems are drawn, none more often than
    the run is certain to draw it.
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
    """Results of a pilot on one root step.

    `observed`: outcomes as the budget counts them; all are undecided on a root step that is not judged. `recount`: final
    outcomes, if they may differ from these. `tokens`: tokens in and out of all its completions. `rate`: tokens out per
    second of drawing, None if no completion was drawn now. `tokens_in`: tokens of each problem's prompt.
    """

    observed: Sequence[Observation]
    recount: Recount | None
    tokens: int
    rate: float | None
    tokens_in: dict[str, int]


@dataclass(frozen=True, slots=True)
class FixedOnSteps:
    """The budget `fixed` on some steps: as many draws of every problem on each."""

    steps: tuple[str, ...]
    initial: int
    name = Fixed.name
    version = Fixed.version
    estimator = Fixed.estimator

    @property
    def prefix(self) -> int:
        """All of them."""
        return self.initial

    def plan(self, round_index: int, tallies: Sequence[Tally]) -> RoundPlan:  # noqa: ARG002 - the tallies say it all
        """Draw the missing completions of each step; problems in order of their id."""
        draws, stops = [], []
        for tally in sorted(tallies, key=lambda tally: tally.problem_id):
            drawn = {step.name: step.drawn for step in tally.steps} or dict.fromkeys(self.steps, tally.drawn)
            missing = [Draw(tally.problem_id, n, self.initial - n, step) for step, n in drawn.items() if n < self.initial]
            draws += missing
            stops += [] if missing else [Stop(tally.problem_id, "trial_cap")]
        return RoundPlan(tuple(draws), tuple(stops))


def open_pilot(run: "OpenRun", steps: "Sequence[Step]", size: tuple[int, int]) -> "OpenRun":
    """A pilot on these steps, its run opened in the ledger; `size`: problems, draws of each on every root.

    A root alone, or all steps of the recipe, follow-ups included.
    """
    count, draws = size
    spec, loaded = run.spec, run.loaded
    problems = _fair_sample(spec.problems, count)
    parts = resolved_parts(run)
    roots = tuple(step.name for step in steps if not step.follows)
    names = [step.name for step in steps if step.name]
    identity = digest128([[problem.id for problem in problems], draws, loaded.recipe_hash, parts, *names])
    name = f"{loaded.recipe.name}-pilot-{identity[:8]}"
    recipe = {**loaded.canonical(), "resolved": parts, "prefix": draws, "job": run.session.job.data()}
    recipe["pilot"] = {"draws": draws}
    run.workspace.runs.open(name, name=name, recipe=recipe, recipe_hash=loaded.recipe_hash)
    return run.variant(
        replace(
            spec,
            problem_set=replace(spec.problem_set, problems=tuple(problems)),
            steps=steps,
            budget=FixedOnSteps(roots, draws),
            stream="pilot",
        ),
        name,
    )


def draw_pilot(pilot: "OpenRun") -> Pilot:
    """Draw and judge what a former pilot lacks; the resulting evidence on its first root."""
    rate = drawn_by(pilot)
    root = pilot.spec.roots[0].name
    rows = [row for plan in pilot.workspace.runs.plans(pilot.id) for row in plan if row.step == root]
    sizes = dict(zip(rows, tokens_of(pilot.workspace, rows), strict=True))
    ended = list(_observations(pilot, rows))
    changes = pilot.verifiers.outcomes_may_change and pilot.spec.judged(root)
    planned = pilot.outcomes(rows) if changes else {}
    return Pilot(
        [_by_the_plan(entry, planned) for entry in ended],
        Recount([entry for _, entry in ended], stays=_stays(pilot, rows, planned)) if changes else None,
        sum(map(sum, sizes.values())),
        rate,
        {row.problem_id: sent for row, (sent, _) in reversed(sizes.items())},
    )


def drawn_by(pilot: "OpenRun") -> float | None:
    """Draw and judge what a former pilot lacks; returns the tokens out per second of this drawing."""
    from rollmill.flows.rounds import run_all
    from rollmill.flows.rounds.judging.votes import judge_by_votes

    results = run_all(pilot)  # nothing if a former pilot drew it all: then no speed is known
    if results and results[-1].stopped is not None:
        raise FoundWanting(
            f"the pilot reached the {results[-1].stopped}.", next_command="a higher limit, or a smaller --pilot"
        )
    judge_by_votes(pilot)
    tokens = sum(result.tokens for result in results)
    size = {"problems": len(pilot.spec.problems), "draws": pilot.spec.budget.prefix}
    pilot.workspace.runs.finish(pilot.id, "done", {"pilot": size, "next": "rollmill plan RECIPE"})
    # Of drawing alone: what a small pilot takes to start engines and verifiers is most of its time, and little of a run's.
    seconds = sum(result.drawing for result in results)
    return tokens / seconds if tokens and seconds else None


def _observations(pilot: "OpenRun", rows: Sequence[PlanRow]) -> Iterator[tuple[list[Pair], Observation]]:
    """The completions of each problem and their outcomes, the final ones included."""
    if pilot.spec.judged(rows[0].step):
        for _, rollouts in pilot.reader().rollouts(rows, pilot.verifiers.counted):
            pairs = [(rollout.completion.id, rollout.problem.id) for rollout in rollouts]
            yield pairs, Observation(subject_of(rollouts[0].problem), [_sample(rollout) for rollout in rollouts])
        return
    texts = completions_by_id(pilot.workspace, {row.completion_id for row in rows})
    for problem_id, members in groupby(sorted(rows, key=attrgetter("problem_id")), attrgetter("problem_id")):
        pairs = [pair_of(row) for row in members]
        samples = [SimulatedSample("undecided", None, texts[cid].tokens_out or 0) for cid, _ in pairs]
        yield pairs, Observation(subject_of(pilot.spec.problem(problem_id)), samples)


def _by_the_plan(ended: tuple[list[Pair], Observation], planned: Mapping[Pair, Outcome]) -> Observation:
    """The samples with the outcomes that the plan used."""
    pairs, entry = ended
    samples = [
        sample._replace(outcome=planned.get(pair, sample.outcome))
        for pair, sample in zip(pairs, entry.samples, strict=True)
    ]
    return Observation(entry.subject, samples)


def _stays(pilot: "OpenRun", rows: Sequence[PlanRow], planned: Mapping[Pair, Outcome]) -> bool:
    """True if correct outcomes of the plan stay correct whatever the votes, checked on the pilot's completions."""
    if len(pilot.spec.policies()) > 1:
        return False
    right = [row for row in rows if planned[pair_of(row)] == "correct"]
    against = pilot.reader().accepted(right, lambda verdicts: pilot.verifiers.planned_by(verdicts, votes="incorrect"))
    return all(verdict.outcome == "correct" for verdict in against.values())


def _sample(rollout: Rollout) -> SimulatedSample:
    """A rollout as evidence."""
    from rollmill.ground.pool import answer_key

    completion, verdict = rollout.completion, rollout.verdict
    return SimulatedSample(verdict.outcome, key_of_completion(completion), completion.tokens_out or 0, answer_key(verdict))


def subject_of(problem: Problem) -> SimulatedProblem:
    """Facts of a problem that a budget knows before any draw."""
    return SimulatedProblem(problem.id, problem.level, problem.template)


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
