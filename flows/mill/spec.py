"""What the mill needs to know of one run. Free of Prefect and of the recipe's spelling; builds engines only when asked.

Whatever can change a row comes from the recipe (problems, seed, stream, sampling, batch size, generator, verifiers, budget,
selector, scorers); the rest (threads, queue sizes, lease times, the event callback) comes from the profile and cannot.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Literal

from pipelines.protocols import Budget, Generator, Scorer, Selector, Verifier
from storage.errors import SetupError
from storage.records import STREAMS, Origin, Outcome, PlanRow, Problem, Sampling, Stream

EventKind = Literal["planned", "drawn", "verified", "waiting", "done"]


@dataclass(frozen=True, slots=True)
class Event:
    """Something happened in a round: rows done of rows planned in it, tokens drawn, seconds since the round began."""

    kind: EventKind
    round: int
    done: int
    total: int
    tokens: int
    seconds: float

    @property
    def rate(self) -> float:
        """Rows per second so far."""
        return self.done / self.seconds if self.seconds > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Limits:
    """How much may be under way at once. None of it changes a row.

    `uncommitted`: batches being drawn or drawn and not yet committed, all that a kill repays. `unjudged`: batches drawn and
    not yet judged; bounds memory. `verify_threads`: verifier instances that work side by side.
    """

    uncommitted: int = 2
    unjudged: int = 4
    verify_threads: int = 1
    lease_seconds: float = 60.0
    poll_seconds: float = 0.2


def ignore(event: Event) -> None:
    """The default listener: nobody listens."""


@dataclass(slots=True)
class MillSpec:
    """One run of the mill. `generator` None: the rollouts were imported and nothing is drawn.

    `verifiers` is a chain: what one leaves undecided goes to the next. `imported_models` limits an imported run to
    completions of these model labels, `imports` to the rollout imports of these names. Close it, or use it as a context
    manager: it holds the engine and the verifiers once they are built.
    `plans`, `outcomes` and `solution_keys` (None: cut off) remember what was read of committed rows, so that no round reads
    it again.
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
    batch_size: int = 256
    scorers: Sequence[Scorer] = ()
    imported_models: Sequence[str] | None = None
    imports: Sequence[str] = ()
    lookahead: int = 0
    limits: Limits = field(default_factory=Limits)
    on_event: Callable[[Event], None] = ignore
    plans: list[list[PlanRow]] = field(default_factory=list, repr=False)
    outcomes: dict[tuple[str, str], Outcome] = field(default_factory=dict, repr=False)
    solution_keys: dict[str, str | None] = field(default_factory=dict, repr=False)
    _engine: Generator | None = field(default=None, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _idle: list[list[Verifier]] = field(default_factory=list, repr=False)
    _chain: tuple[tuple[str, str], ...] | None = field(default=None, repr=False)
    _problems_by_id: dict[str, Problem] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not self.problems:
            raise SetupError("the recipe has no problems.", next_command="rollmill synthesize or rollmill import problems")
        if not self.verifiers:
            raise SetupError("the recipe names no verifier.", next_command="rollmill recipe check RECIPE")
        if self.stream not in STREAMS:
            raise SetupError(f"unknown stream {self.stream!r}.", choices=STREAMS)
        if self.batch_size < 1:
            raise SetupError(f"batch_size is {self.batch_size}, and must be at least 1.")
        if self.lookahead != 0:
            raise SetupError(f"lookahead is {self.lookahead}; this version plans each round from all earlier ones: use 0.")

    def engine(self) -> Generator:
        """The generator, built on first use and kept until `close`."""
        if self.generator is None:
            raise RuntimeError("an imported run has no generator")
        if self._engine is None:
            self._engine = self.generator()
        return self._engine

    @contextmanager
    def verifying(self) -> Iterator[Sequence[Verifier]]:
        """A chain of verifiers for one thread at a time, kept for the next: some hold processes that start slowly."""
        with self._lock:
            chain = self._idle.pop() if self._idle else None
        chain = chain or [make() for make in self.verifiers]
        try:
            yield chain
        finally:
            with self._lock:
                self._idle.append(chain)

    def origin(self) -> Origin:
        """Where this run's completions come from."""
        engine = self.engine()
        return Origin(engine.engine, engine.model_digest, self.stream, self.recipe_seed)

    def chain(self) -> tuple[tuple[str, str], ...]:
        """(name, version) of the verifiers in order."""
        if self._chain is None:
            with self.verifying() as chain:
                self._chain = tuple((part.name, part.version) for part in chain)
        return self._chain

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
        """Release the engine and the verifiers; safe to call twice."""
        engine, self._engine = self._engine, None
        with self._lock:
            chains, self._idle = self._idle, []
        for part in (part for chain in chains for part in chain):
            part.close()
        if engine is not None:
            engine.close()

    def __enter__(self) -> "MillSpec":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
