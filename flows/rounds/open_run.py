"""Runtime resources of a run: those of its session, its verifiers, its spend limit, and a cache of stored rows.

    with OpenRun(session, spec, "run-id") as run:
        run_all(run)

Engines and verifiers are built on first use. The run closes its verifiers, the session its engines and the workspace.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from types import TracebackType

from rollmill.flows.progress import Event
from rollmill.flows.recipe.load import LoadedRecipe
from rollmill.flows.rounds.counts import CommandCounts, RunCounts
from rollmill.flows.rounds.memory import Memory
from rollmill.flows.rounds.run_verifiers import RunVerifiers
from rollmill.flows.rounds.spec import RunSpec
from rollmill.flows.rounds.threads import RunThreads
from rollmill.flows.sampling.charges import Account
from rollmill.flows.sampling.sample import RunSamplers
from rollmill.flows.sampling.spend_limiter import SpendLimiter
from rollmill.flows.session import Session
from rollmill.flows.taken_imports import ImportedCounts, imported_counts
from rollmill.ground.pool import answer_key
from rollmill.ground.records import Origin, Outcome, PlanRow, Prompt
from rollmill.roles.engine_roles import Generator
from rollmill.storage.rollouts import Key, RunReader, pair_of
from rollmill.storage.workspace import Workspace


class OpenRun:
    """Runtime resources of a run: those of its session, its verifiers, its spend limit, and a cache of stored rows.

    `id`: id of the run in the ledger, "" until `bind` sets it. `samplers`: draw completions for verifiers that use models.
    `on_event`: is called with each event of a round; by default the session's progress. `began`: when the making of its
    problems began, by the monotonic clock. `seconds`: seconds from then until the run was opened in the ledger.
    """

    def __init__(
        self,
        session: Session,
        spec: RunSpec,
        id: str = "",  # noqa: A002 - the name of the attribute
        *,
        samplers: RunSamplers | None = None,
        on_event: Callable[[Event], None] | None = None,
        began: float | None = None,
    ) -> None:
        self.session, self.spec, self.samplers, self._id = session, spec, samplers, id
        self.tell = on_event or session.progress
        self.seconds, self._spent = 0.0, CommandCounts()
        self.memory, self.verifiers = Memory(), RunVerifiers(spec, self.origin)
        self._began = time.monotonic() if began is None else began
        self._pools = [self.verifiers.pool]
        self._lock = threading.Lock()
        self._limiter: SpendLimiter | None = None
        self._threads: RunThreads | None = None

    @property
    def id(self) -> str:
        """The run's id in the ledger; "" if it was not opened there."""
        return self._id

    def bind(self, run: str) -> None:
        """Give the run its id in the ledger, once: it depends on versions that only built engines and verifiers know."""
        # A second id would divide the run's rows and payments between two runs.
        if self._id not in ("", run):
            raise RuntimeError(f"run {self._id} cannot become run {run}")
        self._id = run
        self.seconds = self.elapsed

    @property
    def elapsed(self) -> float:
        """Seconds since the making of its problems began."""
        return time.monotonic() - self._began

    @property
    def spent(self) -> CommandCounts:
        """Counts of the rounds that this command drew and judged."""
        return self._spent

    def note(self, result: RunCounts) -> None:
        """Add the counts of one more round."""
        self._spent = self._spent.plus(result)

    @property
    def workspace(self) -> Workspace:
        """The workspace of its rows."""
        return self.session.workspace

    @property
    def loaded(self) -> LoadedRecipe:
        """The recipe that the run was built from; RuntimeError for a run that was built in code."""
        if self.spec.loaded is None:
            raise RuntimeError(f"run {self._id} was built in code: it has no recipe")
        return self.spec.loaded

    @cached_property
    def imported(self) -> ImportedCounts | None:
        """Counts of the rollouts that it takes, read once; None for a run that draws."""
        if not self.spec.takes_imports:
            return None
        return imported_counts(self.workspace, self.spec.imports, self.spec.problem_set)

    def variant(self, spec: RunSpec, run: str) -> "OpenRun":
        """Another run with the same engines and verifiers; closing this one closes them.

        Verifiers that read votes are bound to one plan, so a run with such verifiers does not share them.
        """
        other = OpenRun(self.session, spec, run, samplers=self.samplers, on_event=self.tell)
        if self.verifiers.deferred:
            self._pools.append(other.verifiers.pool)
        else:
            other.verifiers = RunVerifiers(spec, other.origin, self.verifiers.pool)
        return other

    def forget(self) -> None:
        """Empty the cache of stored rows: some of them were lost, and may be made again with other contents."""
        self.memory, self._threads = Memory(), None

    def limiter(self) -> SpendLimiter:
        """The limit of the run, shared by its rounds and its judges."""
        with self._lock:
            # Rounds and judges share it: with a limiter each, a judge gives up on reservations that are about to return.
            if self._limiter is None:
                account = Account(self._id, self.spec.limit, self.spec.prices)
                self._limiter = SpendLimiter(self.workspace, account)
            return self._limiter

    def charge_samplers(self) -> None:
        """Let the verifiers' samplers be paid by this run from now on."""
        if self.samplers is not None:
            self.samplers.charge(self.limiter())

    def engine(self, step: str = "") -> Generator:
        """The generator of a step ("": of the first)."""
        generator = (self.spec.step(step) if step else self.spec.steps[0]).generator
        if generator is None:
            raise RuntimeError("imported rollouts have no generator")
        return self.session.engines.of(generator)

    def follow(self, plans: Sequence[Sequence[PlanRow]]) -> RunThreads:
        """The threads of these rounds; `prompts` renders follow-ups from them."""
        self._threads = self._threads or RunThreads(self)
        self._threads.note(plans)
        return self._threads

    def prompts(self, rows: Sequence[PlanRow]) -> Iterator[Prompt]:
        """The prompt of each planned row; rows of one step."""
        # The prompt of a follow-up shows texts that its thread has drawn; others follow from the problem alone.
        if rows and self.spec.step(rows[0].step).follows:
            if self._threads is None:
                raise RuntimeError(f"run {self.id} has rows of follow-ups, and `follow` was not called")
            return self._threads.prompts(rows)
        return (self.spec.prompt_for(row.step, self.spec.problem(row.problem_id)) for row in rows)

    def origin(self, step: str = "") -> Origin:
        """Origin of this run's completions on a step."""
        engine = self.engine(step)
        return Origin(engine.engine, engine.model_digest, self.spec.stream, self.spec.recipe_seed)

    def reader(self, chain: Sequence[Key] = ()) -> RunReader:
        """The reader of its rows; `chain`: other verifiers than the recipe's."""
        # Asking for the run's own chain builds its verifiers, which a given chain avoids.
        return RunReader(self.workspace, self.spec.problem, chain or self.verifiers.chain, self.spec.place)

    def outcomes(self, rows: Sequence[PlanRow]) -> dict[tuple[str, str], Outcome]:
        """The outcomes of judged rows as the budget counts them, each read once; IncompleteRound if one is missing."""
        new = [row for row in rows if self.memory.outcome(row) is None]
        if new:
            decided = self.reader().accepted(new, self.verifiers.planned_by)
            for row in new:
                self.memory.note_outcome(row, decided[pair_of(row)].outcome)
            # A budget that routes by agreement compares answers, and outcomes alone do not tell these apart.
            if self.spec.routed:
                self.memory.answer_keys.update({pair: answer_key(verdict) for pair, verdict in decided.items()})
        return {pair_of(row): outcome for row in rows if (outcome := self.memory.outcome(row)) is not None}

    def close(self) -> None:
        """Release the verifiers and the models that they use; safe to call twice."""
        # Pools of variants with verifiers of their own are among them.
        for pool in self._pools:
            pool.close()
        if self.samplers is not None:
            self.samplers.close()

    def __enter__(self) -> "OpenRun":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
