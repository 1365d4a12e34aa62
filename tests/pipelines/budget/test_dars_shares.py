"""What the DARS budgets are for: hard problems fill their share of what is kept, and it costs trials (card DART-Math)."""

import random
from collections.abc import Mapping

import pytest

from rollmill.pipelines.budget.dars import DarsProp2Diff, DarsUniform
from rollmill.pipelines.budget.fixed import Fixed
from tests.pipelines.budget.simulation import Simulated, simulate

RNG = random.Random(0)
RATES = {f"p{number:03}": RNG.betavariate(0.6, 0.9) for number in range(200)}
HARDEST = sorted(RATES, key=lambda key: RATES[key])[:40]
BY_DIFFICULTY = DarsProp2Diff(initial=8, target=12, cap=256)


@pytest.fixture(scope="module")
def vanilla() -> Simulated:
    return simulate(Fixed(initial=16), RATES, 1)


@pytest.fixture(scope="module")
def uniform() -> Simulated:
    return simulate(DarsUniform(initial=8, target=6, cap=256), RATES, 1)


def hard_share(result: Simulated, quota: Mapping[str, int]) -> float:
    kept = {key: min(quota[key], result.distinct[key]) for key in RATES}
    return sum(kept[key] for key in HARDEST) / sum(kept.values())


def test_hard_problems_are_starved_by_equal_trials_and_fed_by_dars(vanilla: Simulated, uniform: Simulated) -> None:
    by_difficulty = simulate(BY_DIFFICULTY, RATES, 1)
    shares = [
        hard_share(vanilla, dict.fromkeys(RATES, 16)),
        hard_share(uniform, dict.fromkeys(RATES, 6)),
        hard_share(by_difficulty, BY_DIFFICULTY.targets(by_difficulty.tallies)),
    ]
    assert shares[0] < 0.03
    assert shares[1] > 0.10
    assert shares[2] > 1.2 * shares[1]


def test_the_gain_is_paid_in_trials_and_reaches_problems_that_had_nothing(vanilla: Simulated, uniform: Simulated) -> None:
    assert sum(uniform.drawn.values()) > 2 * sum(vanilla.drawn.values())
    empty = [sum(count == 0 for count in result.distinct.values()) for result in (vanilla, uniform)]
    assert empty[1] < empty[0] / 3
