"""Coverage of the intervals of `rollmill replay`, with settings chosen on other problems.

    python benchmarks/numbers/replay_coverage.py [--repeats 400]

Problems come from a stated law: clusters of three with a difficulty of their own, six completions each, one right answer
and two wrong ones, and a score that is informative on most clusters and misleading on some. What each setting truly gives
is measured on 6,000 further problems. Of each row the interval should hold the truth of the settings that were chosen,
weighted by their folds, in 95% of the replications; `same problems` is what the best setting shows on the problems it was
chosen on, less what the best setting truly gives.
"""

import argparse
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import stats

from rollmill.ground.pool import STATES, Pool
from rollmill.metrics.elections import ElectionBudget, ballots
from rollmill.metrics.replay import ReplayPlan, ReplayRow, Setting, replay
from rollmill.pipelines.aggregate import AGGREGATORS

CLUSTER, COMPLETIONS, SAMPLES = 3, 6, 4
RIGHT, WRONG = STATES.index("correct"), STATES.index("incorrect")
PLAN = ReplayPlan((ElectionBudget("samples", SAMPLES),), repeats=20)
OPTIONS: list[tuple[str, dict[str, Any]]] = [
    ("majority", {}),
    *(("borda", {"score": "s", "p": p}) for p in (0.5, 1.0, 2.0)),
    *(("best_of_n", {"score": score}) for score in ("s", "-s")),
    *(("best_of_majority", {"score": "s", "alpha": alpha}) for alpha in (0.2, 0.4)),
]


def settings() -> list[Setting]:
    """The aggregators of the table, each in its settings."""
    return [Setting(name, f"{name} {options}", AGGREGATORS[name](**options)) for name, options in OPTIONS]


def pool_of_law(clusters: int, rng: np.random.Generator, *, even: bool = False) -> Pool:
    """A pool of `clusters` x 3 problems x 6 completions from the law above; `even`: clusters spread evenly over it."""
    problems, size = clusters * CLUSTER, clusters * CLUSTER * COMPLETIONS
    u = (np.arange(clusters) + 0.5) / clusters if even else rng.random(clusters)
    chance = np.repeat(stats.beta.ppf(u, 1.2, 1.2), CLUSTER)
    helps = np.arange(clusters) % 4 != 0 if even else rng.random(clusters) < 0.75
    help_of_score = np.repeat(np.where(helps, 1.0, -0.5), CLUSTER)
    place = np.repeat(np.arange(problems), COMPLETIONS)
    right = rng.random(size) < chance[place]
    answer = place * 3 + np.where(right, 0, 1 + (rng.random(size) < 0.4))
    return Pool(
        problems=tuple(f"p{at}" for at in range(problems)),
        strata={"template": tuple(f"t{at // CLUSTER}" for at in range(problems))},
        problem=place,
        completion=np.arange(size),
        index=np.tile(np.arange(COMPLETIONS), problems),
        outcome=np.where(right, RIGHT, WRONG),
        in_prefix=np.ones(size, dtype=bool),
        step=np.zeros(size, dtype=np.int64),
        kept=np.full(size, -1),
        reason=np.full(size, -1),
        model=np.zeros(size, dtype=np.int64),
        answer=answer,
        tokens=np.full(size, 10),
        models=("m",),
        answers=tuple(f"p{at // 3} {at % 3}" for at in range(3 * problems)),
        scores={"s": rng.normal(size=size) + help_of_score[place] * right},
    )


def measured(pool: Pool, options: Sequence[Setting], seed: int = 0) -> dict[str, ReplayRow]:
    """The rows of a replay by aggregator."""
    plan = ReplayPlan(PLAN.budgets, repeats=PLAN.repeats, seed=seed)
    return {row.aggregator: row for row in replay(ballots(pool), options, plan)}


def truth(rng: np.random.Generator, clusters: int = 2000) -> dict[str, float]:
    """True value of each setting on many problems, by its label."""
    pool = pool_of_law(clusters, rng, even=True)
    return {setting.label: measured(pool, [setting])[setting.family].value.value for setting in settings()}


def coverage(repeats: int, clusters: int, known: dict[str, float], rng: np.random.Generator) -> dict[str, list[float]]:
    """Of each aggregator: the share of intervals that hold the truth, its mean error, and that of `same problems`."""
    trials: dict[str, list[tuple[bool, float, float]]] = {}
    options = settings()
    for trial in range(repeats):
        for name, row in measured(pool_of_law(clusters, rng), options, trial).items():
            if not row.settings:
                continue
            target = float(np.mean([known[label] for label in row.settings]))  # two folds of equal size
            best = max(value for label, value in known.items() if name in ("chosen", label.partition(" ")[0]))
            naive = np.nan if row.same_problems is None else row.same_problems - best
            inside = row.value.low <= target <= row.value.high
            trials.setdefault(name, []).append((inside, row.value.value - target, naive))
    return {name: [float(column) for column in np.array(rows, dtype=float).mean(axis=0)] for name, rows in trials.items()}


def main() -> None:
    """Print the truth of each setting, then of each number of clusters what the intervals hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=400)
    parser.add_argument("--clusters", type=int, nargs="+", default=[10, 20, 40])
    arguments = parser.parse_args()
    rng = np.random.default_rng(11)
    known = truth(rng)
    for label, value in known.items():
        print(f"truth {label}: {value:.3f}")
    for clusters in arguments.clusters:
        for name, (share, error, naive) in coverage(arguments.repeats, clusters, known, rng).items():
            print(f"{clusters} clusters, {name}: holds {share:.3f}, mean error {error:+.4f}, same problems {naive:+.4f}")


if __name__ == "__main__":
    main()
