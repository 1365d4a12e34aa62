"""The batches of a round and what each still lacks. Knows ids and the store; draws and judges nothing."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from flows.mill.gather import CHUNK, Pair, pair_of, verdicts_by_pair
from flows.mill.spec import MillSpec
from pipelines.verify.acceptance import lacking
from storage.ids import digest128
from storage.ledger.leases import Lease
from storage.records import Completion, PlanRow, Verdict
from storage.workspace import Workspace

Known = Mapping[tuple[str, str], Verdict]


@dataclass(frozen=True, slots=True)
class Batch:
    """A fixed chunk of a plan, of one arm. `id` names it for leases and the spool, whichever of its rows are missing."""

    round: int
    number: int
    rows: tuple[PlanRow, ...]
    id: str

    @property
    def arm(self) -> str:
        """The arm that draws it."""
        return self.rows[0].arm

    @property
    def completion_ids(self) -> list[str]:
        """The distinct completions of the batch, in plan order."""
        return list(dict.fromkeys(row.completion_id for row in self.rows))


@dataclass(slots=True)
class Lack:
    """What a batch still lacks: completions to draw, pairs to judge, and the verdicts that are there."""

    missing: tuple[str, ...] = ()
    unjudged: tuple[PlanRow, ...] = ()
    known: dict[Pair, Known] = field(default_factory=dict)

    @property
    def nothing(self) -> bool:
        """Whether the batch is done."""
        return not self.missing and not self.unjudged


@dataclass(slots=True)
class OpenBatch:
    """A leased batch under way. `completions`: those at hand, by id; the rest is read from the store."""

    batch: Batch
    lease: Lease
    lack: Lack
    completions: dict[str, Completion] = field(default_factory=dict)


def batches_of(rows: Sequence[PlanRow]) -> list[Batch]:
    """The rows of one round as its batches, in order."""
    ordered = sorted(rows, key=lambda row: row.ordinal)
    return [_batch(number, tuple(members)) for number, members in groupby(ordered, key=lambda row: row.batch)]


def _batch(number: int, rows: tuple[PlanRow, ...]) -> Batch:
    return Batch(rows[0].round, number, rows, digest128(["batch", [pair_of(row) for row in rows]]))


def survey(ws: Workspace, spec: MillSpec, batches: Sequence[Batch]) -> Iterator[Lack]:
    """What each batch lacks, in order; looks at the store once per chunk of rows."""
    per_look = max(1, CHUNK // spec.batch_size)
    for start in range(0, len(batches), per_look):
        yield from _lacks(ws, spec, batches[start : start + per_look])


def _lacks(ws: Workspace, spec: MillSpec, batches: Sequence[Batch]) -> Iterator[Lack]:
    rows = [row for batch in batches for row in batch.rows]
    present = ws.segments.present("completions", sorted({row.completion_id for row in rows}))
    verdicts = verdicts_by_pair(ws, spec, [pair_of(row) for row in rows])
    chain, policies = spec.chain(), spec.policies()

    def judged(row: PlanRow) -> bool:
        said = verdicts.get(pair_of(row), {})
        return not any(lacking(policy, chain, said) for policy in policies)

    for batch in batches:
        unjudged = tuple(row for row in batch.rows if not judged(row))
        yield Lack(
            missing=tuple(cid for cid in batch.completion_ids if cid not in present),
            unjudged=unjudged,
            known={pair_of(row): verdicts[pair_of(row)] for row in unjudged if pair_of(row) in verdicts},
        )
