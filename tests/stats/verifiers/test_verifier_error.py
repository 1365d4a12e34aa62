"""Error rates and corrected rates from an audit: small cases by hand, bias and coverage by a seeded simulation."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from rollmill.stats import (
    ErrorCell,
    Estimate,
    corrected_mean,
    corrected_rate,
    false_accept_rate,
    false_reject_rate,
    population_mean,
    precision,
    verdict_accuracy,
)


def values(*estimates: Estimate | None) -> list[float]:
    return [estimate.value for estimate in estimates if estimate is not None]


SEEN = [ErrorCell(True, 4, [True, True, True, False]), ErrorCell(False, 6, [True, True, True, True, False, False])]
"""Everything audited: 3 true accepts, 1 false accept, 4 true rejects, 2 false rejects."""


def test_a_whole_that_was_audited_gives_the_counts() -> None:
    every = [f(SEEN) for f in (corrected_rate, false_accept_rate, false_reject_rate, precision, verdict_accuracy)]
    assert values(*every) == pytest.approx([0.5, 0.2, 0.4, 0.75, 0.7])
    for found in every:
        assert found is not None
        assert found.high - found.low < 1e-6


def test_errors_weigh_by_their_inverse_probability() -> None:
    cells = [
        ErrorCell(True, 100, [True] * 9 + [False]),
        ErrorCell(True, 50, [True] * 10),
        ErrorCell(False, 850, [True] * 100),
    ]
    assert values(
        corrected_rate(cells), precision(cells), false_accept_rate(cells), false_reject_rate(cells)
    ) == pytest.approx([0.14, 140 / 150, 10 / 860, 0.0])


def test_no_error_found_is_not_no_error() -> None:
    cells = [ErrorCell(True, 5000, [True] * 150), ErrorCell(False, 5000, [True] * 150)]
    for f in (corrected_rate, false_accept_rate, false_reject_rate, precision, verdict_accuracy):
        found = f(cells)
        assert found is not None
        assert found.high - found.low > 0.005
        assert found.low <= found.value <= found.high


def test_a_stratum_that_nobody_audited_leaves_the_rates_undefined() -> None:
    cells = [ErrorCell(True, 10, []), ErrorCell(False, 10, [True])]
    for f in (corrected_rate, false_accept_rate, false_reject_rate, precision, verdict_accuracy):
        assert f(cells) is None
    assert precision([ErrorCell(False, 10, [True])]) is None


def test_a_side_without_any_rollout_has_room_above_zero() -> None:
    found = false_reject_rate([ErrorCell(True, 200, [True] * 40)])
    assert found is not None
    assert (found.value, found.low) == (0.0, 0.0)
    assert found.high == pytest.approx(3.69 / 200, rel=0.05)
    assert false_accept_rate([ErrorCell(True, 200, [True] * 40)]) is None  # nothing is wrong


def test_weights_make_the_rate_a_mean_over_problems() -> None:
    """Problem one: 4 of 4 accepted; problem two: 1 of 8. The only error is an accept of problem one."""
    accepted = ErrorCell(True, 5, [False, True, True, True, True], [1 / 8] * 4 + [1 / 16], 4 / 8 + 1 / 16, 1 / 8)
    rejected = ErrorCell(False, 7, [True] * 7, [1 / 16] * 7, 7 / 16, 1 / 16)
    found = corrected_rate([accepted, rejected])
    assert found is not None
    assert found.value == pytest.approx((3 / 4 + 1 / 8) / 2)


def test_the_corrected_mean_has_the_spread_of_the_corrected_clusters() -> None:
    """Everything accepted and audited: the verifier says 1 of every problem, and only the truth has a spread."""
    cells = [ErrorCell(True, 40, [True] * 20 + [False] * 20, [1 / 40] * 40, 1.0, 1 / 40)]
    truth = [(2.0, 10), (8.0, 10), (5.0, 10), (5.0, 10)]
    found, whole = corrected_mean(cells, truth, estimand="population"), population_mean([0.2, 0.8, 0.5, 0.5])
    assert found is not None
    assert whole is not None
    assert (found.value, found.clusters, found.estimand) == (0.5, 4, "population")
    assert (found.low, found.high) == pytest.approx((whole.low, whole.high))


def test_errors_that_no_audit_met_widen_the_corrected_mean() -> None:
    seen = [
        ErrorCell(True, 500, [True] * 500, [1e-3] * 500, 0.5, 1e-3),
        ErrorCell(False, 500, [True] * 500, [1e-3] * 500, 0.5, 1e-3),
    ]
    few = [ErrorCell(side.accepted, 500, [True] * 20, [1e-3] * 20, 0.5, 1e-3) for side in seen]
    sums = [(4.0, 10), (6.0, 10), (5.0, 10), (5.0, 10), (4.5, 10), (5.5, 10)]
    every, some = (corrected_mean(cells, sums, estimand="population") for cells in (seen, few))
    assert every is not None
    assert some is not None
    assert some.low < every.low - 0.01
    assert some.high > every.high + 0.01
    assert corrected_mean([ErrorCell(True, 10, [])], sums, estimand="population") is None


RATES: dict[str, Callable[..., Estimate | None]] = {
    "share": corrected_rate,
    "accept": false_accept_rate,
    "reject": false_reject_rate,
    "kept": precision,
}


@pytest.mark.parametrize(("accept", "reject"), [(0.05, 0.03), (0.001, 0.02)])
def test_300_audits_are_unbiased_and_cover(accept: float, reject: float) -> None:
    """Pass rates from Beta(.6, .9), 8 draws on 500 problems, 300 audits stratified by outcome and band (point 8)."""
    rng = np.random.default_rng(8)
    repeats = 150
    errors: dict[str, list[float]] = {name: [] for name in RATES}
    held = dict.fromkeys(RATES, 0)
    for _ in range(repeats):
        truth, said = _rollouts(rng, accept, reject)
        cells = _audit(rng, truth, said, 300)
        right = {
            "share": truth.mean(),
            "accept": said[~truth].mean(),
            "reject": (~said)[truth].mean(),
            "kept": truth[said].mean(),
        }
        for name, f in RATES.items():
            found = f(cells)
            assert found is not None
            errors[name].append(found.value - right[name])
            held[name] += found.low <= right[name] <= found.high
    for name in RATES:
        assert held[name] / repeats >= 0.93, name
        assert abs(math.fsum(errors[name]) / repeats) < 0.003, name


def _rollouts(rng: np.random.Generator, accept: float, reject: float) -> tuple[np.ndarray, np.ndarray]:
    rates = rng.beta(0.6, 0.9, 500)
    truth = rng.random((500, 8)) < rates[:, None]
    return truth, np.where(truth, rng.random((500, 8)) >= reject, rng.random((500, 8)) < accept)


def _audit(rng: np.random.Generator, truth: np.ndarray, said: np.ndarray, audits: int) -> list[ErrorCell]:
    band = np.repeat(np.digitize(said.mean(axis=1), [0.2, 0.5, 0.8]), 8)
    truth, said = truth.ravel(), said.ravel()
    keys = said * 10 + band
    cells = []
    for key, size in zip(*np.unique(keys, return_counts=True), strict=True):
        n = min(size, max(2, round(audits * size / len(keys))))
        chosen = rng.choice(np.flatnonzero(keys == key), n, replace=False)
        cells.append(ErrorCell(bool(key >= 10), int(size), (truth[chosen] == said[chosen]).tolist()))
    return cells


def test_what_weighs_nothing_has_no_corrected_mean_and_may_be_unaudited() -> None:
    assert corrected_mean([ErrorCell(True, 0, [])], [(0.5, 1)], estimand="x") is None
    outside = ErrorCell(False, 50, [], [], weight=0.0)  # rollouts beyond the prefix
    found = corrected_mean([ErrorCell(True, 4, [True] * 4), outside], [(0.5, 1), (0.25, 1)], estimand="x")
    assert found is not None
    assert found.value == 0.375
