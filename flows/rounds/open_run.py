"""Runtime resources of a run: engines, verifiers, its spend limit, and a cache of stored rows.

    with OpenRun(spec, "run-id") as run:
        run_all(ws, run)

Engines and verifiers are built on first use and kept until `close`.
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal

from flows.rounds.memory import Memory
from flows.rounds.run_verifiers import RunVerifiers
from flows.rounds.spec import RunSpec
from flows.rounds.threads import RunThreads
from flows.sampling.charges import Account
from flows.sampling.sample import RunSamplers
from flows.sampling.spend_limiter import SpendLimiter
from flows.sampling.steps import Engines
from pipelines.engine_roles import Generator
from storage.ground.pool import answer_key
from storage.ground.records import Origin, Outcome, PlanRow, Prompt
from storage.rollouts import Key, RunReader, pair_of
from storage.workspace import Workspace

EventKind = Literal["planned", "drawn", "verified", "waiting", "done"]


@dataclass(frozen=True, slots=True)
class Event:
    """Event of a round: rows done of rows planned in it, tokens drawn, seconds since the round began.

    `here`: the rows of `done` that this command did itself; `correct`: those of them that were judged correct. `whole`: the
    rows of the whole run by stage, as far as known (Memory.whole). `answers`: the rows of `total` that are judged.
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


def ignore(event: Event) -> None:
    """No-op listener."""


class OpenRun:
    """Runtime resources of a run. `samplers`: draw completions for verifiers that use models. `on_event`: is called with
    each event of a round.

    `id`: id of the run in the ledger, "" until `bind` sets it. `engines`: shared engines, which the caller closes; None:
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
        self.spec, self.samplers, self.tell, self._id = spec, samplers, on_event, id
        self.memory, self.verifiers = Memory(), RunVerifiers(spec, self.origin)
        self.engines, self._owns_engines = engines or Engines(), engines is None
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
        if self._id not in ("", run):
            raise RuntimeError(f"run {self._id} cannot become run {run}")
        self._id = run

    def variant(self, spec: RunSpec, run: str) -> "OpenRun":
        """Another run with the same engines and verifiers; closing this one closes them.

        Verifiers that read votes are bound to one plan, so a run with such verifiers does not share them.
        """
        other = OpenRun(spec, run, samplers=self.samplers, on_event=self.tell, engines=self.engines)
        if self.verifiers.deferred:
            self._pools.append(other.verifiers.pool)
        else:
            other.verifiers = RunVerifiers(spec, other.origin, self.verifiers.pool)
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

    def engine(self, step: str = "") -> Generator:
        """The generator of a step ("": of the first)."""
        generator = (self.spec.step(step) if step else self.spec.steps[0]).generator
        if generator is None:
            raise RuntimeError("imported rollouts have no generator")
        return self.engines.of(generator)

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

    def origin(self, step: str = "") -> Origin:
        """Origin of this run's completions on a step."""
        engine = self.engine(step)
        return Origin(engine.engine, engine.model_digest, self.spec.stream, self.spec.recipe_seed)

    def reader(self, ws: Workspace, chain: Sequence[Key] = ()) -> RunReader:
        """The reader of its rows; `chain`: other verifiers than the recipe's."""
        return RunReader(ws, self.spec.problem, chain or self.verifiers.chain, self.spec.place)

    def outcomes(self, ws: Workspace, rows: Sequence[PlanRow]) -> dict[tuple[str, str], Outcome]:
        """The outcomes of judged rows as the budget counts them, each read once; IncompleteRound if one is missing."""
        new = [row for row in rows if self.memory.outcome(row) is None]
        if new:
            decided = self.reader(ws).accepted(new, self.verifiers.planned_by)
            for row in new:
                self.memory.note_outcome(row, decided[pair_of(row)].outcome)
            if self.spec.routed:
                self.memory.answer_keys.update({pair: answer_key(verdict) for pair, verdict in decided.items()})
        return {pair_of(row): outcome for row in rows if (outcome := self.memory.outcome(row)) is not None}

    def close(self) -> None:
        """Release the engines and the verifiers; safe to call twice."""
        for pool in self._pools:
            pool.close()
        if self._owns_engines:
            self.engines.close()
        if self.samplers is not None:
            self.samplers.close()

    def __enter__(self) -> "OpenRun":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
