"""Tokens and money paid day by day, and by run over the same days, from the payments in the ledger. Days are of UTC.

    with Reader.open() as reader:
        spent = daily_spend(reader, runs(reader), 14, datetime.now(UTC).date())
        spent.days[-1].whole.tokens, spent.runs["arithmetic-3f9a0c1d"]

Each total is a sum of the same whole numbers (rollmill.storage.spending.Sums), so days and runs add up to the same.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from rollmill.ground.money import amount
from rollmill.storage.queries.reader import Reader
from rollmill.storage.spending import Sums

if TYPE_CHECKING:
    from rollmill.storage.runs import Run


@dataclass(frozen=True, slots=True)
class SpentDay:
    """Payments of one day; `money`: those with a price, by the currency of their runs ("" if it is unknown)."""

    day: date
    whole: Sums
    money: Mapping[str, Sums]

    def amounts(self) -> dict[str, float]:
        """Amounts of money by currency, for charts."""
        return {currency: float(amount(sums.units)) for currency, sums in self.money.items()}


@dataclass(frozen=True, slots=True)
class DailySpend:
    """Payments of some days in a row, the oldest first, and of the same days by run, the most tokens first."""

    days: tuple[SpentDay, ...]
    runs: Mapping[str, Sums]

    @property
    def whole(self) -> Sums:
        """All of it."""
        return _total(day.whole for day in self.days)

    def currencies(self) -> dict[str, Sums]:
        """All of it that has a price, by currency."""
        names = sorted({currency for day in self.days for currency in day.money})
        return {name: _total(day.money[name] for day in self.days if name in day.money) for name in names}


def daily_spend(reader: Reader, known: "Sequence[Run]", days: int, last: date) -> DailySpend:
    """Payments of `days` days up to `last`; `known`: the runs, which know their currency."""
    dates = [last - timedelta(days=back) for back in range(days - 1, -1, -1)]
    paid = reader.spending.by_span([datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() for day in dates])
    currency = {run.id: str(run.summary.get("currency") or "") for run in known}
    by_day: list[dict[str, Sums]] = [{} for _ in dates]
    by_run: dict[str, Sums] = {}
    for (run, place), sums in paid.items():
        by_day[place][run] = sums
        by_run[run] = by_run.get(run, Sums()) + sums
    most_first = sorted(by_run, key=lambda run: (-by_run[run].tokens, run))
    return DailySpend(
        tuple(_spent_day(day, by_day[place], currency) for place, day in enumerate(dates)),
        {run: by_run[run] for run in most_first},
    )


def _spent_day(day: date, paid: Mapping[str, Sums], currency: Mapping[str, str]) -> SpentDay:
    money: dict[str, Sums] = {}
    for run, sums in paid.items():
        # Payments without a price have no currency, and count in `whole` alone.
        if sums.units:
            name = currency.get(run, "")
            money[name] = money.get(name, Sums()) + sums
    return SpentDay(day, _total(paid.values()), money)


def _total(parts: Iterable[Sums]) -> Sums:
    return sum(parts, Sums())
