"""Allocator `dump`: the numbers of its card."""

import numpy as np
import pytest

from rollmill.methods import Arm, Pull
from rollmill_mixing.allocators.dump import Dump, absolute_advantage


def test_the_mean_absolute_advantage_of_groups_of_sixteen() -> None:
    generator = np.random.default_rng(0)
    means = {
        rate: np.mean([absolute_advantage(Pull(16, int(right))) for right in generator.binomial(16, rate, 20_000)])
        for rate in (0.5, 0.05, 0.0, 1.0)
    }
    assert means[0.5] == pytest.approx(0.94, abs=0.005)
    assert means[0.05] == pytest.approx(0.30, abs=0.01)
    assert means[0.0] == means[1.0] == 0.0


def test_the_advantage_is_that_of_the_rewards_themselves() -> None:
    rewards = np.array([1.0] * 5 + [0.0] * 11)
    advantages = np.abs(rewards - rewards.mean()) / rewards.std(ddof=1)
    assert absolute_advantage(Pull(16, 5)) == pytest.approx(float(advantages.mean()))


def test_dump_leaves_what_is_solved_and_what_is_out_of_reach() -> None:
    arms = {"solved": Arm((Pull(16, 16),) * 40), "half": Arm((Pull(16, 8),) * 40), "beyond": Arm((Pull(16, 0),) * 40)}
    weights = Dump().weights(arms)
    assert sum(weights.values()) == pytest.approx(1.0)
    assert weights["half"] > 0.99
    assert Dump().answer(arms, {}, 0)[0] == "half"
