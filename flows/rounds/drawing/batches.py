"""The batches of a round, their requests, and what each still misses: completions to draw, rollouts to judge."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from rollmill.flows.rounds.open_run import OpenRun
from rollmill.flows.sampling.claim import ClaimedBatch
from rollmill.flows.sampling.steps import Step
from rollmill.ground.errors import SetupError
from rollmill.ground.ids import digest128
from rollmill.ground.records import PlanRow, Request, Verdict, completion_id
from rollmill.pipelines.verify.acceptance import missing_verdicts
from rollmill.roles.engine_roles import Generator
from rollmill.storage.rollouts import CHUNK, Pair, pair_of, verdicts_by_pair
from rollmill.storage.segments.rows import Rows
from rollmill.storage.spending import DRAW

KnownVerdicts = Mapping[tuple[str, str], Verdict]


@dataclass(frozen=True, slots=True)
class PlanBatch:
    """A fixed chunk of a plan, of one step. `id` names it for leases and the spool, whichever of its rows are missing."""

    run: OpenRun = field(repr=False, compare=False)
    round: int
    number: int
    step: str
    rows: Rows[PlanRow]
    id: str
    purpose: str = DRAW

    @property
    def engine(self) -> Generator:
        """The engine of its step."""
        return self.run.engine(self.step)

    @property
    def imported(self) -> bool:
        """True for a batch of imported completions, which no engine draws."""
        return self.run.spec.step(self.step).generator is None

    @property
    def completion_ids(self) -> list[str]:
        """The distinct completions of the batch, in plan order."""
        return list(dict.fromkeys(self.rows.column("completion_id").to_pylist()))

    def requests(self, ids: Collection[str]) -> Iterator[Request]:
        """The requests for these of its completions, each once, in plan order.

        SetupError if the model is no longer the one that was planned: its ids would not be the planned ones.
        """
        wanted = frozenset(ids)
        rows = {row.completion_id: row for row in self.rows if row.completion_id in wanted} if wanted else {}
        yield from requests_of(self.run, list(rows.values()))


@dataclass(slots=True)
class MissingWork:
    """Remaining work of a batch: completions to draw, pairs to judge, and the verdicts already stored."""

    missing: tuple[str, ...] = ()
    unjudged: Sequence[PlanRow] = ()
    known: dict[Pair, KnownVerdicts] = field(default_factory=dict)

    @property
    def nothing(self) -> bool:
        """True for a batch without remaining work."""
        return not self.missing and not self.unjudged

    def split(self, without: Collection[str]) -> tuple["MissingWork", "MissingWork"]:
        """Work that needs none of the completions `without`, and work that follows once those are stored."""
        later = frozenset(without).intersection(self.missing)
        if not later:
            return self, MissingWork()
        return self._only(lambda cid: cid not in later), self._only(lambda cid: cid in later)

    def _only(self, mine: Callable[[str], bool]) -> "MissingWork":
        return MissingWork(
            tuple(filter(mine, self.missing)),
            tuple(row for row in self.unjudged if mine(row.completion_id)),
            {pair: verdicts for pair, verdicts in self.known.items() if mine(pair[0])},
        )


@dataclass(frozen=True, slots=True)
class MissingMask:
    """Missing work of a waiting batch, two bytes per row: rows to draw, and rows to judge.

    `known`: whether some of the latter have verdicts, which are read when the batch has its turn.
    """

    missing: bytes
    unjudged: bytes
    known: bool

    @classmethod
    def of(cls, batch: PlanBatch, work: MissingWork) -> "MissingMask":
        """The mask of the rows that a batch lacks."""
        missing, unjudged = set(work.missing), {pair_of(row) for row in work.unjudged}
        pairs = _pairs(batch.rows)
        drawn = bytes(completion_id in missing for completion_id, _ in pairs)
        # Bytes in place of rows: all batches of a round wait at once, which may be millions of rows.
        return cls(drawn, bytes(pair in unjudged for pair in pairs), bool(work.known))

    @property
    def draws(self) -> bool:
        """True if completions are to be drawn."""
        return any(self.missing)

    @property
    def judges_stored(self) -> bool:
        """True if stored completions are to be judged."""
        return any(todo and not missing for todo, missing in zip(self.unjudged, self.missing, strict=True))

    def work(self, batch: PlanBatch) -> MissingWork:
        """Remaining work of the batch, without the stored verdicts."""
        rows = list(batch.rows)
        missing = dict.fromkeys(row.completion_id for row, gone in zip(rows, self.missing, strict=True) if gone)
        return MissingWork(tuple(missing), tuple(row for row, todo in zip(rows, self.unjudged, strict=True) if todo))


@dataclass(slots=True)
class OpenBatch(ClaimedBatch):
    """A claimed batch with its rows to judge, and the verdicts on these that are there.

    `completions` also holds stored ones of rows to judge; the rest of those is read from the store.
    """

    batch: PlanBatch
    unjudged: Sequence[PlanRow] = ()
    known: dict[Pair, KnownVerdicts] = field(default_factory=dict)

    def leave(self, refused: Collection[str]) -> None:
        """Neither draw these of its missing completions nor judge their rows."""
        work, _ = MissingWork(tuple(self.missing), self.unjudged, self.known).split(refused)
        self.missing, self.unjudged, self.known = work.missing, work.unjudged, work.known


def batches_of(run: OpenRun, rows: Sequence[PlanRow]) -> list[PlanBatch]:
    """The rows of one round as its batches, in order."""
    plan = Rows.of("plan", rows).sorted_by("ordinal")
    numbers = plan.column("batch").to_numpy()
    # A batch begins where the number changes; no batch has the number -1.
    starts = np.flatnonzero(np.diff(numbers, prepend=-1)).tolist()
    # Not strict: an empty plan has an end and no start.
    return [_batch(run, plan[start:end]) for start, end in zip(starts, [*starts[1:], len(plan)], strict=False)]


def _batch(run: OpenRun, rows: Rows[PlanRow]) -> PlanBatch:
    first = rows[0]  # a row is made of its columns each time that it is asked for
    return PlanBatch(run, first.round, first.batch, first.step, rows, digest128(["batch", _pairs(rows)]))


def _pairs(rows: Rows[PlanRow]) -> list[Pair]:
    """`pair_of` of each row, read from the columns alone."""
    return list(zip(*(rows.column(name).to_pylist() for name in ("completion_id", "problem_id")), strict=True))


def survey(run: OpenRun, batches: Sequence[PlanBatch]) -> Iterator[MissingWork]:
    """Remaining work of each batch, in order; the store is read once per chunk of rows."""
    at_once = max(1, CHUNK // run.spec.steps[0].batch_size)
    for start in range(0, len(batches), at_once):
        yield from _missing_work(run, batches[start : start + at_once])


def _missing_work(run: OpenRun, batches: Sequence[PlanBatch]) -> Iterator[MissingWork]:
    members = [list(batch.rows) for batch in batches]
    rows = [row for part in members for row in part]
    present = run.workspace.segments.present("completions", sorted({row.completion_id for row in rows}))
    # Verifiers that read votes judge once everything is drawn, so no row of a round waits for them.
    chain, policies = run.verifiers.immediate, run.spec.policies()
    verdicts = verdicts_by_pair(run.workspace, chain, [pair_of(row) for row in rows])

    def judged(row: PlanRow) -> bool:
        # Pieces of a search, votes and other steps get no verdict.
        if not run.spec.judged(row.step):
            return True
        known = verdicts.get(pair_of(row), {})
        # A run planned under another policy needs the verdicts of both.
        return not any(missing_verdicts(policy, chain, known) for policy in policies)

    for batch, part in zip(batches, members, strict=True):
        unjudged = tuple(row for row in part if not judged(row))
        yield MissingWork(
            missing=tuple(cid for cid in batch.completion_ids if cid not in present),
            unjudged=unjudged,
            known={pair_of(row): verdicts[pair_of(row)] for row in unjudged if pair_of(row) in verdicts},
        )


def requests_of(run: OpenRun, rows: Sequence[PlanRow]) -> Iterator[Request]:
    """The request of each planned row of a step, under the id that was planned.

    SetupError if the model is no longer the one that was planned: its ids would not be the planned ones. One row of a
    rendered prompt speaks for all, as engine, model and sampling are the same for each of them.
    """
    checked: set[str] = set()
    for row, prompt in zip(rows, run.prompts(rows), strict=True):
        step, engine = run.spec.step(row.step), run.engine(row.step)
        rendered = engine.render(prompt)
        request = Request(
            row.completion_id, row.prompt_id, prompt, rendered, step.sampling, row.seed, run.spec.stream, row.sample_index
        )
        # Drawing under the planned id with another model would store a text that its id does not describe.
        if rendered not in checked and _id_today(run, step, request) != row.completion_id:
            raise SetupError(
                f"run {run.id} was planned with another model, chat template or sampling than {engine.model} has now, or a "
                "text that a step follows was lost, and rows of that plan are missing.",
                next_command="restore the model, or give the changed recipe another name",
            )
        checked.add(rendered)
        yield request


def _id_today(run: OpenRun, step: Step, request: Request) -> str:
    origin = run.origin(step.name)
    return completion_id(origin, request.rendered, step.sampling, seed=request.seed, sample_index=request.sample_index)
