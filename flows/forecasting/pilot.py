"""A pilot: a few completions of some problems in a stream of their own, stored like any others and never mixed with them.

Problems are chosen by a hash of their ids, evenly over levels and, within a level, over templates: whatever is observed of
them later, they are a fair sample. Knows no forecast.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, zip_longest
from typing import TYPE_CHECKING, Any, TypeVar

from flows.identity import resolved_parts
from pipelines.budget import Fixed
from pipelines.budget.posterior_predictive import Observation
from pipelines.budget.simulate import Sample, Subject
from pipelines.protocols import RoundPlan, Tally
from storage.errors import FoundWanting
from storage.ids import digest128
from storage.records import Problem, Rollout
from storage.solutions import key_of_completion

if TYPE_CHECKING:
    from flows.rounds import OpenRun
    from flows.sampling.arms import Arm
    from flows.session import RecipeRun
    from storage.workspace import Workspace

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Pilot:
    """What a pilot showed. `rate`: tokens out per second of drawing, None where nothing was drawn now."""

    run: str
    observed: Sequence[Observation]
    drawn: int
    tokens: int
    rate: float | None
    tokens_in: dict[str, int]


def chosen(problems: Sequence[Problem], count: int) -> list[Problem]:
    """`count` problems, evenly over levels and their templates."""
    ordered = sorted(problems, key=lambda problem: digest128(["pilot", problem.id]))
    levels = _groups(ordered, lambda problem: problem.level)
    by_level = [list(_in_turn(_groups(members, lambda problem: problem.template))) for members in levels]
    return list(_in_turn(by_level))[:count]


def run_pilots(run: "RecipeRun", count: int, draws: int) -> dict[str, Pilot]:
    """A pilot on each arm, of the same problems; one, named "", where the recipe has no arms."""
    return {arm.name: _run_pilot(run.workspace, pilot_run(run, arm, (count, draws))) for arm in run.spec.every_arm()}


def _run_pilot(workspace: "Workspace", pilot: "OpenRun") -> Pilot:
    """Draw and judge what a former pilot did not."""
    from flows.rounds import run_all
    from flows.rounds.gather import rollouts_by_problem

    began = time.monotonic()
    results = run_all(workspace, pilot)
    seconds = time.monotonic() - began
    if results and results[-1].stopped is not None:
        raise FoundWanting(
            f"the pilot reached the {results[-1].stopped}.", next_command="a higher limit, or a smaller --pilot"
        )
    rows = [row for plan in workspace.runs.plans(pilot.id) for row in plan]
    rollouts = dict(rollouts_by_problem(workspace, pilot, rows))
    tokens = sum(result.tokens for result in results)
    size = {"problems": len(pilot.spec.problems), "draws": len(rows) // len(pilot.spec.problems)}
    workspace.runs.finish(pilot.id, "done", {"pilot": size, "next": "rollmill plan RECIPE"})
    return Pilot(
        pilot.id,
        [observed(subject_of(members[0].problem), members) for members in rollouts.values()],
        sum(result.drawn for result in results),
        sum((row.completion.tokens_in or 0) + (row.completion.tokens_out or 0) for row in chain(*rollouts.values())),
        tokens / seconds if tokens else None,
        {problem_id: members[0].completion.tokens_in or 0 for problem_id, members in rollouts.items()},
    )


@dataclass(frozen=True, slots=True)
class OnArm:
    """The budget `fixed` on one arm: as many draws of every problem."""

    arm: str
    initial: int
    name = Fixed.name
    version = Fixed.version
    estimator = Fixed.estimator

    @property
    def prefix(self) -> int:
        """All of them."""
        return self.initial

    def plan(self, round_index: int, tallies: Sequence[Tally]) -> RoundPlan:
        """What `fixed` plans, for this arm."""
        plan = Fixed(initial=self.initial).plan(round_index, tallies)
        return replace(plan, draws=tuple(replace(draw, arm=self.arm) for draw in plan.draws))


def pilot_run(run: "RecipeRun", arm: "Arm", size: tuple[int, int]) -> "OpenRun":
    """A pilot on an arm, its run opened in the ledger; `size`: problems, and draws of each."""
    count, draws = size
    spec, loaded = run.spec, run.loaded
    problems = chosen(spec.problems, count)
    parts = resolved_parts(run)
    named = [arm.name] if arm.name else []
    identity = digest128([[one.id for one in problems], draws, loaded.recipe_hash, parts, *named])
    name = f"{loaded.recipe.name}-pilot-{identity[:8]}"
    recipe = {**loaded.canonical(), "resolved": parts, "prefix": draws, "job": run.session.job.data()}
    recipe["pilot"] = {"draws": draws}
    run.workspace.runs.open(name, name=name, recipe=recipe, recipe_hash=loaded.recipe_hash)
    arms = [arm] if arm.name else ()
    return run.open.variant(
        replace(spec, run=name, problems=problems, arms=arms, budget=OnArm(arm.name, draws), stream="pilot")
    )


def observed(subject: Subject, rollouts: Iterable[Rollout]) -> Observation:
    """Rollouts of a problem as evidence."""
    from storage.pool import answer_key

    return Observation(
        subject,
        [
            Sample(
                one.verdict.outcome,
                key_of_completion(one.completion),
                one.completion.tokens_out or 0,
                answer_key(one.verdict),
            )
            for one in rollouts
        ],
    )


def subject_of(problem: Problem) -> Subject:
    """What a budget knows of a problem beforehand."""
    return Subject(problem.id, problem.level, problem.template)


def _groups(problems: Sequence[Problem], key: Any) -> list[list[Problem]]:
    found: dict[Any, list[Problem]] = {}
    for problem in problems:
        found.setdefault(key(problem), []).append(problem)
    return list(found.values())  # in order of their first hashes: no name comes before another


def _in_turn(groups: Sequence[Sequence[T]]) -> Iterator[T]:
    """The first of each group, then the second of each, and so on."""
    missing = object()
    return (item for item in chain(*zip_longest(*groups, fillvalue=missing)) if item is not missing)  # type: ignore[misc]
