"""Budget `sweep`: an allocator chooses one of the recipe's steps on half of the problems; the other half reports on it.

A pull of a step draws `group` completions of the next problem of the half that chooses, at most one pull of each problem.
All steps draw the problems in one order, so that they are compared on the same ones. When the allocator is done, the chosen
step and the default draw `report` completions of each problem of the other half, which no choice has seen.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from rollmill.ground.errors import SetupError, unknown_name
from rollmill.ground.ids import digest128
from rollmill.pipelines.allocate.arms import Allocator, Arm, Pull
from rollmill.pipelines.budget.halves import ProblemHalves, halves_of
from rollmill.pipelines.budget.rounds import in_order
from rollmill.pipelines.budget.routing import steps_of
from rollmill.pipelines.option_checks import checked_count
from rollmill.roles.registries import registry
from rollmill.roles.tallies import Draw, RoundPlan, StepTally, Stop, Tally
from rollmill.steps.graph import StepGraph

SWEPT = "swept"


@dataclass(frozen=True)
class SweepBudget:
    """See the module. Rates have no estimate from the whole pool, as draws depend on verdicts: see
    `rollmill.pipelines.budget.sweep_result`.
    """

    name = "sweep"
    version = "1"
    estimator = "none"
    reads_verdicts = True
    prefix = 0
    routes = True
    rule = "allocator"
    entry: ClassVar[int | None] = None
    nested: ClassVar[Mapping[str, str]] = {"allocator": "allocator"}
    allocator: Any = "halving"
    """Allocator that chooses a step: a name, or `{method, options}`."""
    default: str = ""
    """Step that the chosen one is compared with; by default the first."""
    report: int = 4
    """Completions of each problem of the half that reports, of the chosen step and of the default."""
    salt: str = ""
    """Text that changes the halves, the order of problems and the allocator's random numbers."""

    def __post_init__(self) -> None:
        allocators = registry("allocator")
        built = [allocators[self.allocator]()] if isinstance(self.allocator, str) else list(self.allocator)
        if len(built) != 1:
            raise SetupError(f"budget 'sweep' takes one allocator, and has {len(built)}.", choices=tuple(allocators))
        object.__setattr__(self, "allocator", built)  # the class is frozen
        checked_count("budget", self.name, "report", self.report)

    @property
    def chooser(self) -> Allocator:
        """The allocator."""
        chooser: Allocator = self.allocator[0]
        return chooser

    @property
    def cap(self) -> int:
        """Most completions of one problem on one step."""
        return max(self.chooser.group, self.report)

    def check_steps(self, graph: StepGraph) -> None:
        """SetupError for fewer than two steps, an unknown default, or a total that is too small for the allocator."""
        if len(graph.roots) < 2:
            raise SetupError(
                f"budget {self.name!r} chooses between steps that follow nothing, and the recipe has one.",
                next_command="steps: [{name: cool, temperature: 0.5}, {name: warm}]",
            )
        if self.default not in ("", *graph.roots):
            raise unknown_name("default step of budget 'sweep'", self.default, graph.roots)
        # Called for its errors: the first round shows whether the total serves every step.
        self.chooser.next({name: Arm() for name in graph.roots}, {}, self._seed)

    def plan(self, round_index: int, tallies: Sequence[Tally]) -> RoundPlan:  # noqa: ARG002 - the tallies say it all
        """The next round of the allocator; after it, the half that reports; then every problem stops."""
        ordered = in_order(tallies)
        if not ordered:
            return RoundPlan((), ())
        halves = halves_of(ordered, self.salt)
        draws = self._choosing(halves) or self._reporting(halves)
        if draws:
            return RoundPlan(tuple(draws))
        return RoundPlan((), tuple(Stop(tally.problem_id, SWEPT) for tally in ordered))

    def arms(self, halves: ProblemHalves) -> dict[str, Arm]:
        """The pulls of each step so far."""
        arms: dict[str, Arm] = {}
        for place, name in enumerate(names_of(halves)):
            pulled = [step for tally in halves.choose if (step := steps_of(tally)[place]).drawn]
            pulls = tuple(Pull(judged_of(step), float(step.correct)) for step in pulled)
            arms[name] = Arm(pulls, len(halves.choose) - len(pulls))
        return arms

    def order(self, halves: ProblemHalves) -> list[str]:
        """All steps, the chosen one first."""
        return list(self.chooser.answer(self.arms(halves), {}, self._seed))

    def default_of(self, halves: ProblemHalves) -> str:
        """The step that the chosen one is compared with."""
        return self.default or names_of(halves)[0]

    @property
    def _seed(self) -> int:
        return int(digest128(["sweep", self.salt])[:8], 16)

    def _choosing(self, halves: ProblemHalves) -> list[Draw]:
        """The allocator's next pulls; none when it is done."""
        arms = self.arms(halves)
        planned = self.chooser.next(arms, {}, self._seed)
        draws = []
        for place, name in enumerate(arms):
            # In the half's own order, which all steps share, so that steps with as many pulls have the same problems.
            fresh = [tally for tally in halves.choose if not steps_of(tally)[place].drawn][: planned.get(name, 0)]
            draws += [Draw(tally.problem_id, 0, self.chooser.group, name) for tally in in_order(fresh)]
        return draws

    def _reporting(self, halves: ProblemHalves) -> list[Draw]:
        """The missing completions of the half that reports, of the chosen step and of the default."""
        reported = {self.order(halves)[0], self.default_of(halves)}
        draws = []
        for place, name in enumerate(names_of(halves)):
            for tally in halves.report if name in reported else ():
                step = steps_of(tally)[place]
                if step.drawn < self.report:
                    draws.append(Draw(tally.problem_id, step.drawn, self.report - step.drawn, name))
        return draws


def names_of(halves: ProblemHalves) -> list[str]:
    """The names of the steps, in the recipe's order."""
    return [step.name for step in steps_of((*halves.choose, *halves.report)[0])]


def judged_of(step: StepTally) -> int:
    """Judged completions: the denominator of a pass rate."""
    return step.correct + step.incorrect + step.unparsed
