"""Every estimator on the edges: all right, all wrong, one cluster, nothing at all, weights of 0, values off by rounding.

Each gives None or an interval that holds its value and lies where such values can; none ends in an error.
"""

import inspect
import math
from collections.abc import Callable, Hashable, Iterator, Sequence
from random import Random

import numpy as np
import pytest

from rollmill import stats
from rollmill.stats import ClusterTable, ErrorCell, Estimate, cluster_table

Clusters = Sequence[Hashable | None] | None
Case = tuple[list[float], list[float], Clusters]
"""Two values in [0, 1] of each problem, and their clusters."""

ENDS = (0.0, 1.0, 0.5, 1 / 3, 0.1 + 0.2, 1.0 - 1e-16, 1.0 - 1e-13, 1e-17, 1e-13, 1e-300)
CASES = 120


def column(rng: Random, n: int) -> list[float]:
    """Values that are all right, all wrong, all the same, or any."""
    same = rng.choice([0.0, 1.0, rng.choice(ENDS), None, None])
    return [rng.choice([*ENDS, rng.random()]) if same is None else same for _ in range(n)]


def case(rng: Random) -> Case:
    n = rng.choice([0, 1, 2, 3, 5, 8, 20])
    named = [None, ["a"] * n, [rng.choice(["a", "b", None]) for _ in range(n)], [at > 0 for at in range(n)]]
    return column(rng, n), column(rng, n), rng.choice(named)


def sums(rng: Random) -> list[tuple[float, float]]:
    """Corrected sums, some outside of what their clusters can hold, some that cancel but for rounding."""
    sizes = [rng.choice([1.0, 10.0, 10.0, 1e-9, 1e6]) for _ in range(rng.choice([1, 2, 5, 12]))]
    totals = [rng.choice([0.0, size, size * rng.uniform(-0.1, 1.1)]) for size in sizes]
    if rng.random() < 0.4:
        totals[0] = rng.choice([0.0, 1e-17]) - math.fsum(totals[1:])
    return list(zip(totals, sizes, strict=True))


def cells(rng: Random) -> list[ErrorCell]:
    """Strata of an audit, some without weight, some not audited, some audited whole."""
    found = []
    for _ in range(rng.choice([1, 2, 3])):
        right = [rng.random() < rng.choice([0.0, 0.5, 1.0]) for _ in range(rng.choice([0, 1, 2, 5]))]
        size = len(right) + rng.choice([0, 0, 1, 50])
        weights = [rng.choice([0.0, 0.1, 1e-18, 1.0]) for _ in right]
        known = (weights, rng.choice([0.0, float(size), 1e-18]), rng.choice([0.0, 1.0]))
        found.append(ErrorCell(rng.random() < 0.5, size, right, *(known if rng.random() < 0.4 else ())))
    return found


def mean_of(found: list[tuple[float, float]]) -> float:
    return min(1.0, max(0.0, math.fsum(total for total, _ in found) / math.fsum(size for _, size in found)))


def counted(rng: Random) -> tuple[int, int]:
    judged = rng.choice([0, 1, 8])
    return rng.choice([0, judged]), judged


def estimates_of(table: ClusterTable) -> list[Estimate]:
    return table.estimates(["x"] * table.totals.shape[1]) if table.clusters else []


def wholes(rng: Random) -> tuple[list[float], list[float], Clusters]:
    """Parts that are their wholes but for rounding, and wholes that may be 0."""
    values, _, clusters = case(rng)
    return [value * rng.choice([1.0, 1.0 - 1e-15, 0.0]) for value in values], values, clusters


def scored(rng: Random) -> tuple[list[float], list[bool], Clusters]:
    scores, _, clusters = case(rng)
    share = rng.choice([0.0, 0.5, 1.0])
    return scores, [rng.random() < share for _ in scores], clusters


def weighed(rng: Random) -> list[Estimate] | None:
    values, _, clusters = case(rng)
    place = [rng.choice([0, 1]) for _ in values]
    return stats.group_shares(values, place, 2, clusters or list(range(len(values))), estimand="x")


def problem_means(rng: Random) -> list[Estimate]:
    counts = [rng.choice([(0, 8), (8, 8), (1, 8), (2, 2)]) for _ in range(rng.choice([1, 3, 20]))]
    correct, judged = zip(*counts, strict=True)
    return stats.these_problems_means(stats.pass_at_ks, judged, correct, [1, 2], ["x", "x"])


def shift(rng: Random) -> Estimate | None:
    clusters = rng.choice([1, 2, 6])
    rows = [np.array([[rng.choice([0, 1, 5]) for _ in range(2)] for _ in range(clusters)]) for _ in range(2)]
    found = stats.total_variation(*rows)
    return None if found is None else found.distance


def corrected(rng: Random) -> Estimate | None:
    return stats.corrected_mean(cells(rng), sums(rng), estimand="x")


def bounds(rng: Random) -> Estimate:
    found = sums(rng)
    mean = mean_of(found)
    low, high, method = stats.mean_bounds(found, mean)
    return Estimate(mean, low, high, len(found), len(found), method, "x")


def agreed(rng: Random) -> Estimate | None:
    return stats.krippendorff_alpha([[rng.choice("aab") for _ in range(rng.choice([0, 1, 2, 3]))] for _ in range(40)])


def calibrated(rng: Random) -> Estimate | None:
    found = stats.calibration(*scored(rng), resamples=50)
    return None if found is None else found.error


def equal(rng: Random) -> Estimate | None:
    found = stats.equivalence(*case(rng), margin=0.1)
    return None if found is None else found.difference


def two_way(rng: Random) -> Estimate | None:
    values, _, clusters = case(rng)
    rows = [
        [rng.choice([1.0, 1.0, -1.0, 1.0 - 1e-15]) * value for value in values] for _ in range(rng.choice([1, 2, 3, 5]))
    ]
    found = stats.two_way(rows, clusters)
    return None if found is None else found.change


def arm(rng: Random, shape: tuple[int, int]) -> stats.ArmCounts:
    """Cells of four completions that are all wrong, all right, or any."""
    counts = rng.choice([[0], [4], [0, 4], [0, 1, 2, 3, 4]])
    correct = np.array([rng.choice(counts) for _ in range(shape[0] * shape[1])], dtype=np.int64).reshape(shape)
    return stats.ArmCounts(np.full(shape, 4), correct)


def pass_at_k_difference(rng: Random) -> Estimate | None:
    shape = (rng.choice([1, 3, 5]), rng.choice([0, 1, 8, 20]))
    found = stats.pass_at_k_difference(arm(rng, shape), arm(rng, shape), 2)
    return None if found is None else found.change


Found = Estimate | None | list[Estimate]
ESTIMATORS: dict[str, tuple[tuple[float, float], Callable[[Random], Found]]] = {
    "auroc": ((0, 1), lambda r: stats.auroc(*scored(r))),
    "auroc_within": ((0, 1), lambda r: stats.auroc_within(*(s := scored(r))[:2], [n % 3 for n in range(len(s[0]))], s[2])),
    "brier": ((0, 1), lambda r: stats.brier(*scored(r))),
    "calibration": ((0, 1), calibrated),
    "clopper_pearson": ((0, 1), lambda r: stats.clopper_pearson(*counted(r))),
    "cluster_mean": ((-math.inf, math.inf), lambda r: stats.cluster_mean(*case(r)[::2], estimand="x")),
    "cluster_ratio": ((0, math.inf), lambda r: stats.cluster_ratio(*case(r), estimand="x")),
    "cluster_share": ((0, 1), lambda r: stats.cluster_share(*wholes(r), estimand="x")),
    "cluster_table": ((0, 1), lambda r: estimates_of(cluster_table(np.array((c := case(r))[:2]).T, c[2]))),
    "corrected_mean": ((0, 1), corrected),
    "corrected_rate": ((0, 1), lambda r: stats.corrected_rate(cells(r))),
    "equivalence": ((-1, 1), equal),
    "false_accept_rate": ((0, 1), lambda r: stats.false_accept_rate(cells(r))),
    "false_reject_rate": ((0, 1), lambda r: stats.false_reject_rate(cells(r))),
    "group_shares": ((0, 1), weighed),
    "krippendorff_alpha": ((-1, 1), agreed),
    "mean_bounds": ((0, 1), bounds),
    "paired_difference": ((-1, 1), lambda r: stats.paired_difference(*case(r))),
    "pass_at_k_difference": ((-1, 1), pass_at_k_difference),
    "pass_rate_interval": ((0, 1), lambda r: stats.pass_rate_interval(*counted(r))),
    "population_mean": ((0, 1), lambda r: stats.population_mean(*case(r)[::2])),
    "precision": ((0, 1), lambda r: stats.precision(cells(r))),
    "rank_agreement": ((-1, 1), lambda r: stats.rank_agreement(*case(r)[:2])),
    "these_problems_means": ((0, 1), problem_means),
    "total_variation": ((0, 1), shift),
    "two_way": ((-1, 1), two_way),
    "verdict_accuracy": ((0, 1), lambda r: stats.verdict_accuracy(cells(r))),
}


def estimators() -> Iterator[str]:
    """The names of the public functions that give estimates, by their annotations."""
    for name in stats.__all__:
        member = getattr(stats, name)
        if inspect.isfunction(member):
            gives = str(inspect.signature(member).return_annotation)
            if any(
                kind in gives
                for kind in ("Estimate", "Equivalence", "Bounds", "Shift", "Calibration", "ClusterTable", "TwoWay")
            ):
                yield name


def test_every_estimator_is_tried() -> None:
    elsewhere = {"sampled_share"}  # of `precision` and the other rates of audits
    assert set(estimators()) - elsewhere == set(ESTIMATORS)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", ESTIMATORS)
def test_edges_give_intervals_and_no_errors(name: str) -> None:
    (least, most), estimate = ESTIMATORS[name]
    given = 0
    for seed in range(CASES):
        found = estimate(Random(seed))
        for one in found if isinstance(found, list) else [found]:
            if one is not None:
                given += 1
                assert least <= one.low <= one.value <= one.high <= most, (seed, one)
    assert given > CASES / 16
