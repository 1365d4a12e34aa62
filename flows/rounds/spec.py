"""What a run is. Free of Prefect and of the recipe's spelling; builds engines only when asked.

Whatever can change a row comes from the recipe (problems, seed, stream, sampling, batch size, generator, verifiers, budget,
selector, scorers); the rest (threads, queue sizes, lease times, the event callback) comes from the profile and cannot.
"""

import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Literal

from flows.sampling.arms import Arm, Engines, check_differ
from flows.sampling.arms import check_names as check_arm_names
from flows.sampling.charges import Account
from flows.sampling.control import Limits
from flows.sampling.sample import Samplers
from flows.sampling.spend_limiter import SpendLimiter
from pipelines.generate.prices import Prices
from pipelines.protocols import Budget, Generator, Interruptible, RuledVerifier, Scorer, Selector, Verifier
from pipelines.verify.acceptance import PLAIN, Policy, check_names
from storage.errors import SetupError
from storage.records import STREAMS, Origin, PlanRow, Problem, Sampling, Stream, is_stream
from storage.spending import Limit
from storage.workspace import Workspace

EventKind = Literal["planned", "drawn", "verified", "waiting", "done"]


@dataclass(frozen=True, slots=True)
class Event:
    """Something happened in a round: rows done of rows planned in it, tokens drawn, seconds since the round began.

    `here`: the rows of `done` that this command did itself; `correct`: those of them that were judged correct.
    """

    kind: EventKind
    round: int
    done: int
    total: int
    tokens: int
    seconds: float
    here: int = 0
    correct: int = 0


def rules_of(verifier: Verifier) -> tuple[tuple[str, str], ...]:
    """The (rule, version) pairs that a verifier exposes, in the order in which it tries them."""
    rules = verifier.rules if isinstance(verifier, RuledVerifier) else None
    return tuple((str(rule), str(version)) for rule, version in rules or ())


def ignore(event: Event) -> None:
    """The default listener: nobody listens."""


@dataclass(slots=True)
class RunSpec:
    """One run. `generator` None: the rollouts were imported and nothing is drawn.

    `accept` says which of the verifiers' verdicts counts, by default a chain: what one leaves undecided goes to the next.
    `planned_under` is the policy by which the budget counts, where it is another one. `imported_models` limits an imported
    run to completions of these model labels, `imports` to the rollout imports of these names; completions that name one of
    the problems `left_out` are not taken for another with the same prompt. Close it, or use it as a context manager: it
    holds the engines and the verifiers once they are built.
    `arms`: what a routing budget chooses from, in its order; then `generator` and `sampling` are
    those of the first.
    `limit`: what the run may spend over all its commands; drawing ends early there. `prices`: of engines that give no cost.
    `samplers`: what its verifiers ask models by.
    `plans`, `outcomes` and `solution_keys` (by round, see `remembering`), `answer_keys` and `tokens` (by round, problem and
    arm) remember what was read of committed rows, so that no round reads it again.
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
    arms: Sequence[Arm] = ()
    batch_size: int = 256
    scorers: Sequence[Scorer] = ()
    accept: Policy = PLAIN
    planned_under: Policy | None = None
    imported_models: Sequence[str] | None = None
    imports: Sequence[str] = ()
    left_out: Collection[str] = ()
    lookahead: int = 0
    limits: Limits = field(default_factory=Limits)
    prices: Prices | None = None
    limit: Limit = field(default_factory=Limit)
    samplers: Samplers | None = None
    on_event: Callable[[Event], None] = ignore
    plans: list[Sequence[PlanRow]] = field(default_factory=list, repr=False)
    outcomes: dict[int, bytearray] = field(default_factory=dict, repr=False)
    solution_keys: dict[int, bytearray] = field(default_factory=dict, repr=False)
    tokens: dict[int, dict[tuple[str, str], int]] = field(default_factory=dict, repr=False)
    answer_keys: dict[tuple[str, str], str | None] = field(default_factory=dict, repr=False)
    _engines: Engines = field(default_factory=Engines, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _idle: list[list[Verifier]] = field(default_factory=list, repr=False)
    _busy: list[list[Verifier]] = field(default_factory=list, repr=False)
    _chain: tuple[tuple[str, str], ...] | None = field(default=None, repr=False)
    _arms_by_name: dict[str, Arm] | None = field(default=None, repr=False)
    _problems_by_id: dict[str, Problem] | None = field(default=None, repr=False)
    _limiter: SpendLimiter | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not self.problems:
            raise SetupError("the recipe has no problems.", next_command="rollmill synthesize or rollmill import problems")
        if not self.verifiers:
            raise SetupError("the recipe names no verifier.", next_command="rollmill recipe check RECIPE")
        if not is_stream(self.stream):
            raise SetupError(f"unknown stream {self.stream!r}.", choices=STREAMS)
        if self.batch_size < 1:
            raise SetupError(f"batch_size is {self.batch_size}, and must be at least 1.")
        if self.lookahead != 0:
            raise SetupError(f"lookahead is {self.lookahead}; this version plans each round from all earlier ones: use 0.")
        if self.arms:
            check_arm_names(self.arms)
            self.generator, self.sampling = self.arms[0].generator, self.arms[0].sampling

    @property
    def prefix(self) -> int | None:
        """The completions of each problem that rates are over, fixed before any verdict: the one home of this number.

        None where all rows were imported, and all count; 0 where the budget's draws allow no estimate of a rate.
        """
        if self.generator is None:
            return None
        return 0 if self.budget.estimator == "none" else self.budget.prefix

    @property
    def account(self) -> Account:
        """Who pays for what is drawn."""
        return Account(self.run, self.limit, self.prices)

    def limiter(self, ws: Workspace) -> SpendLimiter:
        """The limit of the run, shared by its rounds and its judges."""
        with self._lock:
            self._limiter = self._limiter or SpendLimiter(ws, self.account)
            return self._limiter

    def every_arm(self) -> tuple[Arm, ...]:
        """The arms in order; one without a name where the recipe has none."""
        if self.generator is None:
            raise RuntimeError("an imported run has no generator")
        return tuple(self.arms) or (Arm("", self.generator, self.sampling, batch_size=self.batch_size),)

    def arm(self, name: str = "") -> Arm:
        """The arm of this name, or the only one; SetupError where the committed plan names one that the recipe lacks."""
        if self._arms_by_name is None:
            self._arms_by_name = {arm.name: arm for arm in self.every_arm()}
        try:
            return self._arms_by_name[name]
        except KeyError:
            choices, advice = list(self._arms_by_name), "give the changed recipe another name"
            raise SetupError(f"run {self.run} has no arm {name!r}.", choices=choices, next_command=advice) from None

    def place(self, name: str) -> int:
        """Which of the arms this is, from 0."""
        return self.every_arm().index(self.arm(name)) if self.arms else 0

    def check_arms(self) -> None:
        """SetupError where two arms would draw the same texts; builds their engines."""
        if len(self.arms) > 1:
            check_differ(self.arms, self._engines, self.problems[0])

    def engine(self, arm: str = "") -> Generator:
        """The generator of an arm ("": of the first, or of the only one), built on first use and kept until `close`."""
        if self.generator is None:
            raise RuntimeError("an imported run has no generator")
        return self._engines.of(self.arm(arm).generator if arm else self.generator)

    def engines(self) -> list[Generator]:
        """The engines that were built so far."""
        return self._engines.built()

    @contextmanager
    def verifying(self) -> Iterator[Sequence[Verifier]]:
        """A chain of verifiers for one thread at a time, kept for the next: some hold processes that start slowly."""
        with self._lock:
            chain = self._idle.pop() if self._idle else None
        chain = chain or [make() for make in self.verifiers]
        with self._lock:
            self._busy.append(chain)
        try:
            yield chain
        finally:
            with self._lock:
                self._busy = [other for other in self._busy if other is not chain]
                self._idle.append(chain)

    def interrupt_verifiers(self) -> None:
        """Make verifiers that can give up what is under way do so; from any thread."""
        with self._lock:
            busy = [part for chain in self._busy for part in chain]
        for part in busy:
            if isinstance(part, Interruptible):
                part.interrupt()

    def origin(self, arm: str = "") -> Origin:
        """Where the completions of this run, on an arm, come from."""
        engine = self.engine(arm)
        return Origin(engine.engine, engine.model_digest, self.stream, self.recipe_seed)

    def chain(self) -> tuple[tuple[str, str], ...]:
        """(name, version) of the verifiers in order."""
        if self._chain is None:
            with self.verifying() as chain:
                self._chain = tuple((part.name, part.version) for part in chain)
            for policy in self.policies():
                check_names(policy, [name for name, _ in self._chain])
        return self._chain

    def rules(self) -> dict[tuple[str, str], tuple[tuple[str, str], ...]]:
        """What each verifier tries, in its order, by (name, version); nothing where it does not say."""
        with self.verifying() as chain:
            return {(part.name, part.version): rules_of(part) for part in chain}

    @property
    def planning(self) -> Policy:
        """The policy by which the budget counts."""
        return self.planned_under or self.accept

    def policies(self) -> tuple[Policy, ...]:
        """Every policy whose verdicts a row needs before it is judged."""
        return (self.accept,) if self.planned_under in (None, self.accept) else (self.planning, self.accept)

    def problem(self, problem_id: str) -> Problem:
        """The problem with this id; a SetupError where the committed plan names one that the recipe no longer has."""
        if self._problems_by_id is None:
            self._problems_by_id = {problem.id: problem for problem in self.problems}
        try:
            return self._problems_by_id[problem_id]
        except KeyError:
            raise SetupError(
                f"run {self.run} has a committed plan for problem {problem_id}, which the recipe no longer has.",
                next_command="give the changed recipe another name",
            ) from None

    def tell(self, event: Event) -> None:
        """Pass an event on."""
        self.on_event(event)

    def close(self) -> None:
        """Release the engines and the verifiers; safe to call twice."""
        with self._lock:
            chains, self._idle = self._idle, []
        for part in (part for chain in chains for part in chain):
            part.close()
        self._engines.close()
        if self.samplers is not None:
            self.samplers.close()

    def __enter__(self) -> "RunSpec":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
