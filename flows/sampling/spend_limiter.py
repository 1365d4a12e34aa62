"""A run's limit on tokens and money during drawing: no request is sent whose worst case would exceed it.

What fits is drawn; when nothing more does and nothing is under way, drawing ends, in the middle of a batch where need be.
Without a limit it is silent.
"""

import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from heapq import nlargest

from rollmill.flows.sampling.charges import Account, ChargeBounds
from rollmill.flows.sampling.claim import Batch, ClaimedBatch
from rollmill.ground.errors import SetupError
from rollmill.ground.records import Completion, Request
from rollmill.roles.engine_roles import BoundedLoss, Generator
from rollmill.storage.spending import DRAW, Amount, Charge, Reservation, Sums
from rollmill.storage.workspace import Workspace

Missing = Callable[[], Sequence[str]]


class SpendLimiter:
    """The limit of one run in this process; all that draws for the run shares it, and other commands through the ledger."""

    def __init__(self, ws: Workspace, account: Account) -> None:
        self._ws, self.account = ws, account
        self._bounds = ChargeBounds(account.prices)
        self._under_way: set[str] = set()
        self._held: dict[str, tuple[Batch, tuple[str, ...]]] = {}
        self._expected: dict[str, tuple[Batch, Missing]] = {}
        self._changed = threading.Condition()
        self.reason: str | None = None

    @property
    def exhausted(self) -> bool:
        """True if a request was refused, which ends the drawing."""
        return self.reason is not None

    @property
    def limited(self) -> bool:
        """True if the run has a limit."""
        return self.account.limit.tokens is not None or self.account.limit.units is not None

    def expect(self, batches: Iterable[tuple[Batch, Missing]]) -> None:
        """Register batches to draw; charges the requests of killed commands in flight, holds the replies in their spools.

        Those replies are paid for but not yet in a segment.
        """
        coming = {batch.id: (batch, missing) for batch, missing in batches}
        self._expected |= coming
        self._settle_killed()
        if self.limited:
            for batch, missing in coming.values():
                if (amount := self._spooled_amount(batch, missing())) != Amount():
                    self._ws.spending.hold(self.account.run, batch.id, amount, batch.purpose)

    def close(self, batch_ids: Collection[str], *, interrupted: bool) -> None:
        """End these batches: release what a failure left reserved, less the replies in spools.

        `interrupted`: the requests in flight are given up and paid for at their bounds.
        """
        left = {batch_id: self._held.pop(batch_id) for batch_id in batch_ids if batch_id in self._held}
        if interrupted and left:
            reserved = self._ws.spending.reserved(self.account.run)
            self._pay_lost([reservation for reservation in reserved if reservation.batch_id in left])
        for batch, missing in left.values():
            self._ws.spending.hold(self.account.run, batch.id, self._spooled_amount(batch, missing), batch.purpose)
        for batch_id in batch_ids:
            self._expected.pop(batch_id, None)

    def parts(
        self, claimed: ClaimedBatch, requests: Sequence[Request], check: Callable[[], None]
    ) -> Iterator[Sequence[Request]]:
        """The requests in parts that may be sent one after another; those left over at the end may not.

        `check` ends the wait for room: it raises where drawing stops.
        """
        if not self.limited:
            yield requests
            return
        # Again, as another command may have been killed since the batches were registered.
        self._settle_killed()
        batch = claimed.batch
        if any("max_tokens" in request.sampling.unsent for request in requests):
            raise SetupError(
                "a limit on spending bounds each request by its max_tokens, which generate leaves out.",
                next_command="generate: {max_tokens: 32768}, or no limit",
            )
        while requests:
            # Counted anew for each part: what has arrived costs what it cost, no longer its bound.
            drawn = self._drawn_amount(batch, claimed.drawn)
            granted = self._granted_count(claimed, drawn, requests, check)
            if not granted:
                break
            yield requests[:granted]
            requests = requests[granted:]
        if requests:
            wanted = self._bounds.of(requests[0], batch.engine)
            spent = self._ws.spending.counted(self.account.run) + wanted
            # Room may have come back since the refusal, but the drawing has ended and needs a reason.
            self.reason = self.account.limit.exceeded_limit(spent) or "token limit"

    def committed(self, batch: Batch) -> None:
        """A batch is a segment: the reservation beyond its cost is free again."""
        self._held.pop(batch.id, None)
        self._release(batch.id)

    def _granted_count(
        self, claimed: ClaimedBatch, drawn: Amount, requests: Sequence[Request], check: Callable[[], None]
    ) -> int:
        """Number of requests that may be asked now; waits while work in flight may still free part of the limit."""
        batch, run = claimed.batch, self.account.run
        self._held[batch.id] = batch, tuple(claimed.missing)
        wanted = [self._bounds.of(request, batch.engine) for request in requests]
        # Its earlier requests have ended. As work under way the batch would wait for itself.
        self._release(batch.id)
        while True:
            with self._changed:
                # Reserved in the ledger and not here alone: commands that draw for one run share one limit.
                granted = self._ws.spending.reserve(
                    run, batch.id, drawn, wanted, self.account.limit, _under_way(batch.engine), batch.purpose
                )
                if granted:
                    self._under_way.add(batch.id)
                    return granted
                # Nothing of this process can give room back any more; what others hold is theirs to use up.
                if not self._under_way:
                    return 0
                # Not only when told: a commit of another process gives room too, and tells nobody here.
                self._changed.wait(0.1)
            check()

    def _release(self, batch_id: str) -> None:
        with self._changed:
            self._under_way.discard(batch_id)
            self._changed.notify_all()

    def _settle_killed(self) -> None:
        """Pay for the open requests of killed commands of this run.

        Votes of a killed command are settled when the same batch is requested again: until then its reservation counts.
        Batches of rounds are all known when a round begins; one that is not, another run has drawn.
        """
        killed = [
            reservation
            for reservation in self._ws.spending.killed(self.account.run)
            if reservation.purpose == DRAW or reservation.batch_id in self._expected
        ]
        # Owner by owner: how many requests a kill can cost holds for one process, over all of its batches.
        for owner in {reservation.owner for reservation in killed}:
            self._pay_lost([reservation for reservation in killed if reservation.owner == owner])

    def _pay_lost(self, lost: Sequence[Reservation]) -> None:
        """Pay for the open requests of one process at their bound.

        Spooled replies are not included, so the sum with their cost stays within the limit.
        """
        if not lost:
            return
        bounds, reserved, unknown = [], Amount(), Amount()
        for reservation in lost:
            if reservation.batch_id in self._expected:
                batch, missing = self._expected[reservation.batch_id]
                spooled, unanswered = self._spooled_and_unanswered(batch, missing())
                bounds += [self._bounds.of(request, batch.engine) for request in unanswered]
                # What the process held for open requests: none beyond it can have been sent.
                reserved += reservation.amount.less(self._drawn_amount(batch, spooled))
            else:
                unknown += reservation.amount
        # The number holds for the process, not for each of its batches, so it is not summed.
        most = (
            None
            if any(reservation.under_way is None for reservation in lost)
            else max(reservation.under_way or 0 for reservation in lost)
        )
        # The largest in tokens need not be the most expensive: each is bounded on its own.
        tokens, units = (
            sum(nlargest(len(bounds) if most is None else most, (getattr(bound, name) for bound in bounds)))
            for name in ("tokens", "units")
        )
        amount = unknown + Amount(min(tokens, reserved.tokens), min(units, reserved.units))
        first = self._expected[lost[0].batch_id][0] if lost[0].batch_id in self._expected else None
        place = (0, 0) if first is None else (first.round, first.number)
        charge = Charge(lost[0].batch_id, *place, members="0", sums=Sums(), bound=amount, purpose=lost[0].purpose)
        self._ws.spending.settle(self.account.run, lost[0].owner, [reservation.batch_id for reservation in lost], charge)

    def _spooled_and_unanswered(self, batch: Batch, missing: Sequence[str]) -> tuple[list[Completion], list[Request]]:
        """Missing completions of a batch: the replies in its spool, and the requests without a reply."""
        wanted = set(missing)
        spooled = [completion for completion in self._ws.spool(batch.id).read() if completion.id in wanted]
        return spooled, list(batch.requests(wanted - {completion.id for completion in spooled}))

    def _spooled_amount(self, batch: Batch, missing: Sequence[str]) -> Amount:
        return self._drawn_amount(batch, self._spooled_and_unanswered(batch, missing)[0])

    def _drawn_amount(self, batch: Batch, completions: Sequence[Completion]) -> Amount:
        """Tokens and cost of these completions of a batch."""
        requests = {
            request.completion_id: request for request in batch.requests([completion.id for completion in completions])
        }
        amounts = (self._bounds.amount(completion, requests[completion.id], batch.engine) for completion in completions)
        return sum(amounts, Amount())


def _under_way(engine: Generator) -> int | None:
    """Number of requests that a kill can cost, as the engine declares; else 0 for an in-process engine and None (all)."""
    if isinstance(engine, BoundedLoss):
        return engine.under_way
    return None if engine.spooled else 0
