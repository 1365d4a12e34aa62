"""The size of a pilot: never more than the run that it stands for."""

import pytest

from rollmill.flows.forecasting.pilots import ForecastRequest, pilot_size
from rollmill.ground.records import Problem


def problems(count: int, levels: int) -> list[Problem]:
    return [Problem(f"{number}?", "1", level=number % levels) for number in range(count)]


@pytest.mark.parametrize(
    ("count", "levels", "prefix", "wanted", "size"),
    [
        (480, 8, 8, ForecastRequest(), (64, 8)),  # eight problems of each level
        (20, 8, 8, ForecastRequest(), (20, 8)),  # never more problems than there are
        (480, 8, 8, ForecastRequest(pilot=5, draws=4), (5, 4)),
        (40, 8, 1, ForecastRequest(), (5, 8)),  # never more completions than the run draws at the least: 40
        (3, 1, 1, ForecastRequest(), (1, 8)),  # but one problem
        (40, 8, 0, ForecastRequest(), (40, 8)),  # a budget without a prefix draws as it likes
    ],
)
def test_a_pilot_is_no_larger_than_the_run(
    count: int, levels: int, prefix: int, wanted: ForecastRequest, size: tuple[int, int]
) -> None:
    assert pilot_size(problems(count, levels), prefix, wanted) == size
