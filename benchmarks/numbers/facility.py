"""Set method `facility`: seconds and memory at many candidates, and its value beside the dense form where that is possible.

    python benchmarks/numbers/facility.py --rows 100000 --size 1000 --dense 4000

Vectors are random topics of unequal size with noise, 128 long. The ratio is of exact values over all rows; the dense form
is the greedy choice with every cosine.
"""

import argparse
import resource
from time import perf_counter, process_time

import numpy as np

from rollmill.pipelines.mix.table import MixUnits
from rollmill.pipelines.mix.text_vectors import unit_rows
from rollmill_mixing.selection import facility
from rollmill_mixing.selection.facility import Facility

DIMS = 128


def main() -> None:
    """Print a line for each size of the dense comparison, and one for the large table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--size", type=int, default=1_000)
    parser.add_argument("--dense", type=int, default=4_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    units = topics(given.dense, given.seed)
    for size in sorted({given.dense // 100, given.dense // 10, given.dense // 2}):
        sparse, of_sparse, _ = timed(units, size, exact=0)
        dense, of_dense, _ = timed(units, size, exact=given.dense)
        print(
            f"{given.dense:,} candidates, {size:,} picks: ratio of values {sparse / dense:.4f}, "
            f"{of_sparse:.1f} s (dense {of_dense:.1f} s)"
        )
    value, seconds, processor = timed(topics(given.rows, given.seed), given.size, exact=facility.EXACT)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_024
    words, times = f"{given.rows:,} candidates, {given.size:,} picks", f"{seconds:.1f} s ({processor:.1f} s of processors)"
    print(f"{words}: mean cosine {value:.4f}, {times}, peak {peak:,.0f} MiB")


def topics(rows: int, seed: int) -> MixUnits:
    """Units around topics of unequal size, 50 units each on average."""
    random = np.random.default_rng(seed)
    centres = random.normal(size=(max(20, rows // 50), DIMS))
    shares = random.dirichlet(np.full(len(centres), 0.3))
    vectors = unit_rows(centres[random.choice(len(centres), rows, p=shares)] + random.normal(size=(rows, DIMS)))
    return MixUnits([f"{row:07}" for row in range(rows)], vectors=vectors)


def timed(units: MixUnits, size: int, *, exact: int) -> tuple[float, float, float]:
    """Mean cosine of all rows to the nearest pick; seconds of the choice by the clock and of processors."""
    facility.EXACT = exact
    began, spent = perf_counter(), process_time()
    picks = list(Facility().choose(units, size, 0).picks)
    seconds, processor = perf_counter() - began, process_time() - spent
    vectors = units.need_vectors().astype(np.float32)
    chosen = vectors[picks]
    nearest = [(vectors[at : at + 1_000] @ chosen.T).max(axis=1) for at in range(0, len(vectors), 1_000)]
    return float(np.maximum(np.concatenate(nearest), 0).mean()), seconds, processor


if __name__ == "__main__":
    main()
