"""Payments in the transaction that registers completions, and reservations that share a limit."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from rollmill.ground.records import Completion
from rollmill.storage.ledger.models import ReservedRow, SpendRow
from rollmill.storage.segments.keys import Commit, SegmentKey
from rollmill.storage.spending import Amount, Charge, Limit, Sums, sums_of
from rollmill.storage.workspace import Workspace

TOKENS = Limit(tokens=1000)
NOTHING = Amount()


def reply(name: str, tokens_in: int | None = 10, tokens_out: int | None = 5, cost: float | None = None) -> Completion:
    drawn = Completion(name, "p", "toy", "m", "d", "curate", 0, 1, "text", "stop")
    return replace(drawn, tokens_in=tokens_in, tokens_out=tokens_out, cost=cost, seconds=0.25)


def charge(batch: str, sums: Sums, bound: Amount = NOTHING) -> Charge:
    return Charge(batch, 0, 0, "3", sums, bound)


def test_sums_count_what_is_unknown() -> None:
    rows = [reply("a", cost=0.5), reply("b", tokens_out=None), reply("c", tokens_in=None, tokens_out=None, cost=0.25)]
    assert sums_of(rows) == Sums(3, 20, 5, 750_000_000_000, 750_000, 2, 1)


def test_a_payment_lives_and_dies_with_its_segment(tmp_path: Path) -> None:
    with Workspace.init(tmp_path) as ws:
        key = SegmentKey("completions", "toy", "d", "b1")
        row = reply("a")

        def pay(session: Session, commits: Sequence[Commit]) -> None:
            ws.spending.pay(session, "run", charge("b1", sums_of([row])), redundant=commits[0].redundant)

        ws.segments.commit_many([(key, [row])], run="run", also=pay)
        ws.segments.commit_many([(key, [row])], run="run", also=pay)
        assert [(payment.redundant, payment.charge.sums.tokens) for payment in ws.spending.payments("run")] == [
            (False, 15),
            (True, 15),
        ]
        assert ws.spending.paid("run") == Sums(2, 20, 10, 0, 500_000, 0, 2)

        def break_it(session: Session, commits: Sequence[Commit]) -> None:
            pay(session, commits)
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            ws.segments.commit_many([(SegmentKey("completions", "toy", "d", "b2"), [reply("b")])], run="run", also=break_it)
        assert ws.segments.present("completions", ["a", "b"]) == {"a"}
        assert len(ws.spending.payments("run")) == 2


def test_payments_are_summed_by_run_and_span_of_time(tmp_path: Path) -> None:
    sums = Sums(completions=2, tokens_in=20, tokens_out=10)
    with Workspace.init(tmp_path) as ws:
        with ws.ledger.write() as session:
            for run, paid_at in (("a", 99.0), ("a", 100.0), ("a", 199.5), ("b", 150.0), ("a", 200.0), ("b", 9_999.0)):
                ws.spending.pay(session, run, charge(f"{run}{paid_at}", sums), redundant=False)
                session.flush()
                session.scalars(select(SpendRow).order_by(SpendRow.id.desc())).first().paid_at = paid_at  # type: ignore[union-attr]
        assert ws.spending.by_span([100.0, 200.0]) == {
            ("a", 0): sums + sums,
            ("a", 1): sums,
            ("b", 0): sums,
            ("b", 1): sums,
        }
        assert ws.spending.by_span([0.0]) == {("a", 0): sums + sums + sums + sums, ("b", 0): sums + sums}
        assert ws.spending.by_span([10_000.0]) == {}


def test_reservations_share_the_limit_and_end_with_the_payment(tmp_path: Path) -> None:
    with Workspace.init(tmp_path) as ws:
        each = [Amount(300)] * 4
        assert ws.spending.reserve("run", "b1", Amount(), each[:2], TOKENS) == 2
        assert ws.spending.reserve("run", "b2", Amount(), each, TOKENS) == 1
        assert ws.spending.reserve("run", "b3", Amount(), each, TOKENS) == 0
        assert ws.spending.reserve("other", "b1", Amount(), each, TOKENS) == 3
        with ws.ledger.write() as session:
            ws.spending.pay(session, "run", charge("b1", Sums(2, 50, 50)), redundant=False)
        assert ws.spending.counted("run") == Amount(400)
        assert ws.spending.reserve("run", "b3", Amount(), each, TOKENS) == 2
        assert ws.spending.reserve("run", "b3", Amount(20), each, TOKENS) == 1  # its 600 are given back, 20 are drawn


def test_what_a_reply_did_not_count_counts_at_its_bound(tmp_path: Path) -> None:
    with Workspace.init(tmp_path) as ws:
        with ws.ledger.write() as session:
            ws.spending.pay(session, "run", charge("b1", Sums(1, uncounted=1), Amount(900, 7)), redundant=False)
        assert ws.spending.counted("run") == Amount(900, 7)
        assert ws.spending.reserve("run", "b2", Amount(), [Amount(101)], TOKENS) == 0
        assert ws.spending.reserve("run", "b2", Amount(), [Amount(100)], TOKENS) == 1


def test_money_is_a_limit_of_its_own(tmp_path: Path) -> None:
    with Workspace.init(tmp_path) as ws:
        assert ws.spending.reserve("run", "b", Amount(), [Amount(5, 40)] * 9, Limit(units=100)) == 2
    assert Limit(units=100).exceeded_limit(Amount(10**9, 101)) == "cost limit"
    assert Limit(units=100).exceeded_limit(Amount(10**9, 100)) is None


@pytest.mark.parametrize(("under_way", "left"), [(None, 0), (3, 0), (0, 1)])
def test_a_killed_command_s_reservation_counts_until_it_is_settled(
    tmp_path: Path, under_way: int | None, left: int
) -> None:
    """One of an engine in the same process, which nobody bills, is void."""
    code = (
        "import sys; from pathlib import Path; from rollmill.storage.workspace import Workspace\n"
        "from rollmill.storage.spending import *\n"
        "ws = Workspace.open(Path(sys.argv[1]))\n"
        "print(ws.spending.reserve('run', 'b1', Amount(), [Amount(900)], Limit(1000), eval(sys.argv[2])))"
    )
    with Workspace.init(tmp_path) as ws:
        done = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path), str(under_way)], capture_output=True, text=True, check=True
        )
        assert done.stdout == "1\n"
        with ws.ledger.read() as session:
            assert session.query(ReservedRow).count() == 1
        assert ws.spending.reserve("run", "b2", Amount(), [Amount(900)], TOKENS) == left
        if under_way == 0:
            return
        assert ws.spending.given_up("run") == Amount(900)
        (killed,) = ws.spending.killed("run")
        for _ in range(2):  # two commands that go on: one of them pays
            ws.spending.settle("run", killed.owner, ["b1"], charge("b1", Sums(), Amount(300)))
        assert ws.spending.counted("run") == ws.spending.given_up("run") == Amount(300)
        assert ws.spending.paid("run") == Sums()
        assert ws.spending.reserve("run", "b2", Amount(), [Amount(700)], TOKENS) == 1


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    with Workspace.init(tmp_path_factory.mktemp("ws")) as ws:
        yield ws


@given(
    moves=st.lists(st.tuples(st.integers(0, 3), st.integers(1, 60), st.floats(0, 1)), max_size=20), most=st.integers(1, 500)
)
@settings(max_examples=15)
def test_no_order_of_draws_goes_beyond_the_limit(shared: Workspace, moves: list[tuple[int, int, float]], most: int) -> None:
    """Four lanes reserve at worst cases, draw a share of them, pay; at no time do paid and reserved exceed the limit."""
    run = uuid4().hex
    for number, (lane, worst, share) in enumerate(moves):
        batch = f"{lane}-{number}"
        granted = shared.spending.reserve(run, batch, NOTHING, [Amount(worst)] * 3, Limit(tokens=most))
        assert shared.spending.counted(run).tokens <= most
        if share < 0.7:  # the others stay under way
            with shared.ledger.write() as session:
                paid = Sums(granted, 0, int(granted * worst * share))
                shared.spending.pay(session, run, charge(batch, paid), redundant=False)
        assert shared.spending.counted(run).tokens <= most
    assert shared.spending.paid(run).tokens <= most
