"""A run's limit on tokens and money while it is drawn: nothing is asked for that its worst case would not leave room for.

What fits is drawn; when nothing more does and nothing is under way, drawing ends, in the middle of a batch where need be.
Knows what requests can take and what the ledger says was spent; draws and commits nothing. Without a limit it is silent.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from heapq import nlargest

from flows.rounds.plan import request_of
from flows.rounds.spec import RunSpec
from flows.sampling.batches import Batch, MissingMask, MissingWork, OpenBatch
from flows.sampling.charges import Bounds
from flows.sampling.queues import RoundQueues
from pipelines.protocols import Generator
from storage.records import Request
from storage.spending import Amount, Charge, Reservation, Sums
from storage.workspace import Workspace


class SpendLimiter:
    """The limit of one run during one round; its lanes share it, and other commands through the ledger."""

    def __init__(self, ws: Workspace, spec: RunSpec, line: RoundQueues) -> None:
        self._ws, self._spec, self._line = ws, spec, line
        self._bounds = Bounds(spec)
        self._under_way: set[str] = set()
        self._held: dict[str, tuple[Batch, MissingWork]] = {}
        self._todo: Mapping[str, tuple[Batch, MissingMask]] = {}
        self._changed = threading.Condition()
        self.reason: str | None = None

    @property
    def empty(self) -> bool:
        """Whether a request was refused: drawing is over."""
        return self.reason is not None

    @property
    def limited(self) -> bool:
        """Whether there is a limit at all."""
        return self._spec.most.tokens is not None or self._spec.most.units is not None

    def open(self, todo: Sequence[tuple[Batch, MissingMask]]) -> None:
        """Count what killed commands had under way, and what they left in spools: it is paid for and no segment yet."""
        self._todo = {batch.id: (batch, look) for batch, look in todo if look.draws}
        self._settle_killed()
        if self.limited:
            for batch, look in self._todo.values():
                if (held := self._spooled(batch, look.lack(batch))) != Amount():
                    self._ws.spending.hold(self._spec.run, batch.id, held)

    def close(self, *, interrupted: bool) -> None:
        """Give back what a failure left reserved, less what is in spools, and what an interrupt gave up under way."""
        if interrupted and self._held:
            mine = [found for found in self._ws.spending.reserved(self._spec.run) if found.batch_id in self._held]
            self._pay_lost(mine)
        for batch, lack in self._held.values():
            self._ws.spending.hold(self._spec.run, batch.id, self._spooled(batch, lack))
        self._held.clear()

    def parts(self, opened: OpenBatch, requests: Sequence[Request]) -> Iterator[Sequence[Request]]:
        """The requests in parts that may be asked for one after another; what is left over at the end may not."""
        if not self.limited:
            yield requests
            return
        self._settle_killed()
        asked = {request.completion_id: request for request in requests}
        drawn = self._amount(opened, self._missing_before(opened, asked))
        while requests and (granted := self._granted(opened, drawn, requests)):
            yield requests[:granted]
            drawn = self._amount(opened, self._missing_before(opened, asked))
            requests = requests[granted:]
        if requests:
            wanted = self._bounds.of(requests[0], opened.batch.arm)
            self.reason = self._spec.most.reached_by(self._ws.spending.counted(self._spec.run) + wanted) or "token limit"

    def committed(self, opened: OpenBatch) -> None:
        """A batch is a segment: what was reserved beyond its cost is free again."""
        self._held.pop(opened.batch.id, None)
        self._settle(opened.batch.id)

    def _granted(self, opened: OpenBatch, drawn: Amount, requests: Sequence[Request]) -> int:
        """How many of the requests may be asked for now; waits while something under way may leave room."""
        self._held[opened.batch.id] = opened.batch, replace(opened.lack)
        batch, wanted = opened.batch, [self._bounds.of(request, opened.batch.arm) for request in requests]
        self._settle(batch.id)
        while True:
            with self._changed:
                most, under_way = self._spec.most, _under_way(self._spec.engine(batch.arm))
                found = self._ws.spending.reserve(self._spec.run, batch.id, drawn, wanted, most, under_way)
                if found:
                    self._under_way.add(batch.id)
                    return found
                if not self._under_way:
                    return 0
                self._changed.wait(0.1)
            self._line.check()

    def _settle(self, batch_id: str) -> None:
        with self._changed:
            self._under_way.discard(batch_id)
            self._changed.notify_all()

    def _missing_before(self, opened: OpenBatch, asked: dict[str, Request]) -> dict[str, Request]:
        """The requests of everything the batch lacked that is drawn by now, from a spool or by us."""
        rows = {row.completion_id: row for row in opened.batch.rows}
        drawn = [cid for cid in opened.lack.missing if cid in opened.completions]
        return {cid: asked.get(cid) or request_of(self._spec, rows[cid]) for cid in drawn}

    def _amount(self, opened: OpenBatch, requests: dict[str, Request]) -> Amount:
        amounts = (
            self._bounds.amount(opened.completions[cid], request, opened.batch.arm) for cid, request in requests.items()
        )
        return sum(amounts, Amount())

    def _settle_killed(self) -> None:
        """Pay for what killed commands of this run had under way."""
        killed = self._ws.spending.killed(self._spec.run)
        for owner in {found.owner for found in killed}:
            self._pay_lost([found for found in killed if found.owner == owner])

    def _pay_lost(self, mine: Sequence[Reservation]) -> None:
        """Pay for what one process had under way, at its bound: the most that so many of its open requests can take.

        What came and is in spools is no part of it, so with what is paid for that it stays within the limit.
        """
        if not mine:
            return
        bounds, reserved, unknown = [], Amount(), Amount()
        for found in mine:
            if found.batch_id in self._todo:
                batch, look = self._todo[found.batch_id]
                bounds += self._unanswered(batch, look.lack(batch))
                reserved += found.amount.less(self._spooled(batch, look.lack(batch)))
            else:  # another run has drawn what it lacked
                unknown += found.amount
        most = None if any(found.under_way is None for found in mine) else max(found.under_way or 0 for found in mine)
        tokens, units = (
            sum(nlargest(len(bounds) if most is None else most, (getattr(bound, name) for bound in bounds)))
            for name in ("tokens", "units")
        )
        lost = unknown + Amount(min(tokens, reserved.tokens), min(units, reserved.units))
        first = self._todo[mine[0].batch_id][0] if mine[0].batch_id in self._todo else None
        place = (0, 0) if first is None else (first.round, first.number)
        charge = Charge(mine[0].batch_id, *place, members="0", sums=Sums(), bound=lost)
        self._ws.spending.settle(self._spec.run, mine[0].owner, [found.batch_id for found in mine], charge)

    def _unanswered(self, batch: Batch, lack: MissingWork) -> list[Amount]:
        """The bounds of what a batch lacked and no spool holds."""
        rows = {row.completion_id: row for row in batch.rows}
        for record in self._ws.spool(batch.id).read():
            rows.pop(record.id, None)
        return [self._bounds.of(request_of(self._spec, rows[cid]), batch.arm) for cid in lack.missing if cid in rows]

    def _spooled(self, batch: Batch, lack: MissingWork) -> Amount:
        missing = set(lack.missing)
        rows = {row.completion_id: row for row in batch.rows}
        found = [record for record in self._ws.spool(batch.id).read() if record.id in missing]
        amounts = (self._bounds.amount(one, request_of(self._spec, rows[one.id]), batch.arm) for one in found)
        return sum(amounts, Amount())


def _under_way(engine: Generator) -> int | None:
    """How many requests a kill can cost: what the engine says; else none of one in this process, all of others."""
    said: int | None = getattr(engine, "under_way", None if engine.spooled else 0)
    return said
