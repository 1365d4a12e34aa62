"""Specification of a run, as plain data: its recipe, problems and methods, and how much may be under way while it is drawn.

Whatever can change a row comes from the recipe (problems, seed, stream, sampling, batch size, generator, verifiers, budget,
selector, scorers); the rest (threads, queue sizes, lease times, limits, prices) comes from the profile and cannot.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from rollmill.flows.problems import RecipeProblems
from rollmill.flows.recipe.load import LoadedRecipe
from rollmill.flows.sampling.control import QueueLimits
from rollmill.flows.sampling.steps import Step
from rollmill.ground.errors import SetupError
from rollmill.ground.records import STREAMS, Problem, Prompt, Stream
from rollmill.pipelines.generate.decoders.decoder import by_weight
from rollmill.pipelines.generate.prices import Prices
from rollmill.pipelines.verify.acceptance import PLAIN, Policy
from rollmill.roles.protocols import Budget, Scorer, Selector, Verifier
from rollmill.steps.graph import StepGraph
from rollmill.storage.spending import Limit


# No slots, since a cached_property keeps its value in __dict__.
@dataclass(frozen=True)
class RunSpec:
    """Specification of one run. It is frozen, and lacks the id that the ledger gives the run.

    `problem_set`: its problems, and what was dropped when they were made. `steps`: the recipe's steps in their order; one
    step without a name if the recipe lists none. `accept`: policy that says which verifier's verdict counts; by default a
    chain, in which the next verifier gets what one leaves undecided. `planned_under`: policy under which the budget counts,
    if it is another one. `imports`: names of the rollout imports to which an imported run is limited. `imported`: digest of
    these imports, if verdicts read votes. `limit`: most that the run may spend over all its commands; drawing ends there.
    `prices`: prices for engines that report no cost. `loaded`: the recipe that it was built from; None if it was built in
    code.
    """

    problem_set: RecipeProblems
    steps: Sequence[Step]
    verifiers: Sequence[Callable[[], Verifier]]
    budget: Budget
    selector: Selector
    recipe_seed: int = 0
    stream: Stream = "curate"
    scorers: Sequence[Scorer] = ()
    accept: Policy = PLAIN
    planned_under: Policy | None = None
    imports: Sequence[str] = ()
    imported: str = ""
    limits: QueueLimits = field(default_factory=QueueLimits)
    prices: Prices | None = None
    limit: Limit = field(default_factory=Limit)
    loaded: LoadedRecipe | None = None

    def __post_init__(self) -> None:
        if not self.problems:
            raise SetupError("the recipe has no problems.", next_command="rollmill synthesize or rollmill import problems")
        if not self.verifiers:
            raise SetupError("the recipe names no verifier.", next_command="rollmill recipe check RECIPE")
        if not is_stream(self.stream):
            raise SetupError(f"unknown stream {self.stream!r}.", choices=STREAMS)
        if not self.graph.nodes:
            raise SetupError("the recipe has no step.", next_command="rollmill recipe check RECIPE")

    @property
    def problems(self) -> tuple[Problem, ...]:
        """The problems of the run, in a fixed order."""
        return self.problem_set.problems

    @property
    def left_out(self) -> frozenset[str]:
        """The ids of the problems whose completions are not used for another problem with the same prompt."""
        return self.problem_set.left_out

    @cached_property
    def graph(self) -> StepGraph:
        """Graph of the steps and their follow-ups."""
        return StepGraph([step.node.step for step in self.steps])

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the recipe's steps; none if it lists none."""
        return tuple(step.name for step in self.steps if step.name)

    @property
    def takes_imports(self) -> bool:
        """True if the rollouts of the problems were imported; follow-up steps may still draw."""
        return self.steps[0].generator is None

    @property
    def prefix(self) -> int | None:
        """The completions of each problem that rates are over, fixed before any verdict: the one home of this number.

        None if all rows were imported, and all count; 0 if the budget's draws allow no estimate of a rate, if they are not
        judged, or if they count by their weights.
        """
        # First, because imported rollouts have no rate either if nobody judges them.
        if not self.judged(self.steps[0].name) or self.by_weight:
            return 0
        if self.takes_imports:
            return None
        return 0 if self.budget.estimator == "none" else self.budget.prefix

    @cached_property
    def by_weight(self) -> bool:
        """True if the completions of a first step count by their weights."""
        return any(step.generator is not None and by_weight(step.sampling) for step in self.roots)

    @cached_property
    def roots(self) -> tuple[Step, ...]:
        """The steps that ask about the problem alone: what a budget draws on. Several where it routes between them."""
        return tuple(step for step in self.steps if not step.follows)

    @property
    def drawing(self) -> tuple[Step, ...]:
        """The steps that an engine draws: all but one whose rollouts were imported."""
        return tuple(step for step in self.steps if step.generator is not None)

    @property
    def routed(self) -> tuple[str, ...]:
        """The names of the steps that a budget chooses between; none if there is one."""
        return tuple(step.name for step in self.roots) if len(self.roots) > 1 else ()

    @property
    def follows(self) -> bool:
        """True for a recipe with follow-up steps."""
        return bool(self.graph.follow_ups)

    def judged(self, step: str) -> bool:
        """True if the completions of a step are judged."""
        return step in self.graph.answers

    @cached_property
    def judges_all(self) -> bool:
        """True if the completions of every step are judged."""
        return len(self.graph.answers) == len(self.steps)

    def prompt_for(self, step: str, problem: Problem) -> Prompt:
        """Prompt of a problem on a root step; on a follow-up step, the problem's own prompt."""
        asking = self.step(step)
        return problem.prompt if asking.follows else asking.prompt_for(problem)

    def step(self, name: str = "") -> Step:
        """The step of this name; SetupError if the committed plan names one that the recipe lacks."""
        try:
            return self._steps_by_name[name]
        except KeyError:
            choices, advice = list(self._steps_by_name), "give the changed recipe another name"
            raise SetupError(f"the run has no step {name!r}.", choices=choices, next_command=advice) from None

    def place(self, name: str) -> int:
        """Position of the step in the recipe, from 0."""
        # By way of `step`, so that an unknown name is an error for the user and no KeyError.
        return self._places[name] if name in self._places else self._places[self.step(name).name]

    @property
    def planning(self) -> Policy:
        """The policy by which the budget counts."""
        return self.planned_under or self.accept

    def policies(self) -> tuple[Policy, ...]:
        """Every policy whose verdicts a row needs before it is judged."""
        # An equal policy wants the same verdicts, which are then asked for once.
        return (self.accept,) if self.planned_under in (None, self.accept) else (self.planning, self.accept)

    def problem(self, problem_id: str) -> Problem:
        """The problem with this id; a SetupError if the committed plan names one that the recipe no longer has."""
        try:
            return self._problems_by_id[problem_id]
        except KeyError:
            raise SetupError(
                f"the committed plan has problem {problem_id}, which the recipe no longer has.",
                next_command="give the changed recipe another name",
            ) from None

    @cached_property
    def _steps_by_name(self) -> dict[str, Step]:
        return {step.name: step for step in self.steps}

    @cached_property
    def _places(self) -> dict[str, int]:
        return {step.name: place for place, step in enumerate(self.steps)}

    @cached_property
    def _problems_by_id(self) -> dict[str, Problem]:
        return {problem.id: problem for problem in self.problems}


def redrawn(stream: Stream, number: int) -> Stream:
    """The stream of the `number`-th redraw of a stream; 0 is the stream itself."""
    return f"{stream}-{number}" if number else stream


def is_stream(name: str) -> bool:
    """True for the name of a stream."""
    stream, dash, number = name.partition("-")
    return stream in STREAMS and (not dash or (number.isascii() and number.isdigit() and number[0] != "0"))
