"""Forecasts of runs and what became of them, kept in the ledger. Knows nothing of how a forecast is made or scored."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select

from storage.ledger.engine import Ledger
from storage.ledger.models import ForecastRow


@dataclass(frozen=True, slots=True)
class Forecast:
    """One forecast. `score` and `run` are None until a run of the recipe has ended."""

    id: int
    recipe_hash: str
    name: str
    source: str
    forecast: dict[str, Any]
    made_at: datetime
    run: str | None = None
    score: dict[str, Any] | None = None


class Forecasts:
    """The forecasts of one workspace."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def add(self, recipe_hash: str, name: str, source: str, forecast: dict[str, Any]) -> Forecast:
        """Keep a forecast."""
        with self._ledger.write() as session:
            row = ForecastRow(recipe_hash=recipe_hash, name=name, source=source, forecast=forecast)
            row.made_at, row.score = self._ledger.now(session), None
            session.add(row)
            session.flush()
            return _forecast(row)

    def score(self, forecast_id: int, run: str, score: dict[str, Any]) -> Forecast:
        """Keep what became of a forecast; the first score stands."""
        with self._ledger.write() as session:
            row = session.get_one(ForecastRow, forecast_id)
            if row.score is None:
                row.run_id, row.score, row.scored_at = run, score, self._ledger.now(session)
            return _forecast(row)

    def list(self) -> "list[Forecast]":
        """All of them, the latest first."""
        with self._ledger.read() as session:
            return [_forecast(row) for row in session.scalars(select(ForecastRow).order_by(ForecastRow.id.desc()))]

    def of_run(self, run: str) -> Forecast | None:
        """The scored forecast of a run, the latest made of several."""
        return next((one for one in self.list() if one.run == run), None)


def _forecast(row: ForecastRow) -> Forecast:
    made_at = datetime.fromtimestamp(row.made_at, UTC)
    return Forecast(row.id, row.recipe_hash, row.name, row.source, row.forecast, made_at, row.run_id, row.score)
