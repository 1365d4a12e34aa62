"""Moved shares: effects are estimated exactly under the linear law, and a source that helps all gets more."""

import numpy as np
import pytest

from rollmill.ground.errors import SetupError
from rollmill.ground.pool import Floats
from rollmill.pipelines.mix.pilots.aioli import AioliSettings, AioliShares, estimated_effects, moved_shares, near_one_source

HELPS_ALL = np.array([[0.9, 0.1, 0.0], [0.6, 0.5, 0.0], [0.6, 0.0, 0.4]])
"""Effects on three groups: source 0 helps every group, the others only their own."""


def trained(
    effects: Floats, rounds: int, *, moves: bool, settings: AioliSettings | None = None, noise: float = 0.0
) -> float:
    """Mean loss after rounds under the linear law; the short rounds of an estimation train too, and count as such."""
    rng, shares = np.random.default_rng(0), AioliShares.start(3, settings)
    loss = np.full(3, 3.0)
    for _ in range(rounds):
        order = shares.rounds(rng)
        tried = near_one_source(3, shares.settings.weight)[order]
        drops = tried @ effects.T * 0.002 + rng.normal(0, noise, (len(order), 3))
        parts = drops if moves else np.full_like(tried, 1 / 3) @ effects.T * 0.002
        loss = loss - parts.sum(axis=0)
        if moves:
            shares.move(order, drops)
        loss = loss - (effects @ shares.shares) * 0.05
    return float(loss.mean())


def test_effects_are_exact_without_noise() -> None:
    tried = near_one_source(3, 0.625)
    assert tried[0] == pytest.approx([0.75, 0.125, 0.125])
    assert estimated_effects(tried, tried @ HELPS_ALL.T) == pytest.approx(HELPS_ALL)
    with pytest.raises(SetupError, match="2 rounds do not tell 3 sources apart"):
        estimated_effects(tried[:2], np.ones((2, 3)))
    with pytest.raises(SetupError, match="the weight of one source is 0"):
        near_one_source(3, 0)


def test_a_step_is_by_column_sums_of_the_shifted_effects() -> None:
    start = np.full(3, 1 / 3)
    weights = np.exp(0.3 * HELPS_ALL.sum(axis=0) / HELPS_ALL.sum())
    assert moved_shares(start, HELPS_ALL, 0.3) == pytest.approx(weights / weights.sum())
    harmful = HELPS_ALL - 0.2
    shifted = harmful - harmful.min()
    weights = np.exp(0.3 * shifted.sum(axis=0) / shifted.sum())
    assert moved_shares(start, harmful, 0.3) == pytest.approx(weights / weights.sum())
    assert moved_shares(start, np.zeros((3, 3)), 0.3) == pytest.approx(start)


def test_a_source_that_helps_all_gets_more_and_the_mean_loss_is_below_that_of_equal_shares() -> None:
    for noise in (0.0, 2e-4):
        assert trained(HELPS_ALL, 20, moves=True, noise=noise) < trained(HELPS_ALL, 20, moves=False) - 0.1
    shares = AioliShares.start(3)
    for _ in range(20):
        order = shares.rounds(np.random.default_rng(1))
        shares.move(order, near_one_source(3, 0.625)[order] @ HELPS_ALL.T)
    assert shares.shares[0] > 0.7
    assert shares.shares.sum() == pytest.approx(1.0)


def test_equal_effects_leave_equal_shares_and_an_average_starts_from_them() -> None:
    assert trained(np.eye(3), 20, moves=True) == pytest.approx(trained(np.eye(3), 20, moves=False))
    steady = AioliShares.start(3, AioliSettings(average=0.5))
    for _ in range(20):
        steady.move([0, 1, 2], near_one_source(3, 0.625) @ HELPS_ALL.T)
    assert steady.shares == pytest.approx(moved_shares(np.full(3, 1 / 3), HELPS_ALL, 0.3))
