"""Price of training time, from the profile."""

from dataclasses import dataclass
from decimal import Decimal

from rollmill.ground.money import shown, units_of


@dataclass(frozen=True, slots=True)
class TrainingPrice:
    """Price of an hour of training in a currency; None: trainings have no price."""

    per_hour: Decimal | None = None
    currency: str = "USD"

    def of(self, seconds: float | None) -> float | None:
        """Price of so many seconds; None for an unknown time, or without a price."""
        return None if self.per_hour is None or seconds is None else float(self.per_hour) * seconds / 3600

    def words(self, money: float | None) -> str:
        """The amount with its currency behind a comma; empty for None."""
        return "" if money is None else f", {shown(units_of(money), self.currency)}"
