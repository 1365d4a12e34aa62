"""What drawn completions are charged as: one payment per commit of a batch, in the transaction that registers it.

Knows batches, prices and bounds. A cost that the engine did not give (an in-process one) is made of the profile's prices.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from sqlalchemy.orm import Session

from flows.rounds.plan import request_of
from flows.rounds.spec import RunSpec
from flows.sampling.batches import Batch, OpenBatch
from pipelines.generate.prices import Prices
from storage.money import units_of
from storage.records import Completion, Request
from storage.segments.keys import Commit
from storage.spending import Amount, Charge, sums_of
from storage.workspace import Workspace

MARGIN = 256  # tokens of a chat template and a server's own system prompt, beyond one for each byte that we send


def priced(prices: Prices | None, completions: Sequence[Completion]) -> list[Completion]:
    """The completions with a cost each, as far as it can be told."""
    return [one if prices is None else _priced(prices, one) for one in completions]


def _priced(prices: Prices, one: Completion) -> Completion:
    return one if one.cost is not None else replace(one, cost=prices.of(one.model).cost(one.tokens_in, one.tokens_out))


class Bounds:
    """The most that one request can take: the tokens of its prompt, where the engine can count them, and max_tokens.

    Where it cannot: a token holds one byte at least, so the bytes of what is sent and a margin for what a server adds. The
    margin grows with the first reply that shows it to be too small.
    """

    def __init__(self, spec: RunSpec) -> None:
        self._spec = spec
        self._excess = 0

    def of(self, request: Request, arm: str = "") -> Amount:
        """Tokens in and out, and their price."""
        tokens_in, tokens_out = self._prompt(request, arm), request.sampling.max_tokens
        if self._spec.prices is None:
            return Amount(tokens_in + tokens_out)
        prices = self._spec.prices.of(self._spec.engine(arm).model)
        return Amount(tokens_in + tokens_out, prices.most(tokens_in, tokens_out))

    def amount(self, completion: Completion, request: Request, arm: str = "") -> Amount:
        """What a completion counts as: what it took, or its bound where that is not known."""
        if completion.tokens_in is None or completion.tokens_out is None:
            return self.of(request, arm)
        self._excess = max(self._excess, completion.tokens_in - len(request.rendered.encode()) - MARGIN)
        cost = _priced(self._spec.prices, completion).cost if self._spec.prices is not None else completion.cost
        return Amount(completion.tokens_in + completion.tokens_out, units_of(cost))

    def _prompt(self, request: Request, arm: str) -> int:
        count: Callable[[str], int] | None = getattr(self._spec.engine(arm), "prompt_tokens", None)
        if count is not None:
            return count(request.rendered)
        return len(request.rendered.encode()) + MARGIN + self._excess


def charge_of(spec: RunSpec, opened: OpenBatch, completions: Sequence[Completion]) -> Charge:
    """The payment for these completions of a batch."""
    batch = opened.batch
    ids = {one.id for one in completions}
    return Charge(
        batch_id=batch.id,
        round=batch.round,
        batch=batch.number,
        members=members_of(batch, ids),
        sums=sums_of(completions),
        bound=_bound(spec, batch, {one.id for one in completions if one.tokens_in is None or one.tokens_out is None}),
    )


def members_of(batch: Batch, ids: set[str]) -> str:
    """Which of a batch's completions these are, a bit each in hexadecimal, the first the lowest."""
    return f"{sum(1 << place for place, cid in enumerate(batch.completion_ids) if cid in ids):x}"


def _bound(spec: RunSpec, batch: Batch, uncounted: set[str]) -> Amount:
    if not uncounted:
        return Amount()
    bounds = Bounds(spec)
    rows = {row.completion_id: row for row in batch.rows if row.completion_id in uncounted}
    return sum((bounds.of(request_of(spec, row), batch.arm) for row in rows.values()), Amount())


Drawing = tuple[OpenBatch, Sequence[Completion]]


def paying(ws: Workspace, spec: RunSpec, drawings: Sequence[Drawing | None]) -> Callable[[Session, Sequence[Commit]], None]:
    """What adds the payments for these to the transaction of their commits; None: a commit that nothing was paid for.

    Completions that another command had stored by then are a payment of their own, as they are paid for twice. In the same
    transaction each batch lets go of its claims.
    """
    charges = [None if one is None else charge_of(spec, *one) for one in drawings]

    def pay(session: Session, commits: Sequence[Commit]) -> None:
        for drawing, charge, commit in zip(drawings, charges, commits, strict=True):
            if drawing is None or charge is None:
                continue
            ws.ledger.leases.unclaim(session, drawing[0].lease)
            if not commit.repeated:
                ws.spending.pay(session, spec.run, charge, redundant=commit.redundant)
                continue
            for twice in (False, True):
                part = [one for one in drawing[1] if (one.id in commit.repeated) is twice]
                if part:
                    ws.spending.pay(session, spec.run, charge_of(spec, drawing[0], part), redundant=twice)

    return pay
