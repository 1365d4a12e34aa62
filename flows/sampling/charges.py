"""Payments for drawn completions: one per commit of a batch, in the transaction that registers it.

Where an engine gives no cost (an in-process one), the cost follows from the profile's prices.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy.orm import Session

from rollmill.flows.sampling.claim import Batch, ClaimedBatch
from rollmill.ground.ids import digest128
from rollmill.ground.money import units_of
from rollmill.ground.records import Completion, Request
from rollmill.pipelines.generate.prices import Prices
from rollmill.roles.engine_roles import CountsPromptTokens, Generator
from rollmill.storage.segments.keys import Commit, SegmentKey
from rollmill.storage.spending import Amount, Charge, Limit, sums_of
from rollmill.storage.workspace import Workspace

MARGIN = 256  # tokens of a chat template and a server's own system prompt, beyond one for each byte that we send


@dataclass(frozen=True, slots=True)
class Account:
    """The run of the ledger that pays for completions, its limit over all commands, and prices of what names no cost."""

    run: str
    limit: Limit = field(default_factory=Limit)
    prices: Prices | None = None


def completions_key(engine: Generator, ids: Collection[str]) -> SegmentKey:
    """The segment of these completions of an engine."""
    return SegmentKey("completions", engine.engine, engine.model_digest, digest128(["completions", sorted(ids)]))


def priced_completions(prices: Prices | None, completions: Sequence[Completion]) -> list[Completion]:
    """The completions with their costs, as far as known."""
    return [completion if prices is None else _priced(prices, completion) for completion in completions]


def _priced(prices: Prices, completion: Completion) -> Completion:
    if completion.cost is not None:
        return completion
    cost = prices.of(completion.model).cost(completion.tokens_in, completion.tokens_out)
    return replace(completion, cost=cost)


class ChargeBounds:
    """The most that one request can take: the tokens of its prompt, where the engine can count them, and max_tokens.

    If it is unknown: a token holds at least one byte, so the bytes of the prompt and a margin for the server's template.
    The margin grows with the first reply that shows it to be too small.
    """

    def __init__(self, prices: Prices | None) -> None:
        self._prices = prices
        self._excess = 0
        self._counters: dict[int, CountsPromptTokens | None] = {}

    def of(self, request: Request, engine: Generator) -> Amount:
        """Tokens in and out, and their price."""
        tokens_in, tokens_out = self._prompt(request, engine), request.sampling.max_tokens
        if self._prices is None:
            return Amount(tokens_in + tokens_out)
        return Amount(tokens_in + tokens_out, self._prices.of(engine.model).most(tokens_in, tokens_out))

    def amount(self, completion: Completion, request: Request, engine: Generator) -> Amount:
        """Tokens and cost of a completion, or its bound if these are not known."""
        if completion.tokens_in is None or completion.tokens_out is None:
            return self.of(request, engine)
        self._excess = max(self._excess, completion.tokens_in - len(request.rendered.encode()) - MARGIN)
        cost = _priced(self._prices, completion).cost if self._prices is not None else completion.cost
        return Amount(completion.tokens_in + completion.tokens_out, units_of(cost))

    def _prompt(self, request: Request, engine: Generator) -> int:
        if id(engine) not in self._counters:  # asked once per engine: the question costs more than counting
            self._counters[id(engine)] = engine if isinstance(engine, CountsPromptTokens) else None
        counter = self._counters[id(engine)]
        if counter is not None:
            return counter.prompt_tokens(request.rendered)
        return len(request.rendered.encode()) + MARGIN + self._excess


def charge_of(prices: Prices | None, batch: Batch, completions: Sequence[Completion]) -> Charge:
    """The payment for these completions of a batch."""
    uncounted = {
        completion.id for completion in completions if completion.tokens_in is None or completion.tokens_out is None
    }
    bounds = ChargeBounds(prices)
    bound = sum((bounds.of(request, batch.engine) for request in batch.requests(uncounted)), Amount())
    return Charge(
        batch_id=batch.id,
        round=batch.round,
        batch=batch.number,
        members=members_of(batch, {completion.id for completion in completions}),
        sums=sums_of(completions),
        bound=bound,
        purpose=batch.purpose,
    )


def members_of(batch: Batch, ids: set[str]) -> str:
    """Positions of these completions in their batch, as a hexadecimal bit mask (the first is the lowest bit)."""
    return f"{sum(1 << place for place, cid in enumerate(batch.completion_ids) if cid in ids):x}"


def paying(
    ws: Workspace, account: Account, drawn: Sequence[tuple[ClaimedBatch, Sequence[Completion]]]
) -> Callable[[Session, Sequence[Commit]], None]:
    """Callback that pays for drawn batches in the transaction of their commits, the first commits of that transaction.

    Completions that another command had already stored are paid for twice, so they are a payment of their own. Each batch
    releases its claims in the same transaction.
    """
    charges = [charge_of(account.prices, claimed.batch, completions) for claimed, completions in drawn]

    def pay(session: Session, commits: Sequence[Commit]) -> None:
        for (claimed, completions), charge, commit in zip(drawn, charges, commits[: len(drawn)], strict=True):
            ws.ledger.leases.release_claims(session, claimed.lease)
            if not commit.repeated:
                ws.spending.pay(session, account.run, charge, redundant=commit.redundant)
                continue
            # Both are payments of one transaction, so a kill leaves neither or both.
            for twice in (False, True):
                part = [completion for completion in completions if (completion.id in commit.repeated) is twice]
                if part:
                    ws.spending.pay(session, account.run, charge_of(account.prices, claimed.batch, part), redundant=twice)

    return pay
