"""Forecasts scored against what came, the size of a pilot, and how many rollouts a selector keeps, on small numbers."""

from datetime import UTC, datetime
from typing import Any

import pytest

from flows.forecasting.forecasts import Wish, kept_rule, pilot_size, scores_of, shown
from pipelines.select import AllCorrect, Quota
from storage.records import Problem
from storage.run_records import Forecast

QUANTITIES = {
    "draws": {"median": 100.0, "low80": 90.0, "high80": 110.0, "low95": 80.0, "high95": 120.0},
    "tokens": {"median": 1000.0, "low80": 900.0, "high80": 1100.0, "low95": 800.0, "high95": 1200.0},
    "level.1.kept": {"median": 0.0, "low80": 0.0, "high80": 1.0, "low95": 0.0, "high95": 2.0},
    "seconds": {"median": 9.0, "low80": 8.0, "high80": 10.0, "low95": 7.0, "high95": 11.0},
}


def test_a_forecast_is_scored_on_what_is_known_of_the_run() -> None:
    found = scores_of({"quantities": QUANTITIES}, {"draws": 115.0, "tokens": 1240.0, "level.1.kept": 1.0})
    assert (found["n"], found["inside80"], found["inside95"]) == (3, 1, 2)
    assert found["quantities"]["draws"] == {
        "actual": 115.0,
        "error": pytest.approx(0.15),
        "inside80": False,
        "inside95": True,
        "score80": pytest.approx(20 + 2 / 0.2 * 5),  # its width and the fine for a miss by 5
        "score95": 40.0,
    }
    assert found["quantities"]["tokens"]["score95"] == pytest.approx(400 + 2 / 0.05 * 40)
    assert found["quantities"]["level.1.kept"]["error"] is None  # no share of a median of 0


def test_only_totals_are_shown_beside_their_intervals() -> None:
    score = scores_of({"quantities": QUANTITIES}, {"draws": 100.0, "level.1.kept": 3.0})
    made = Forecast(4, "hash", "sums", "pilot", {"quantities": QUANTITIES, "evidence": {}}, datetime.now(UTC), "run", score)
    told = shown(made)
    assert (told["id"], told["n"], told["inside80"], told["inside95"]) == (4, 2, 1, 1)
    assert list(told["totals"]) == ["draws"]
    assert (told["totals"]["draws"]["low95"], told["totals"]["draws"]["actual"]) == (80.0, 100.0)


def problems(count: int, levels: int) -> list[Problem]:
    return [Problem(f"{number}?", "1", level=number % levels) for number in range(count)]


@pytest.mark.parametrize(
    ("count", "levels", "prefix", "wish", "size"),
    [
        (480, 8, 8, Wish(), (64, 8)),  # eight problems of each level
        (20, 8, 8, Wish(), (20, 8)),  # never more problems than there are
        (480, 8, 8, Wish(pilot=5, draws=4), (5, 4)),
        (40, 8, 1, Wish(), (5, 8)),  # never more completions than the run draws at the least: 40
        (3, 1, 1, Wish(), (1, 8)),  # but one problem
        (40, 8, 0, Wish(), (40, 8)),  # a budget without a prefix draws as it likes
    ],
)
def test_a_pilot_is_no_larger_than_the_run(count: int, levels: int, prefix: int, wish: Wish, size: tuple[int, int]) -> None:
    assert pilot_size(problems(count, levels), prefix, wish) == size


@pytest.mark.parametrize(("selector", "kept"), [(AllCorrect(), 7), (Quota(per_problem=2), 2), (Quota(per_problem=9), 3)])
def test_what_a_selector_keeps_of_seven_correct_answers_with_three_solutions(selector: Any, kept: int) -> None:
    rule = kept_rule(selector)
    assert rule is not None
    assert rule(7, 3) == kept


def test_a_selector_of_somebody_s_own_gives_no_rule() -> None:
    class Own:
        name = "own"

    assert kept_rule(Own()) is None
