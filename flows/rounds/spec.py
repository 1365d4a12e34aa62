"""What a run is, as plain data: what a recipe's names stand for, and how much may be under way while it is drawn.

Whatever can change a row comes from the recipe (problems, seed, stream, sampling, batch size, generator, verifiers, budget,
selector, scorers); the rest (threads, queue sizes, lease times, limits, prices) comes from the profile and cannot.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from flows.sampling.charges import Account
from flows.sampling.control import Limits
from flows.sampling.steps import Step, check_names
from pipelines.generate.prices import Prices
from pipelines.generate.prompts import PromptForm
from pipelines.protocols import Budget, Generator, Scorer, Selector, Verifier
from pipelines.steps.graph import StepGraph
from pipelines.verify.acceptance import PLAIN, Policy
from storage.errors import SetupError
from storage.records import STREAMS, Problem, Prompt, Sampling, Stream, is_stream
from storage.spending import Limit


@dataclass(frozen=True)
class RunSpec:
    """One run. `generator` None: the rollouts were imported and nothing is drawn.

    `accept` says which of the verifiers' verdicts counts, by default a chain: what one leaves undecided goes to the next.
    `planned_under` is the policy by which the budget counts, where it is another one. `imports` limits an imported run to
    the rollout imports of these names, and `imported` is a digest of them where verdicts go by votes; completions that name
    one of the problems `left_out` are not taken for another with the same prompt. `steps`: the recipe's, in its order, and
    `graph` what follows what, where some follow others; `generator` and `sampling` are those of the first.
    `limit`: what the run may spend over all its commands; drawing ends early there. `prices`: of engines that give no cost.
    `form`: how a run without steps asks.
    """

    run: str
    problems: Sequence[Problem]
    generator: Callable[[], Generator] | None
    verifiers: Sequence[Callable[[], Verifier]]
    budget: Budget
    selector: Selector
    recipe_seed: int = 0
    stream: Stream = "curate"
    sampling: Sampling = field(default_factory=Sampling)
    steps: Sequence[Step] = ()
    graph: StepGraph | None = None
    batch_size: int = 256
    scorers: Sequence[Scorer] = ()
    accept: Policy = PLAIN
    planned_under: Policy | None = None
    imports: Sequence[str] = ()
    imported: str = ""
    left_out: Collection[str] = ()
    limits: Limits = field(default_factory=Limits)
    prices: Prices | None = None
    limit: Limit = field(default_factory=Limit)
    form: PromptForm = field(default_factory=PromptForm)

    def __post_init__(self) -> None:
        if not self.problems:
            raise SetupError("the recipe has no problems.", next_command="rollmill synthesize or rollmill import problems")
        if not self.verifiers:
            raise SetupError("the recipe names no verifier.", next_command="rollmill recipe check RECIPE")
        if not is_stream(self.stream):
            raise SetupError(f"unknown stream {self.stream!r}.", choices=STREAMS)
        if self.batch_size < 1:
            raise SetupError(f"batch_size is {self.batch_size}, and must be at least 1.")
        if self.steps:
            check_names(self.steps)
            object.__setattr__(self, "generator", self.steps[0].generator)
            object.__setattr__(self, "sampling", self.steps[0].sampling)

    @property
    def prefix(self) -> int | None:
        """The completions of each problem that rates are over, fixed before any verdict: the one home of this number.

        None where all rows were imported, and all count; 0 where the budget's draws allow no estimate of a rate, or where
        nobody judges them.
        """
        if not self.judged(self.every_step()[0].name):
            return 0
        if self.generator is None:
            return None
        return 0 if self.budget.estimator == "none" else self.budget.prefix

    @property
    def account(self) -> Account:
        """Who pays for what is drawn."""
        return Account(self.run, self.limit, self.prices)

    def every_step(self) -> tuple[Step, ...]:
        """The steps in order; one without a name where the recipe has none."""
        return tuple(self.steps) or (Step("", self.generator, self.sampling, self.form, self.batch_size),)

    @cached_property
    def roots(self) -> tuple[Step, ...]:
        """The steps that ask about the problem alone: what a budget draws on. Several where it routes between them."""
        return tuple(step for step in self.every_step() if not step.follows)

    @property
    def drawing(self) -> tuple[Step, ...]:
        """The steps that an engine draws: all but one whose rollouts were imported."""
        return tuple(step for step in self.every_step() if step.generator is not None)

    @property
    def routed(self) -> tuple[str, ...]:
        """The names of the steps that a budget chooses between; none where there is one."""
        return tuple(step.name for step in self.roots) if len(self.roots) > 1 else ()

    @property
    def follows(self) -> bool:
        """Whether some steps follow others."""
        return self.graph is not None and bool(self.graph.follow_ups)

    def judged(self, step: str) -> bool:
        """Whether the completions of a step are judged."""
        return self.graph is None or step in self.graph.answers

    def prompt_for(self, step: str, problem: Problem) -> Prompt:
        """What a model is asked for a problem on a root; of the other steps, the problem's own prompt."""
        asking = self.step(step)
        return problem.prompt if asking.follows else asking.prompt_for(problem)

    def step(self, name: str = "") -> Step:
        """The step of this name, or the only one; SetupError where the committed plan names one that the recipe lacks."""
        try:
            return self._steps_by_name[name]
        except KeyError:
            choices, advice = list(self._steps_by_name), "give the changed recipe another name"
            raise SetupError(f"run {self.run} has no step {name!r}.", choices=choices, next_command=advice) from None

    def place(self, name: str) -> int:
        """Which of the steps this is, from 0."""
        return self.every_step().index(self.step(name)) if self.steps else 0

    @property
    def planning(self) -> Policy:
        """The policy by which the budget counts."""
        return self.planned_under or self.accept

    def policies(self) -> tuple[Policy, ...]:
        """Every policy whose verdicts a row needs before it is judged."""
        return (self.accept,) if self.planned_under in (None, self.accept) else (self.planning, self.accept)

    def problem(self, problem_id: str) -> Problem:
        """The problem with this id; a SetupError where the committed plan names one that the recipe no longer has."""
        try:
            return self._problems_by_id[problem_id]
        except KeyError:
            raise SetupError(
                f"run {self.run} has a committed plan for problem {problem_id}, which the recipe no longer has.",
                next_command="give the changed recipe another name",
            ) from None

    @cached_property
    def _steps_by_name(self) -> dict[str, Step]:
        return {step.name: step for step in self.every_step()}

    @cached_property
    def _problems_by_id(self) -> dict[str, Problem]:
        return {problem.id: problem for problem in self.problems}
