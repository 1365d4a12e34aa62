"""Tests of drawn tokens against a stated distribution: chi-square, mean log-probability, and the mass of rare tokens.

Each sees what the others miss: the mean log-probability a wrong temperature, the rare tokens a sampler of few bits, the
chi-square everything else. A token that the distribution excludes fails at once.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from rollmill.ground.pool import Floats, Ints

MEAN = "mean log-probability"
LEAST_EXPECTED = 10.0
"""Draws that a pool of tokens must have in expectation."""


@dataclass(frozen=True, slots=True)
class SamplerTest:
    """One test at one prefix. `statistic`: chi-square, z, or the drawn count; `expected`: its mean under the claim."""

    test: str
    n: int
    statistic: float
    expected: float
    p_value: float


def tests_of(counts: Ints, chances: Floats) -> Iterator[SamplerTest]:
    """The tests of counted tokens against their stated chances, which sum to 1."""
    impossible = int(counts[chances <= 0].sum())
    n = int(counts.sum())
    if impossible:
        yield SamplerTest("excluded tokens", n, float(impossible), 0.0, 0.0)
        return
    counts, chances = counts[chances > 0], chances[chances > 0]
    for test in (_chi_square(counts, chances), _mean_logp(counts, chances), _rare_mass(counts, chances)):
        if test is not None:
            yield test


def together(tests: Iterable[SamplerTest]) -> SamplerTest | None:
    """The mean log-probability over several prefixes: the sum of their z values over the root of their number."""
    values = [(test.statistic, test.n) for test in tests if test.test == MEAN]
    if len(values) < 2:
        return None
    z = sum(value for value, _ in values) / math.sqrt(len(values))
    return SamplerTest(f"{MEAN} of all", sum(n for _, n in values), z, 0.0, math.erfc(abs(z) / math.sqrt(2)))


def _chi_square(counts: Ints, chances: Floats) -> SamplerTest | None:
    """Pearson's statistic over pools of tokens."""
    from scipy.stats import chi2

    seen, pooled, _ = _pools(counts, chances)
    freedom = len(pooled) - 1
    if not freedom:
        return None
    n = int(counts.sum())
    statistic = float(((seen - n * pooled) ** 2 / (n * pooled)).sum())
    return SamplerTest("chi-square", n, statistic, float(freedom), float(chi2.sf(statistic, freedom)))


def _pools(counts: Ints, chances: Floats) -> tuple[Ints, Floats, Floats]:
    """Counts, chances and mean log-probabilities of pools, each with enough expected draws: tokens from the rarest on."""
    n, order = int(counts.sum()), np.argsort(chances, kind="stable")
    pools, number, gathered = np.zeros(len(order), dtype=np.int64), 0, 0.0
    for at, value in enumerate((n * chances[order]).tolist()):
        pools[at] = number
        gathered += value
        if gathered >= LEAST_EXPECTED:
            number, gathered = number + 1, 0.0
    pools = np.minimum(pools, max(0, number - 1))  # what is left over joins the last pool
    pooled = np.bincount(pools, weights=chances[order])
    logp = np.bincount(pools, weights=chances[order] * np.log(chances[order])) / pooled
    return np.bincount(pools, weights=counts[order]).astype(np.int64), pooled / pooled.sum(), logp


def _mean_logp(counts: Ints, chances: Floats) -> SamplerTest | None:
    """Mean log-probability of the draws, over the same pools, as the modified signed root of its likelihood ratio.

    Barndorff-Nielsen 1986, Biometrika 73: with K the cumulant function of one draw and K'(theta) the drawn mean m,
    w = sign(theta) sqrt(2 n (theta m - K)) and u = theta sqrt(n K''), w + log(u / w) / w is normal also where few rare
    draws make the mean skewed. Two pools are left to the chi-square.
    """
    from scipy.optimize import brentq

    seen, pooled, logp = _pools(counts, chances)
    n, spread = int(counts.sum()), logp - float(pooled @ logp)
    mean = float(seen @ spread) / n
    if len(pooled) < 3 or not spread.min() < mean < spread.max():
        return None

    def tilted(theta: float) -> tuple[float, Floats]:
        exponents = np.log(pooled) + theta * spread
        total = float(np.logaddexp.reduce(exponents))
        return total, np.exp(exponents - total)

    theta = float(brentq(lambda value: float(tilted(value)[1] @ spread) - mean, -60.0, 60.0))
    cumulant, weights = tilted(theta)
    variance = float(weights @ (spread - mean) ** 2)
    w = math.copysign(math.sqrt(max(0.0, 2 * n * (theta * mean - cumulant))), theta)
    u = theta * math.sqrt(n * variance)
    z = w + math.log(u / w) / w if abs(w) > 1e-3 else w
    return SamplerTest(MEAN, n, z, 0.0, math.erfc(abs(z) / math.sqrt(2)))


def _rare_mass(counts: Ints, chances: Floats) -> SamplerTest | None:
    """Draws of tokens that are expected less than once each, by the exact binomial test."""
    from scipy.stats import binomtest

    n = int(counts.sum())
    rare = n * chances < 1.0
    mass = float(chances[rare].sum())
    if n * mass < LEAST_EXPECTED:
        return None
    seen = int(counts[rare].sum())
    return SamplerTest("rare tokens", n, float(seen), n * mass, float(binomtest(seen, n, min(1.0, mass)).pvalue))
