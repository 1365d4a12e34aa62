"""What every order must do: say who it is, and give known units, the same ones for the same seed and epoch."""

import pytest

from rollmill.pipelines.train.orders import ORDERS
from rollmill.pipelines.train.roles import TrainingUnits

UNITS = TrainingUnits(
    30,
    {
        "level": [place % 5 for place in range(30)],
        "pass_rate": [place / 30 for place in range(30)],
        "possibility": [1 - place / 60 for place in range(30)],
        "passed": [place % 4 / 4 for place in range(30)],
        "source": ["small" if place < 6 else "large" for place in range(30)],
    },
)


@pytest.mark.parametrize("name", sorted(ORDERS))
def test_an_order_gives_known_units_and_is_a_function_of_seed_and_epoch(name: str) -> None:
    order = ORDERS[name]()
    assert (order.name, order.version) == (name, "1")
    for epoch in (0, 1):
        units = [int(unit) for unit in order.arrange(UNITS, 4, epoch)]
        assert units == [int(unit) for unit in ORDERS[name]().arrange(UNITS, 4, epoch)]
        assert set(units) <= set(range(30))
        assert len(units) == len(order.arrange(UNITS, 5, 1 - epoch)) > 0
