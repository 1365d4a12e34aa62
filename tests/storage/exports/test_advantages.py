"""Every advantage against its closed form, on all groups of 0 and 1 up to six completions."""

from itertools import product

import numpy as np
import pytest

from rollmill.storage.exports.advantages import ADVANTAGES, batch_std, centred, grpo, rloo, unlikely_rewards, zero_signal


def every_group(count: int) -> np.ndarray:
    return np.array(list(product((0.0, 1.0), repeat=count)))


@pytest.mark.parametrize("count", range(2, 7))
@pytest.mark.parametrize("name", sorted(ADVANTAGES))
def test_a_group_sums_to_zero_and_one_of_equal_rewards_is_exactly_zero(name: str, count: int) -> None:
    rewards = every_group(count)
    values = ADVANTAGES[name](rewards)
    assert np.abs(values.sum(axis=1)).max() < 1e-12
    assert (values[zero_signal(rewards)] == 0.0).all()
    assert zero_signal(rewards).sum() == 2
    assert (values[(rewards == 1) & ~zero_signal(rewards)[:, None]] > 0).all()


@pytest.mark.parametrize("count", range(2, 7))
def test_rloo_is_the_reward_less_the_mean_of_the_others(count: int) -> None:
    rewards = every_group(count)
    others = np.array([[np.delete(row, place).mean() for place in range(count)] for row in rewards])
    assert np.allclose(rloo(rewards), rewards - others, atol=1e-12)
    assert np.allclose(rloo(rewards), count / (count - 1) * (rewards - rewards.mean(axis=1, keepdims=True)), atol=1e-12)


@pytest.mark.parametrize("count", range(2, 7))
def test_grpo_of_c_right_answers_has_its_closed_form(count: int) -> None:
    """With c of n right the deviation is sqrt(c (n - c) / (n (n - 1))), and the advantages have variance 1."""
    for row, values in zip(every_group(count), grpo(every_group(count)), strict=True):
        right = row.sum()
        if 0 < right < count:
            deviation = np.sqrt(right * (count - right) / (count * (count - 1)))
            assert np.allclose(values, (row - right / count) / deviation)
            assert values.var(ddof=1) == pytest.approx(1)


def test_batch_deviation_is_one_divisor_for_all_groups() -> None:
    rewards = np.array([[1.0, 0.0, 0.0, 0.0], [1.0, 1.0, 0.0, 0.0], [1.0, 1.0, 1.0, 1.0]])
    deviation = np.sqrt((7 * 5) / (12 * 11))  # of 7 right in 12
    assert np.allclose(batch_std(rewards), centred(rewards) / deviation)
    assert (batch_std(np.ones((3, 4))) == 0).all()
    near = np.array([[0.0] + [1.0] * 63, [0.0, 1.0] * 32])  # a nearly solved group is not blown up, as it is by its own
    assert abs(grpo(near)[0, 0]) > 7.8
    assert abs(batch_std(near)[0, 0]) < 2.3


def test_an_unlikely_right_answer_is_worth_more() -> None:
    """Right ones of rank 7, 4 and 0 of 8 get .97, 1.18 and 1.45 where GRPO gives each 1.21."""
    rewards = np.array([[1.0, 0, 0, 0, 1.0, 0, 0, 1.0]])
    logprobs = np.arange(8, dtype=np.float64)[None, :] - np.float64(9)
    values = grpo(unlikely_rewards(rewards, logprobs, 0.25))[0]
    assert np.round(values[[7, 4, 0]], 2).tolist() == [0.97, 1.18, 1.45]
    assert np.round(grpo(rewards)[0, 0], 2) == 1.21


def test_likelihood_alone_is_no_signal_and_equal_ones_share_a_rank() -> None:
    solved = np.ones((1, 4))
    assert (grpo(unlikely_rewards(solved, np.arange(4.0)[None, :], 0.25)) == 0).all()
    shared = unlikely_rewards(np.array([[1.0, 1.0, 0.0, 0.0]]), np.array([[-2.0, -2.0, -5.0, -1.0]]), 0.25)
    assert shared.tolist() == [[1 - 0.25 * 1.5 / 4, 1 - 0.25 * 1.5 / 4, 0.0, 0.0]]


def test_drawing_until_enough_are_right_is_why_such_groups_are_refused() -> None:
    """Until 4 right at p = .3 the group mean of p - y is not 0 but .056 (statistics.md, point 2)."""
    generator = np.random.default_rng(0)
    draws = 4 + generator.negative_binomial(4, 0.3, size=20_000)
    assert (4 / draws).mean() - 0.3 == pytest.approx(0.056, abs=0.004)
