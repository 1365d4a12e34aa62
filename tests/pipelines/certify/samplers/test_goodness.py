"""The tests of drawn tokens: level under the truth, power against planted faults, literal statistics."""

import numpy as np
import pytest

from rollmill.ground.pool import Floats, Ints
from rollmill.pipelines.certify.samplers.goodness import MEAN, SamplerTest
from rollmill.pipelines.certify.samplers.goodness import tests_of as goodness_tests
from rollmill.pipelines.certify.samplers.planted import exact, gumbel_32, rare_chances, warmer


def by_name(counts: Ints, chances: Floats) -> dict[str, SamplerTest]:
    return {test.test: test for test in goodness_tests(counts, chances)}


def test_statistics_of_a_table_by_hand() -> None:
    """(60-50)^2/50 + (30-40)^2/40 + 0 = 4.5 of 2 degrees of freedom."""
    known = by_name(np.asarray([60, 30, 10]), np.asarray([0.5, 0.4, 0.1]))
    assert known["chi-square"].statistic == pytest.approx(4.5)
    assert (known["chi-square"].expected, known["chi-square"].n) == (2, 100)
    assert known["chi-square"].p_value == pytest.approx(np.exp(-2.25))
    assert set(known) == {"chi-square", "mean log-probability"}


def test_rare_tokens_are_pooled_until_ten_are_expected() -> None:
    chances = np.asarray([0.9] + [0.001] * 100)
    known = by_name(np.asarray([900] + [1] * 100), chances)
    assert known["chi-square"].expected == 10  # ten pools of ten tokens, and the likely one
    assert known["chi-square"].statistic == pytest.approx(0)


def test_a_token_that_is_excluded_fails_at_once() -> None:
    assert list(goodness_tests(np.asarray([9, 1]), np.asarray([1.0, 0.0]))) == [SamplerTest("excluded tokens", 10, 1, 0, 0)]


def test_p_values_of_the_truth_are_uniform() -> None:
    generator = np.random.default_rng(1)
    chances = generator.dirichlet(np.full(40, 0.3))
    p_values = [[test.p_value for test in goodness_tests(exact(chances, 2_000, generator), chances)] for _ in range(600)]
    for column in zip(*p_values, strict=True):
        assert np.mean(np.asarray(column) < 0.05) == pytest.approx(0.05, abs=0.03)
        assert np.mean(column) == pytest.approx(0.5, abs=0.05)


def test_a_temperature_of_97_hundredths_is_caught_by_the_mean_log_probability() -> None:
    chances = np.random.default_rng(2).dirichlet(np.full(48, 0.3))
    caught = [by_name(warmer(chances, 20_000, np.random.default_rng(seed)), chances) for seed in range(50)]
    assert sum(tests["mean log-probability"].p_value < 1e-3 for tests in caught) >= 40
    assert sum(tests["chi-square"].p_value < 1e-3 for tests in caught) < 40


def test_noise_of_32_bits_is_caught_by_the_mass_of_rare_tokens() -> None:
    chances = rare_chances()
    seen = by_name(gumbel_32(chances, 200_000, np.random.default_rng(3)), chances)["rare tokens"]
    assert seen.expected == pytest.approx(200)
    assert seen.statistic < 40
    assert seen.p_value < 1e-20
    truth = by_name(exact(chances, 200_000, np.random.default_rng(3)), chances)["rare tokens"]
    assert truth.p_value > 0.01


def test_the_short_way_to_noise_of_32_bits_is_the_long_way() -> None:
    """64 rare tokens drawn one by one: the same share of rare draws."""
    chances = np.concatenate([[0.5], np.full(64, 0.5 / 64)])
    generator, draws = np.random.default_rng(5), 100_000
    grid = generator.integers(1 << 24, size=(draws, 65)) / 2.0**24
    with np.errstate(divide="ignore"):
        long = (np.log(chances) - np.log(-np.log(grid))).argmax(axis=1)
    short = gumbel_32(chances, draws, generator)
    assert (long > 0).mean() == pytest.approx(short[1:].sum() / draws, abs=0.006)


def test_the_mean_log_probability_keeps_its_level_where_few_rare_tokens_make_it_skewed() -> None:
    """30 tokens of about 1e-3 beside a likely one: the pools of 2,000 draws have 10 each, and the plain z is skewed."""
    rare = np.geomspace(3e-4, 3e-3, 30)
    chances = np.concatenate([[1 - rare.sum()], rare])
    generator = np.random.default_rng(7)
    p_values = np.asarray([by_name(exact(chances, 2_000, generator), chances)[MEAN].p_value for _ in range(4_000)])
    for level in (0.05, 0.01):
        assert (p_values < level).mean() == pytest.approx(level, abs=0.35 * level)
