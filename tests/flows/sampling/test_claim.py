"""Claiming a batch: what is stored, what other commands draw, what its spool holds, and what is left to draw."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import select

from rollmill.flows.sampling.charges import Account
from rollmill.flows.sampling.claim import ClaimedBatch, claim
from rollmill.flows.sampling.control import Control, QueueLimits
from rollmill.flows.sampling.draw import BatchDrawer
from rollmill.flows.sampling.sample import RequestBatch
from rollmill.flows.sampling.spend_limiter import SpendLimiter
from rollmill.ground.records import Completion, Request, Sampling
from rollmill.storage.ledger.models import LeaseRow
from rollmill.storage.segments.keys import SegmentKey
from rollmill.storage.workspace import Workspace
from tests.flows.rounds.toy import ToyEngine, workspace

REQUESTS = {
    f"c{index}": Request(f"c{index}", "p", f"{index} + 1 = ? (p=100%)", "rendered", Sampling(), 0, "curate", index)
    for index in range(5)
}
IDS = list(REQUESTS)


@pytest.fixture
def ws(tmp_path: Path) -> Iterator[Workspace]:
    with workspace(tmp_path) as made:
        yield made


def drawer_of(ws: Workspace) -> BatchDrawer:
    return BatchDrawer(ws, SpendLimiter(ws, Account("toy-run")), Control(QueueLimits()), threading.Lock())


def claimed_by(ws: Workspace, drawer: BatchDrawer, batch: RequestBatch) -> ClaimedBatch:
    claimed = claim(ws, drawer.heartbeat, batch, IDS, partial(ws.segments.present, "completions"))
    assert claimed is not None
    return claimed


def answers(*ids: str) -> list[Completion]:
    return list(ToyEngine().generate([REQUESTS[cid] for cid in ids]))


def test_a_claim_tells_apart_what_is_stored_drawn_elsewhere_spooled_and_left(ws: Workspace) -> None:
    batch, drawer = RequestBatch("batch", ToyEngine(), REQUESTS), drawer_of(ws)
    ws.segments.commit(SegmentKey("completions", "toy", "1", "other"), answers("c0"))
    ws.spool("batch").append(answers("c0", "c2", "c3"))
    assert ws.ledger.leases.acquire("batch/another", claim=["c1", "c2"]) is not None
    claimed = claimed_by(ws, drawer, batch)
    assert (claimed.stored, claimed.elsewhere) == ({"c0"}, {"c1"})
    assert (claimed.missing, claimed.undrawn) == (["c2", "c3", "c4"], ["c4"])
    assert [completion.id for completion in claimed.drawn] == ["c2", "c3"]
    assert claim(ws, drawer.heartbeat, batch, IDS, lambda _: set()) is None
    drawer.heartbeat.release(claimed.lease)
    assert set(ws.ledger.leases.held()) == {"batch/another"}


def test_the_store_is_asked_when_the_claim_is_made(ws: Workspace) -> None:
    held: list[bool] = []

    def stored(_: Sequence[str]) -> set[str]:
        held.append("batch/batch" in ws.ledger.leases.held())
        return set()

    assert claim(ws, drawer_of(ws).heartbeat, RequestBatch("batch", ToyEngine(), REQUESTS), IDS, stored) is not None
    assert held == [True]


@pytest.mark.parametrize(("limit", "kept"), [(5, []), (3, ["c0", "c1", "c2"])])
def test_a_spool_stays_until_every_completion_of_its_batch_is_stored(ws: Workspace, limit: int, kept: list[str]) -> None:
    drawer = drawer_of(ws)
    claimed = claimed_by(ws, drawer, RequestBatch("batch", ToyEngine(spooled=True, fail_after=limit), REQUESTS))
    with suppress(ConnectionError):
        drawer.draw(claimed, lambda: None)
    [(completions, commit)], others = drawer.commit([claimed])
    assert [completion.id for completion in completions] == IDS[:limit]
    assert (commit.rows, others) == (limit, [])
    assert [completion.id for completion in ws.spool("batch").read()] == kept
    assert ws.spending.paid("toy-run").completions == limit
    with ws.ledger.read() as session:
        assert session.scalars(select(LeaseRow.claims)).all() == [None]


def test_leases_that_are_left_are_released_when_the_heartbeat_ends(ws: Workspace) -> None:
    drawer = drawer_of(ws)
    with suppress(ValueError), drawer.heartbeat.running():
        claimed_by(ws, drawer, RequestBatch("batch", ToyEngine(), REQUESTS))
        raise ValueError
    assert ws.ledger.leases.held() == {}
