"""Forecasts scored against what came, the summary of how right they were, and what a selector keeps, on small numbers."""

from datetime import UTC, datetime
from typing import Any

import pytest

from rollmill.flows.forecasting.scores import history, scores_of, shown_forecast
from rollmill.storage.run_records import Forecast

QUANTITIES = {
    "draws": {"median": 100.0, "low80": 90.0, "high80": 110.0, "low95": 80.0, "high95": 120.0},
    "tokens": {"median": 1000.0, "low80": 900.0, "high80": 1100.0, "low95": 800.0, "high95": 1200.0},
    "level.1.kept": {"median": 0.0, "low80": 0.0, "high80": 1.0, "low95": 0.0, "high95": 2.0},
    "seconds": {"median": 9.0, "low80": 8.0, "high80": 10.0, "low95": 7.0, "high95": 11.0},
}


def test_a_forecast_is_scored_on_what_is_known_of_the_run() -> None:
    scores = scores_of({"quantities": QUANTITIES}, {"draws": 115.0, "tokens": 1240.0, "level.1.kept": 1.0})
    assert (scores["n"], scores["inside80"], scores["inside95"]) == (3, 1, 2)
    assert scores["quantities"]["draws"] == {
        "actual": 115.0,
        "error": pytest.approx(0.15),
        "inside80": False,
        "inside95": True,
        "score80": pytest.approx(20 + 2 / 0.2 * 5),  # its width and the fine for a miss by 5
        "score95": 40.0,
    }
    assert scores["quantities"]["tokens"]["score95"] == pytest.approx(400 + 2 / 0.05 * 40)
    assert scores["quantities"]["level.1.kept"]["error"] is None  # no share of a median of 0


def test_only_totals_are_shown_beside_their_intervals() -> None:
    score = scores_of({"quantities": QUANTITIES}, {"draws": 100.0, "level.1.kept": 3.0})
    row = Forecast(4, "hash", "sums", "pilot", {"quantities": QUANTITIES, "evidence": {}}, datetime.now(UTC), "run", score)
    shown = shown_forecast(row)
    assert (shown["id"], shown["n"], shown["inside80"], shown["inside95"]) == (4, 2, 1, 1)
    assert list(shown["totals"]) == ["draws"]
    assert (shown["totals"]["draws"]["low95"], shown["totals"]["draws"]["actual"]) == (80.0, 100.0)


MADE = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


def score(error: float | None, score95: float, *, inside80: bool = True, inside95: bool = True) -> dict[str, Any]:
    return {"error": error, "inside80": inside80, "inside95": inside95, "score95": score95}


def forecast(number: int, quantities: dict[str, Any] | None, inside95: int = 0) -> Forecast:
    score = None if quantities is None else {"quantities": quantities, "n": len(quantities), "inside95": inside95}
    return Forecast(number, "hash", "sums", "pilot", {}, MADE, None if score is None else f"run-{number}", score)


def test_errors_intervals_and_scores_are_summed_by_kind_of_quantity() -> None:
    first = forecast(
        1,
        {
            "tokens": score(0.1, 200.0),
            "level.1.kept": score(-0.5, 4.0, inside80=False),
            "level.2.kept": score(None, 2.0, inside80=False, inside95=False),
        },
        inside95=2,
    )
    second = forecast(2, {"tokens": score(-0.3, 400.0, inside80=False), "draws": score(0.0, 10.0)}, inside95=2)
    assert history([second, first])["quantities"] == [
        {"quantity": "draws", "forecasts": 1, "inside80": 1, "inside95": 1, "mean_error": 0.0, "interval_score95": 10.0},
        {"quantity": "tokens", "forecasts": 2, "inside80": 1, "inside95": 2, "mean_error": 0.2, "interval_score95": 300.0},
        {
            "quantity": "kept by level",
            "forecasts": 2,
            "inside80": 0,
            "inside95": 1,
            "mean_error": 0.5,
            "interval_score95": 3.0,
        },
    ]


def test_a_row_says_the_error_in_tokens_and_how_many_intervals_held() -> None:
    scored = forecast(1, {"tokens": score(0.1234, 1.0), "draws": score(0.0, 1.0)}, inside95=1)
    waiting = forecast(2, None)
    no_median = forecast(3, {"tokens": score(None, 1.0)}, inside95=1)
    rows = history([scored, waiting, no_median])["forecasts"]
    assert rows[0] == {
        "id": 1,
        "recipe": "sums",
        "source": "pilot",
        "made": "2026-03-04 05:06:07+00:00",
        "run": "run-1",
        "error": "+12.3%",
        "held": "1 of 2",
    }
    assert [(row["run"], row["error"], row["held"]) for row in rows[1:]] == [(None, None, None), ("run-3", None, "1 of 1")]


def test_a_workspace_without_forecasts_has_an_empty_history() -> None:
    assert history([]) == {"forecasts": [], "quantities": []}
