"""Tokens and money by day: days add up, money goes by currency, and what has no price is counted all the same."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from sqlalchemy import update

from rollmill.ground.money import UNITS
from rollmill.storage.ledger.models import SpendRow
from rollmill.storage.queries import Reader, runs
from rollmill.storage.queries.daily_spend import daily_spend
from rollmill.storage.spending import Charge, Sums
from rollmill.storage.workspace import Workspace

LAST = date(2026, 3, 10)
Pay = Callable[[str, str, Sums], None]


@pytest.fixture
def pay(tmp_path: Path) -> Pay:
    """Write a payment of a run at a time of day; runs are made on the way, `eur` and `usd` with their currency."""

    def paid(run: str, at: str, sums: Sums) -> None:
        with Workspace.open(tmp_path) as ws:
            ws.runs.open(run, name=run, recipe={}, recipe_hash="0" * 64)
            ws.runs.finish(run, "done", {"currency": run.upper()} if run in ("eur", "usd") else {})
            with ws.ledger.write() as session:
                ws.spending.pay(session, run, Charge(at, 0, 0, "1", sums), redundant=False)
                session.flush()
                moment = datetime.fromisoformat(at).replace(tzinfo=UTC).timestamp()
                session.execute(update(SpendRow).where(SpendRow.batch_id == at).values(paid_at=moment))

    Workspace.init(tmp_path).close()
    return paid


def test_days_runs_and_currencies_add_up(pay: Pay, tmp_path: Path) -> None:
    priced = Sums(completions=2, tokens_in=100, tokens_out=50, units=UNITS // 4)
    pay("eur", "2026-03-07T23:59:59", priced)
    pay("eur", "2026-03-08T00:00:00", priced)
    pay("usd", "2026-03-08T12:00:00", priced)
    pay("plain", "2026-03-08T13:00:00", Sums(completions=4, tokens_in=1, tokens_out=2, unpriced=4))
    pay("eur", "2026-03-10T23:59:00", priced)
    with Reader.open(tmp_path) as reader:
        spent = daily_spend(reader, runs(reader), 3, LAST)
    assert [row.day.isoformat() for row in spent.days] == ["2026-03-08", "2026-03-09", "2026-03-10"]
    assert [row.whole.tokens for row in spent.days] == [303, 0, 150]
    assert [row.amounts() for row in spent.days] == [{"EUR": 0.25, "USD": 0.25}, {}, {"EUR": 0.25}]
    assert {run: sums.tokens for run, sums in spent.runs.items()} == {"eur": 300, "usd": 150, "plain": 3}
    assert list(spent.runs) == ["eur", "usd", "plain"]
    assert spent.whole == Sums(completions=10, tokens_in=301, tokens_out=152, units=3 * UNITS // 4, unpriced=4)
    assert {name: sums.units for name, sums in spent.currencies().items()} == {"EUR": UNITS // 2, "USD": UNITS // 4}


def test_nothing_was_paid(pay: Pay, tmp_path: Path) -> None:
    pay("eur", "2026-01-01T00:00:00", Sums(completions=1, tokens_in=1))
    with Reader.open(tmp_path) as reader:
        spent = daily_spend(reader, runs(reader), 2, LAST)
    assert (spent.whole, spent.runs, spent.currencies()) == (Sums(), {}, {})
    assert [row.whole for row in spent.days] == [Sums(), Sums()]
