"""Claiming a batch: its lease, the completions that this command draws of it, and the replies that are at hand.

Whatever draws comes through `claim`: the rounds of a run, and the samplers of judges, scorers and writers of problems.
"""

from collections.abc import Callable, Collection, Iterator, Sequence, Set
from dataclasses import dataclass, field
from typing import Protocol

from rollmill.flows.sampling.heartbeat import LeaseHeartbeat
from rollmill.ground.records import Completion, Request
from rollmill.roles.engine_roles import Generator
from rollmill.storage.ledger.leases import Lease
from rollmill.storage.workspace import Workspace


class Batch(Protocol):
    """Requests to one engine that are leased, drawn and committed together.

    `id` names its lease and its spool. `round` and `number` are its place in the run that pays, `purpose` what the run pays
    for: a purpose of rollmill.storage.spending.PURPOSES.
    """

    @property
    def id(self) -> str: ...

    @property
    def round(self) -> int: ...

    @property
    def number(self) -> int: ...

    @property
    def purpose(self) -> str: ...

    @property
    def engine(self) -> Generator: ...

    @property
    def completion_ids(self) -> Sequence[str]:
        """The distinct completions of the batch, in its order."""

    def requests(self, ids: Collection[str]) -> Iterator[Request]:
        """The requests for these of its completions, each once, in its order."""


@dataclass(slots=True)
class ClaimedBatch:
    """A leased batch under way. `missing`: the completions that this command draws; `completions`: those at hand, by id.

    Of the others that were wanted when it was claimed, `stored` are in the store, and other commands draw `elsewhere`.
    """

    batch: Batch
    lease: Lease
    missing: Sequence[str]
    completions: dict[str, Completion] = field(default_factory=dict)
    stored: Set[str] = frozenset()
    elsewhere: Set[str] = frozenset()

    @property
    def drawn(self) -> list[Completion]:
        """The missing completions that are at hand: those to commit."""
        return [self.completions[cid] for cid in self.missing if cid in self.completions]

    @property
    def undrawn(self) -> list[str]:
        """The missing completions that are not at hand: those to ask for."""
        return [cid for cid in self.missing if cid not in self.completions]


def claim(
    ws: Workspace,
    heartbeat: LeaseHeartbeat,
    batch: Batch,
    wanted: Sequence[str],
    stored: Callable[[Sequence[str]], Set[str]],
) -> ClaimedBatch | None:
    """Lease a batch and claim what of the wanted completions no other command draws; None while another holds its lease.

    Replies that a killed command left in the spool are at hand. `stored` says which completions are in the store. The
    heartbeat holds the lease until it is released there.
    """
    # The claim goes with the lease in one transaction; between two, another command could begin the same completions.
    lease = ws.ledger.leases.acquire(f"batch/{batch.id}", heartbeat.lease_seconds, wanted)
    if lease is None:
        return None
    heartbeat.hold(lease)
    spooled = {completion.id: completion for completion in ws.spool(batch.id).read()}
    # Asked after the claim: what is neither stored then nor claimed by others, nobody else begins to draw.
    known = stored(wanted)
    elsewhere = set(wanted) - lease.claimed - spooled.keys() - known
    missing = [cid for cid in wanted if cid not in known and cid not in elsewhere]
    at_hand = {cid: spooled[cid] for cid in missing if cid in spooled}
    return ClaimedBatch(batch, lease, missing, at_hand, known, elsewhere)
