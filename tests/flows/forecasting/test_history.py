"""The published summary of how right forecasts were, on rows small enough to sum by hand."""

from datetime import UTC, datetime
from typing import Any

from flows.forecasting.history import history
from storage.run_records import Forecast

MADE = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


def score(error: float | None, score95: float, *, inside80: bool = True, inside95: bool = True) -> dict[str, Any]:
    return {"error": error, "inside80": inside80, "inside95": inside95, "score95": score95}


def forecast(number: int, quantities: dict[str, Any] | None, inside95: int = 0) -> Forecast:
    told = None if quantities is None else {"quantities": quantities, "n": len(quantities), "inside95": inside95}
    return Forecast(number, "hash", "sums", "pilot", {}, MADE, None if told is None else f"run-{number}", told)


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
