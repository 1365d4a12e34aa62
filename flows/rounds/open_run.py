"""Runtime resources of a run: engines, verifiers, its spend limit, and a cache of what was read.

    with OpenRun(spec, "run-id") as run:
        run_all(ws, run)

Engines and verifiers are built when they are first asked for and kept until `close`.
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal

from flows.rounds.memory import Memory
from flows.rounds.plan_mark import plan_mark
from flows.rounds.spec import RunSpec
from flows.rounds.threads import RunThreads
from flows.sampling.charges import Account
from flows.sampling.sample import RunSamplers
from flows.sampling.spend_limiter import SpendLimiter
from flows.sampling.steps import Engines, check_differ
from pipelines.engine_roles import Generator, Interruptible
from pipelines.protocols import ExplainsRules, ReadsVotes, RuledVerifier, Verifier
from pipelines.steps.cast_votes import DeferredVotes
from pipelines.verify.acceptance import accepted_verdict, check_names, planned_verdict
from storage.ground.errors import broken
from storage.ground.pool import answer_key
from storage.ground.records import PLAN, Origin, Outcome, PlanRow, Prompt, Rollout, Verdict, plan_of
from storage.rollouts import Key, RunReader, pair_of
from storage.workspace import Workspace

EventKind = Literal["planned", "drawn", "verified", "waiting", "done"]


@dataclass(frozen=True, slots=True)
class Event:
    """Something happened in a round: rows done of rows planned in it, tokens drawn, seconds since the round began.

    `here`: the rows of `done` that this command did itself; `correct`: those of them that were judged correct. `whole`: the
    rows of the whole run by stage, as far as can be told (Memory.whole). `answers`: the rows of `total` that are judged.
    `message`: what people should know, once.
    """

    kind: EventKind
    round: int
    done: int
    total: int
    tokens: int
    seconds: float
    here: int = 0
    correct: int = 0
    whole: Mapping[str, Mapping[str, Any]] | None = None
    answers: int | None = None
    message: str = ""


def rules_of(verifier: Verifier) -> tuple[tuple[str, str], ...]:
    """The (rule, version) pairs that a verifier exposes, in the order in which it tries them."""
    rules = verifier.rules if isinstance(verifier, RuledVerifier) else None
    return tuple((str(rule), str(version)) for rule, version in rules or ())


def words_of(verifier: Verifier) -> dict[str, str]:
    """Plain words by the name of a rule; empty for a verifier that has none."""
    return dict(verifier.words) if isinstance(verifier, ExplainsRules) else {}


def ignore(event: Event) -> None:
    """No-op listener."""


class VerifierPool:
    """Chains of verifiers, one for a thread at a time, kept for the next: some hold processes that start slowly.

    `bind`: what is done once with every chain that was built.
    """

    def __init__(self, factories: Sequence[Callable[[], Verifier]], bind: Callable[[Sequence[Verifier]], None]) -> None:
        self._factories, self._bind = factories, bind
        self._lock = threading.Lock()
        self._idle: list[list[Verifier]] = []
        self._busy: list[list[Verifier]] = []

    @contextmanager
    def chain(self) -> Iterator[Sequence[Verifier]]:
        """Verifiers in the recipe's order, reserved for the caller until the block ends."""
        with self._lock:
            chain = self._idle.pop() if self._idle else None
        if chain is None:
            # Built outside the lock: the other threads would wait while the processes of a verifier start.
            chain = [make() for make in self._factories]
            self._bind(chain)
        with self._lock:
            self._busy.append(chain)
        try:
            yield chain
        finally:
            with self._lock:
                # By identity: chains built from the same options may compare equal.
                self._busy = [other for other in self._busy if other is not chain]
                self._idle.append(chain)

    def interrupt(self) -> None:
        """Make verifiers that can give up what is under way do so; from any thread."""
        with self._lock:
            busy = [part for chain in self._busy for part in chain]
        for part in busy:
            if isinstance(part, Interruptible):
                part.interrupt()

    def close(self) -> None:
        """Release those that nobody uses; safe to call twice."""
        with self._lock:
            chains, self._idle = self._idle, []
        for part in (part for chain in chains for part in chain):
            part.close()


class OpenRun:
    """Runtime resources of a run. `samplers`: for verifiers that ask models; `on_event`: listener to its rounds.

    `id`: of the run in the ledger, "" until `bind` gives it. `engines`: shared ones, which the caller closes; by default
    the run builds and closes its own.
    """

    def __init__(
        self,
        spec: RunSpec,
        id: str = "",  # noqa: A002 - the name of the attribute
        *,
        samplers: RunSamplers | None = None,
        on_event: Callable[[Event], None] = ignore,
        engines: Engines | None = None,
    ) -> None:
        self.spec, self.samplers, self._on_event, self._id = spec, samplers, on_event, id
        self.memory = Memory()
        self._owns_engines = engines is None
        self._engines, self._verifiers = engines or Engines(), VerifierPool(spec.verifiers, self._bind_votes)
        self._of_variants: list[VerifierPool] = []
        self._lock = threading.Lock()
        self._limiter: SpendLimiter | None = None
        self._chain: tuple[Key, ...] | None = None
        self._deferred: frozenset[Key] = frozenset()
        self._threads: RunThreads | None = None
        self.votes = DeferredVotes()

    @property
    def id(self) -> str:
        """The run's id in the ledger; "" where it was not opened there."""
        return self._id

    def bind(self, run: str) -> None:
        """Give the run its id in the ledger, once: it follows from versions that only built engines and verifiers tell."""
        if self._id not in ("", run):
            raise RuntimeError(f"run {self._id} cannot become run {run}")
        self._id = run

    def variant(self, spec: RunSpec, run: str) -> "OpenRun":
        """Another run with the same engines and verifiers; closing this one closes them.

        Verifiers that go by votes are bound to one plan, so where there are some it has verifiers of its own.
        """
        other = OpenRun(spec, run, samplers=self.samplers, on_event=self._on_event, engines=self._engines)
        if self.deferred_verifiers():
            self._of_variants.append(other._verifiers)
        else:
            other._verifiers, other._chain = self._verifiers, self._chain
        return other

    def limiter(self, ws: Workspace) -> SpendLimiter:
        """The limit of the run, shared by its rounds and its judges."""
        with self._lock:
            self._limiter = self._limiter or SpendLimiter(ws, Account(self._id, self.spec.limit, self.spec.prices))
            return self._limiter

    def charge_samplers(self, ws: Workspace) -> None:
        """Let the verifiers' samplers be paid by this run from now on."""
        if self.samplers is not None:
            self.samplers.charge(self.limiter(ws))

    def check_steps(self) -> None:
        """SetupError where two roots would draw the same texts; builds their engines."""
        if self.spec.routed:
            check_differ(self.spec.roots, self._engines, self.spec.problems[0])

    def engine(self, step: str = "") -> Generator:
        """The generator of a step ("": of the first)."""
        generator = (self.spec.step(step) if step else self.spec.steps[0]).generator
        if generator is None:
            raise RuntimeError("imported rollouts have no generator")
        return self._engines.of(generator)

    def follow(self, ws: Workspace, plans: Sequence[Sequence[PlanRow]]) -> RunThreads:
        """The threads of these rounds; `prompts` renders follow-ups from them."""
        self._threads = self._threads or RunThreads(ws, self)
        self._threads.note(plans)
        return self._threads

    def prompts(self, rows: Sequence[PlanRow]) -> Iterator[Prompt]:
        """The prompt of each planned row; rows of one step."""
        if rows and self.spec.step(rows[0].step).follows:
            if self._threads is None:
                raise RuntimeError(f"run {self.id} has rows of follow-ups, and `follow` was not called")
            return self._threads.prompts(rows)
        return (self.spec.prompt_for(row.step, self.spec.problem(row.problem_id)) for row in rows)

    def engines(self) -> list[Generator]:
        """The engines that were built so far."""
        return self._engines.built()

    def verifying(self) -> AbstractContextManager[Sequence[Verifier]]:
        """A chain of verifiers for one thread at a time."""
        return self._verifiers.chain()

    def interrupt_verifiers(self) -> None:
        """Make verifiers that can give up what is under way do so; from any thread."""
        self._verifiers.interrupt()

    def origin(self, step: str = "") -> Origin:
        """Origin of this run's completions on a step."""
        engine = self.engine(step)
        return Origin(engine.engine, engine.model_digest, self.spec.stream, self.spec.recipe_seed)

    def chain(self) -> tuple[Key, ...]:
        """(name, version) of the verifiers in order."""
        if self._chain is None:
            with self.verifying() as chain:
                self._chain = tuple((part.name, part.version) for part in chain)
                self._deferred = frozenset((part.name, part.version) for part in chain if isinstance(part, ReadsVotes))
            for policy in self.spec.policies():
                check_names(policy, [name for name, _ in self._chain])
        return self._chain

    def deferred_verifiers(self) -> frozenset[Key]:
        """Verifiers that depend on votes and judge once everything is drawn."""
        self.chain()
        return self._deferred

    def immediate_verifiers(self) -> tuple[Key, ...]:
        """The others, which judge what is drawn."""
        return tuple(key for key in self.chain() if key not in self.deferred_verifiers())

    @property
    def outcomes_may_change(self) -> bool:
        """Whether final outcomes may differ from those used for planning."""
        return bool(self.deferred_verifiers()) or len(self.spec.policies()) > 1

    def planned_by(self, verdicts: Mapping[Key, Verdict], votes: Outcome = "undecided") -> Verdict | None:
        """The verdict on one rollout that the plan goes by; None while one is missing. `votes`: what these would say."""
        return planned_verdict(self.spec.planning, self.chain(), verdicts, votes)

    def counted(self, verdicts: Mapping[Key, Verdict]) -> Verdict | None:
        """The verdict on one rollout that counts; None while one is missing. Without steps nobody votes."""
        if not self.spec.follows and self.deferred_verifiers():
            return self.planned_by(verdicts)
        return accepted_verdict(self.spec.accept, self.chain(), verdicts)

    def _bind_votes(self, chain: Sequence[Verifier]) -> None:
        """Tell verifiers that go by votes where to read them, and to which plan they belong."""
        waiting = [part for part in chain if isinstance(part, ReadsVotes)]
        if waiting:
            at_once = [(part.name, part.version) for part in chain if not isinstance(part, ReadsVotes)]
            mark = plan_mark(self.spec, [self.origin(step.name) for step in self.spec.drawing], at_once)
            for part in waiting:
                part.bind(self.votes, mark)
                # Verdicts are stored by name and version: without the plan in it, those by other votes would be reused.
                if plan_of(part.version) != mark:
                    raise broken(f"verifier {part.name!r} reads votes, and no {PLAN}={mark} is in version {part.version!r}")

    def rules(self) -> dict[tuple[str, str], tuple[tuple[str, str], ...]]:
        """Rules of each verifier in the order it tries them, by (name, version); empty for a verifier that lists none."""
        with self.verifying() as chain:
            return {(part.name, part.version): rules_of(part) for part in chain}

    def words(self) -> dict[str, dict[str, str]]:
        """Plain words for the rules of each verifier, by its name."""
        with self.verifying() as chain:
            return {part.name: words_of(part) for part in chain}

    def reader(self, ws: Workspace, chain: Sequence[Key] = ()) -> RunReader:
        """The reader of its rows; `chain`: other verifiers than the recipe's."""
        return RunReader(ws, self.spec.problem, chain or self.chain(), self.spec.place)

    def outcomes(self, ws: Workspace, rows: Sequence[PlanRow]) -> dict[tuple[str, str], Outcome]:
        """The outcomes of judged rows as the budget counts them, each read once; IncompleteRound where one is missing."""
        new = [row for row in rows if self.memory.outcome(row) is None]
        if new:
            decided = self.reader(ws).accepted(new, self.planned_by)
            for row in new:
                self.memory.note_outcome(row, decided[pair_of(row)].outcome)
            if self.spec.routed:
                self.memory.answer_keys.update({pair: answer_key(verdict) for pair, verdict in decided.items()})
        return {pair_of(row): outcome for row in rows if (outcome := self.memory.outcome(row)) is not None}

    def rollouts(self, ws: Workspace, rows: Sequence[PlanRow]) -> Iterator[tuple[str, list[Rollout]]]:
        """Rollouts by problem id, in plan order within a problem; RuntimeError where a row is incomplete."""
        return self.reader(ws).rollouts(rows, self.counted)

    def tell(self, event: Event) -> None:
        """Pass an event on."""
        self._on_event(event)

    def close(self) -> None:
        """Release the engines and the verifiers; safe to call twice."""
        for pool in (self._verifiers, *self._of_variants):
            pool.close()
        if self._owns_engines:
            self._engines.close()
        if self.samplers is not None:
            self.samplers.close()

    def __enter__(self) -> "OpenRun":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
