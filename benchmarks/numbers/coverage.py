"""Coverage of the interval of a mean over clusters, over laws of difficulty, rates, sizes and clusters.

    python benchmarks/numbers/coverage.py clusters --repeats 2000 --out clusters.csv

`clusters`: the intervals of `mean_bounds` (every one of a rate over problems is made by it), many at once by
`ClusterTable`, beside the plain cluster t, on problems of 8 draws whose rates spread about their cluster's. Three laws as
in tests, four that were not looked at when its constants were chosen and that no beta law comes near (`two values`, `half
alike`, `logit-normal`, `bad cluster`: one in ten). `--laws` takes some of them, `--unseen` tries another weight of the
unseen part, `--misses` another posterior to cut to.
"""

import argparse
import csv
import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean

import numpy as np
import numpy.typing as npt

from rollmill.stats import ClusterTable, t_quantile
from rollmill.stats.clusters import means

Array = npt.NDArray[np.float64]
Row = dict[str, float | int | str]

RATES = (0.03, 0.06, 0.3, 0.5, 0.8, 0.92, 0.98)
CLUSTERS = (2, 3, 4, 6, 10, 18, 40)
SIZES: dict[str, Callable[[int], npt.NDArray[np.int64]]] = {
    "1 each": lambda clusters: np.ones(clusters, dtype=np.int64),
    "5 each": lambda clusters: np.full(clusters, 5),
    "30 each": lambda clusters: np.full(clusters, 30),
    "5 to 40": lambda clusters: np.round(np.geomspace(5, 40, clusters)).astype(np.int64),
    "60, 30, 20 ...": lambda clusters: np.maximum(1, 60 // np.arange(1, clusters + 1)),
}
DRAWS, WITHIN = 8, 4.0
LEAST, MOST = 0.93, 0.985  # coverage that is near enough to the nominal 95%
LOOKED_AT = ("narrow", "wide", "two kinds")


def _two_kinds(rate: float, rng: np.random.Generator, shape: tuple[int, ...], *, spread: bool) -> Array:
    """Most clusters near the nearer end, some of another kind; with a spread inside each kind or without."""
    mean = min(rate, 1.0 - rate)
    near, far = (0.01, 0.6) if spread else (0.005, 0.65)
    other = rng.random(shape) < (mean - near) / (far - near)
    high, low = (rng.beta(6 * far, 6 * (1 - far), shape), rng.beta(0.5, 49.5, shape)) if spread else (far, near)
    values: Array = np.where(other, high, low)
    return values if rate < 0.5 else 1.0 - values


def _half_alike(rate: float, rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    return np.where(rng.random(shape) < 0.5, rate, rng.beta(1.2 * rate, 1.2 * (1 - rate), shape))


def _logit_normal(rate: float, rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Deviation 1.5 on the logit scale, centred so that the mean is the rate."""
    from scipy.special import expit, ndtri

    spread = 1.5 * ndtri((np.arange(2000) + 0.5) / 2000)
    low, high = -12.0, 12.0
    for _ in range(50):
        centre = (low + high) / 2.0
        low, high = (centre, high) if expit(centre + spread).mean() < rate else (low, centre)
    return np.asarray(expit(low + 1.5 * rng.normal(size=shape)), dtype=np.float64)


def _bad_cluster(rate: float, rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Rates with one cluster in ten at .1, or as near to it as the mean allows, the others alike; reversed below .5."""
    most = max(rate, 1.0 - rate)
    far = max(0.1, 10.0 * most - 9.0)
    values = np.where(rng.random(shape) < 0.1, far, (most - 0.1 * far) / 0.9)
    return values if rate >= 0.5 else 1.0 - values


LAWS: dict[str, Callable[[float, np.random.Generator, tuple[int, ...]], Array]] = {
    "narrow": lambda rate, rng, shape: rng.beta(15 * rate, 15 * (1 - rate), shape),
    "wide": lambda rate, rng, shape: rng.beta(2 * rate, 2 * (1 - rate), shape),
    "two kinds": lambda rate, rng, shape: _two_kinds(rate, rng, shape, spread=True),
    "two values": lambda rate, rng, shape: _two_kinds(rate, rng, shape, spread=False),
    "half alike": _half_alike,
    "logit-normal": _logit_normal,
    "bad cluster": _bad_cluster,
}


def cluster_rows(repeats: int, seed: int, laws: Sequence[str]) -> list[Row]:
    """Rows for each law, rate, sizes and number of clusters."""
    rows: list[Row] = []
    for law in laws:
        for rate in RATES:
            for sizes, sized in SIZES.items():
                for clusters in CLUSTERS:
                    rng = np.random.default_rng([seed, len(rows)])
                    size, totals = _sampled(law, rate, sized(clusters), rng, repeats)
                    row: Row = {"law": law, "rate": rate, "sizes": sizes, "clusters": clusters}
                    rows.append(row | _covered(size, totals, rate))
    return rows


def _sampled(
    law: str, rate: float, size: npt.NDArray[np.int64], rng: np.random.Generator, repeats: int
) -> tuple[list[int], Array]:
    """The sizes of the clusters, and the sums of their problems' rates, (repeats, clusters)."""
    means = np.clip(LAWS[law](rate, rng, (repeats, len(size))), 1e-6, 1 - 1e-6)
    spread = np.repeat(WITHIN * means, size, axis=1)
    problems = rng.binomial(DRAWS, rng.beta(spread + 1e-9, WITHIN - spread + 1e-9)) / DRAWS
    return size.tolist(), np.add.reduceat(problems, np.r_[0, size.cumsum()[:-1]], axis=1)


def _covered(size: Sequence[int], totals: Array, rate: float) -> Row:
    table = ClusterTable(
        np.ascontiguousarray(totals.T), np.array(size, dtype=np.float64), np.ones(len(size), dtype=np.int64)
    )
    lows, highs, _ = table.bounds()
    below, above, plain = int((highs < rate).sum()), int((lows > rate).sum()), 0
    for row in totals.tolist():
        sums, mean = list(zip(row, size, strict=True)), math.fsum(row) / sum(size)
        plain += abs(rate - mean) <= _plain_half_width(sums, mean)
    n = len(totals)
    return {
        "coverage": 1 - (below + above) / n,
        "too low": below / n,
        "too high": above / n,
        "width": float((highs - lows).mean()),
        "plain cluster t": plain / n,
    }


def _plain_half_width(sums: Sequence[tuple[float, int]], mean: float) -> float:
    """The interval that was used before: t with G - 1 degrees of freedom."""
    groups, count = len(sums), sum(size for _, size in sums)
    residual = math.fsum((total - mean * size) ** 2 for total, size in sums)
    return t_quantile(0.975, groups - 1) * math.sqrt(groups / (groups - 1) * residual) / count


def by_clusters(rows: Sequence[Row], laws: Sequence[str]) -> str:
    """Of each number of clusters: cells, least and mean coverage, shares of cells below .93, within .93-.985 and above."""
    lines = [
        "| clusters | cells | least | mean | below .93 | .93 to .985 | above | plain t: least | mean |",
        "|" + "---|" * 9,
    ]
    for clusters in CLUSTERS:
        mine = [row for row in rows if row["clusters"] == clusters and row["law"] in laws]
        new, old = ([float(row[name]) for row in mine] for name in ("coverage", "plain cluster t"))
        below, above = [share < LEAST for share in new], [share > MOST for share in new]
        within = [LEAST <= share <= MOST for share in new]
        shares = [fmean(part) for part in (below, within, above)]
        figures = [min(new), fmean(new), *shares, min(old), fmean(old)]
        lines.append(f"| {clusters} | {len(mine)} | " + " | ".join(f"{value:.3f}" for value in figures) + " |")
    return "\n".join(lines)


def outside(rows: Sequence[Row]) -> str:
    """Of each law and number of clusters: the cells beside .93 to .985, and how far off they are."""
    lines = ["| law | clusters | cells | above | by, mean | most | below | by, most |", "|" + "---|" * 8]
    for law in dict.fromkeys(row["law"] for row in rows):
        for clusters in CLUSTERS:
            mine = [float(row["coverage"]) for row in rows if (row["law"], row["clusters"]) == (law, clusters)]
            above, below = [c - MOST for c in mine if c > MOST], [LEAST - c for c in mine if c < LEAST]
            sums = [fmean(above or [0.0]), max(above, default=0.0)]
            cells = [len(mine), len(above), *(f"{by:.3f}" for by in sums), len(below), f"{max(below, default=0.0):.3f}"]
            lines.append(f"| {law} | {clusters} | " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines)


def main() -> None:
    """Print the tables; `--out` writes every cell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["clusters"], nargs="?", default="clusters")
    parser.add_argument("--repeats", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--laws", nargs="+", choices=list(LAWS), default=list(LAWS))
    parser.add_argument("--unseen", type=float, default=means.UNSEEN)
    parser.add_argument("--misses", type=float, default=means.POSTERIOR_MISSES)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    sys.modules[ClusterTable.__module__].UNSEEN = args.unseen  # type: ignore[attr-defined]
    means.POSTERIOR_MISSES = args.misses
    rows = cluster_rows(args.repeats, args.seed, args.laws)
    for laws in (LOOKED_AT, [law for law in LAWS if law not in LOOKED_AT]):
        if any(row["law"] in laws for row in rows):
            print(f"{', '.join(law for law in laws if law in args.laws)}:\n\n{by_clusters(rows, laws)}\n")
    print("Cells beside .93 to .985:\n")
    print(outside(rows))
    if args.out:
        with args.out.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)


if __name__ == "__main__":
    main()
