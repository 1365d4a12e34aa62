"""Coverage and power of comparisons of two models on few clusters: ours, and what else the literature offers.

    python benchmarks/numbers/comparisons.py --repeats 400 --seed 1

Each cluster has ten problems, or 60, 30, 20 ... of them, each problem four draws of both models. A law says by how much
the pass rates of a cluster change; its mean over clusters is what an interval must hold (coverage), and how often the
interval leaves out 0 is the power. Laws to both sides alike: `same` (no cluster differs), `beta`, `two-point` and
`logit-normal`. Laws to one side: `bad cluster` (one in ten loses .36, the others gain .04) and `few change` (one in ten
changes by .5, the others not at all). Methods:

- `ours`: `rollmill.stats.paired_test`;
- `as a rate`: the interval of (1 + difference) / 2 as a rate has it, with a part of a cluster at +-1 added;
- `cluster t`: linearised error, G - 1 degrees of freedom; `CR2`: Bell & McCaffrey (2002), Satterthwaite degrees of freedom
  under effects of clusters;
- `sign flips`: the exact test alone; `wild bootstrap-t`: Cameron, Gelbach & Miller (2008), null imposed, signs.
"""

import argparse
from collections.abc import Callable, Sequence
from itertools import product
from statistics import fmean
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import expit, stdtrit

from rollmill.stats import ClusterTable, paired_test
from rollmill.stats.clusters.sign_flips import sign_flips

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

CLUSTERS = (3, 5, 8, 12, 20, 40)
SHIFTS = (0.0, 0.05, 0.1, 0.2)
DRAWS, PATTERNS = 4, 399
SIZES: dict[str, Callable[[int], Ints]] = {
    "10 each": lambda clusters: np.full(clusters, 10),
    "60, 30, 20 ...": lambda clusters: np.maximum(1, 60 // np.arange(1, clusters + 1)),
}
BOTH_SIDES, ONE_SIDE = ("same", "beta", "two-point", "logit-normal"), ("bad cluster", "few change")


class Data(NamedTuple):
    """So many comparisons at once: (repeats, problems) differences, their sums by cluster, sizes, the true mean."""

    values: Array
    sums: Array
    sizes: Ints
    truth: float


Verdicts = tuple[Array, Array]
"""Of each comparison whether the truth is held, and whether 0 is left out."""


def sample(law: str, shift: float, sizes: Ints, rng: np.random.Generator, repeats: int) -> Data:
    """Comparisons under a law whose mean change is `shift`, of logits: about so."""
    shape = (repeats, len(sizes))
    if law == "logit-normal":
        before, after = _logits(shift, sizes, rng, repeats)
        truth = 0.0 if shift == 0.0 else float(np.diff([side.mean() for side in _big(shift)])[0])
    else:
        changes, truth = _changes(law, shift, rng, shape)
        change = np.repeat(changes, sizes, axis=1)
        before = rng.random(change.shape)  # of mean .5, so that the scaled change below has the law's mean
        after = np.clip(before + 2.0 * change * np.where(change > 0.0, 1.0 - before, before), 0.0, 1.0)
    values = (rng.binomial(DRAWS, after) - rng.binomial(DRAWS, before)) / DRAWS
    return Data(values, np.add.reduceat(values, np.r_[0, sizes.cumsum()[:-1]], axis=1), sizes, truth)


def _changes(law: str, shift: float, rng: np.random.Generator, shape: tuple[int, int]) -> tuple[Array, float]:
    if law == "same":
        return np.full(shape, shift), shift
    if law == "beta":
        return shift + 0.4 * (rng.beta(2, 2, shape) - 0.5), shift
    if law == "two-point":
        return shift + np.where(rng.random(shape) < 0.5, 0.1, -0.1), shift
    if law == "bad cluster":
        return shift + np.where(rng.random(shape) < 0.1, -0.36, 0.04), shift
    size = np.where(rng.random(shape) < 0.5, 0.5, -0.5) if shift == 0.0 else np.full(shape, min(0.5, shift / 0.1))
    return np.where(rng.random(shape) < 0.1, size, 0.0), min(0.05, shift)


def _logits(shift: float, sizes: Ints, rng: np.random.Generator, repeats: int) -> tuple[Array, Array]:
    clusters = (repeats, len(sizes))
    base = np.repeat(rng.normal(0, 0.8, clusters), sizes, axis=1) + rng.normal(0, 1.2, (repeats, int(sizes.sum())))
    return expit(base), expit(base + np.repeat(rng.normal(4.7 * shift, 0.5, clusters), sizes, axis=1))


def _big(shift: float) -> tuple[Array, Array]:
    return _logits(shift, np.array([1]), np.random.default_rng(9), 400_000)


def ours(data: Data) -> Verdicts:
    """The product's test."""
    names = np.repeat(np.arange(len(data.sizes)), data.sizes).tolist()
    found = [paired_test([0.0] * len(names), row, names) for row in data.values.tolist()]
    ends = np.array([(one.change.low, one.change.high) for one in found if one is not None])
    return _verdicts(ends[:, 0], ends[:, 1], data.truth)


def as_a_rate(data: Data) -> Verdicts:
    """The interval of a rate for (1 + difference) / 2."""
    halves = np.ascontiguousarray(((data.sizes + data.sums) / 2.0).T)
    lows, highs, _ = ClusterTable(halves, data.sizes.astype(float), np.ones(len(data.sizes), dtype=np.int64)).bounds()
    return _verdicts(2.0 * lows - 1.0, 2.0 * highs - 1.0, data.truth)


def cluster_t(data: Data) -> Verdicts:
    """t with G - 1 degrees of freedom and the factor G / (G - 1)."""
    groups, count = len(data.sizes), data.sizes.sum()
    means = data.sums.sum(axis=1) / count
    squares = ((data.sums - means[:, None] * data.sizes) ** 2).sum(axis=1) * groups / (groups - 1)
    half = stdtrit(groups - 1, 0.975) * np.sqrt(squares) / count
    return _verdicts(means - half, means + half, data.truth)


def cr2(data: Data) -> Verdicts:
    """Each cluster's residual is raised by what its share of the mean took from it."""
    sizes, count = data.sizes, data.sizes.sum()
    means = data.sums.sum(axis=1) / count
    weights = 1.0 / (1.0 - sizes / count) / count**2
    squares = ((data.sums - means[:, None] * sizes) ** 2 * weights).sum(axis=1)
    residuals = np.diag(sizes) - np.outer(sizes, sizes) / count
    form = weights[:, None] * (residuals @ residuals.T)
    half = stdtrit(np.trace(form) ** 2 / np.trace(form @ form), 0.975) * np.sqrt(squares)
    return _verdicts(means - half, means + half, data.truth)


def flips_alone(data: Data) -> Verdicts:
    """The interval of the sign-flip test whatever the number of clusters."""
    sizes = data.sizes.tolist()
    ends = np.array([sign_flips(list(zip(row, sizes, strict=True))).bounds(0.95) for row in data.sums.tolist()])
    return _verdicts(ends[:, 0], ends[:, 1], data.truth)


def wild(data: Data) -> Verdicts:
    """p of the truth and of 0 by t values of residuals whose clusters' signs are drawn."""
    rng, groups = np.random.default_rng(5), len(data.sizes)
    exact = 1 << (groups - 1) <= PATTERNS
    patterns = (
        np.array(list(product((1.0, -1.0), repeat=groups - 1))) if exact else rng.choice([1.0, -1.0], (PATTERNS, groups))
    )
    signs = np.hstack([np.ones((len(patterns), 1)), patterns]) if exact else patterns
    p = []
    for mean in (data.truth, 0.0):
        rest = data.sums - mean * data.sizes
        seen = _squared_t(rest, data.sizes) * (1.0 - 1e-9)
        as_far = sum((_squared_t(rest * sign, data.sizes) >= seen).astype(float) for sign in signs)
        p.append(as_far / len(signs) if exact else (as_far + 1.0) / (PATTERNS + 1))
    return np.asarray(p[0] > 0.05, dtype=float), np.asarray(p[1] <= 0.05, dtype=float)


def _squared_t(sums: Array, sizes: Ints) -> Array:
    whole = sums.sum(axis=1)
    residual = ((sums - whole[:, None] * sizes / sizes.sum()) ** 2).sum(axis=1)
    return np.asarray(whole**2 / np.maximum(residual, 1e-18), dtype=np.float64)


def _verdicts(lows: Array, highs: Array, truth: float) -> Verdicts:
    held = (lows - 1e-12 <= truth) & (truth <= highs + 1e-12)
    return held.astype(float), ((lows > 1e-12) | (highs < -1e-12)).astype(float)


METHODS: dict[str, Callable[[Data], Verdicts]] = {
    "ours": ours,
    "as a rate": as_a_rate,
    "cluster t": cluster_t,
    "CR2": cr2,
    "sign flips": flips_alone,
    "wild bootstrap-t": wild,
}


class Cell(NamedTuple):
    """Coverage and power of one method in one place."""

    clusters: int
    method: str
    law: str
    shift: float
    coverage: float
    power: float


def cells(sized: str, clusters: Sequence[int], methods: Sequence[str], repeats: int, seed: int) -> list[Cell]:
    """Cells for each number of clusters, law, shift and method."""
    rows = []
    for groups, law, shift in product(clusters, BOTH_SIDES + ONE_SIDE, SHIFTS):
        place = (*BOTH_SIDES, *ONE_SIDE).index(law)
        data = sample(
            law, shift, SIZES[sized](groups), np.random.default_rng([seed, groups, place, int(shift * 100)]), repeats
        )
        for method in methods:
            held, shown = METHODS[method](data)
            rows.append(Cell(groups, method, law, shift, float(held.mean()), float(shown.mean())))
    return rows


def table(rows: Sequence[Cell], methods: Sequence[str]) -> str:
    """By clusters and method: coverage under laws to both sides (least, mean) and to one, false alarms, power."""
    head = ["clusters", "method", "least", "mean", *ONE_SIDE, "false alarms", *(f"power at {s:g}" for s in SHIFTS[1:])]
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    for groups, method in product(dict.fromkeys(row.clusters for row in rows), methods):
        mine = [row for row in rows if (row.clusters, row.method) == (groups, method)]
        alike = [row for row in mine if row.law in BOTH_SIDES]
        figures = [min(row.coverage for row in alike), fmean(row.coverage for row in alike)]
        figures += [fmean(row.coverage for row in mine if row.law == law) for law in ONE_SIDE]
        figures += [fmean(row.power for row in alike if row.shift == shift) for shift in SHIFTS]
        lines.append(f"| {groups} | {method} | " + " | ".join(f"{figure:.3f}" for figure in figures) + " |")
    return "\n".join(lines)


def main() -> None:
    """Print a table for each kind of sizes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    for sized in SIZES:
        print(f"\nClusters of {sized} problems:\n")
        print(table(cells(sized, CLUSTERS, list(METHODS), args.repeats, args.seed), list(METHODS)))


if __name__ == "__main__":
    main()
