"""Set method `constrained`: against every subset, and proxies that help up to a point only."""

from itertools import combinations

import numpy as np
import pytest

from rollmill.ground.errors import SetupError
from rollmill.pipelines.mix.table import MixUnits
from rollmill_mixing.selection.constrained import Constrained


def units(**numbers: object) -> MixUnits:
    columns = {name: np.asarray(values, dtype=np.float64) for name, values in numbers.items()}
    return MixUnits([f"u{place:03}" for place in range(len(next(iter(columns.values()))))], columns)


def test_of_twelve_units_it_takes_nearly_the_best_set_within_the_bound() -> None:
    generator = np.random.default_rng(2)
    for _ in range(20):
        value, length = generator.random(12), generator.random(12)
        chosen = Constrained({"value": 1.0}, most={"length": 0.45}).choose(units(value=value, length=length), 5, 0)
        picks = list(chosen.picks)
        within = [list(of) for of in combinations(range(12), 5) if length[list(of)].mean() <= 0.45]
        brute = max(value[of].sum() for of in within)
        assert value[picks].sum() >= brute - 1.0  # two units may be split, and one is taken whole
        assert length[picks].mean() <= 0.45 + 1.0 / 5
        assert chosen.facts["means"]["length"] == pytest.approx(length[picks].mean())


def test_without_an_active_bound_it_is_the_weighted_sum() -> None:
    generator = np.random.default_rng(3)
    first, second = generator.random(40), generator.random(40)
    table = units(first=first, second=second)
    chosen = Constrained({"first": 1.0, "second": 0.5}, least={"first": 0.0}).choose(table, 10, 0)
    assert sorted(chosen.picks) == sorted(np.argsort(-(first + 0.5 * second))[:10].tolist())
    assert chosen.facts["multipliers"] == {"first >= 0": pytest.approx(0.0)}


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.8])
def test_fixed_weights_pass_the_peak_of_a_proxy_and_bounds_stop_at_it(correlation: float) -> None:
    generator, peaks = np.random.default_rng(4), {"a": 0.6, "b": 0.9}
    a, b = generator.multivariate_normal([0, 0], [[1, correlation], [correlation, 1]], 2_000).T
    table = units(a=a, b=b)

    def true(picks: object) -> float:
        means = {"a": a[picks].mean(), "b": b[picks].mean()}
        return float(-sum((means[name] - peak) ** 2 for name, peak in peaks.items()))

    fixed = Constrained({"a": 1.0, "b": 1.0}).choose(table, 100, 0)
    bounded = Constrained({"a": 1.0, "b": 1.0}, most=peaks).choose(table, 100, 0)
    assert a[list(fixed.picks)].mean() > 1.2
    assert true(list(fixed.picks)) < -0.5
    assert true(list(bounded.picks)) > -0.01
    assert max(bounded.facts["multipliers"].values()) > 0


def test_bounds_that_nothing_meets_are_refused() -> None:
    table = units(value=[1.0, 2.0, 3.0])
    with pytest.raises(SetupError, match="no 2 rows have means of value >= 2"):
        Constrained({"value": 1.0}, least={"value": 2.9}).choose(table, 2, 0)
    with pytest.raises(SetupError, match="has no weights"):
        Constrained({})
