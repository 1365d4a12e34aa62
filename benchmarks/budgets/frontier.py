"""Coverage of the interval of budget `frontier` for the level at which the pass rate falls below a half.

    python benchmarks/budgets/frontier.py --repeats 90

Ten levels of 16 problems whose rates spread about the level's by a beta of strength 20 or 4. The curves `logit 1` to `step`
were looked at when the slopes and the correlation of rollmill/stats/draws/frontier.py were chosen, the last three were
not.
"""

import argparse
import math
from collections.abc import Callable
from statistics import fmean

import numpy as np

from rollmill.pipelines.budget.forecasts.simulate import SimulatedProblem, SimulatedSample, run_budget
from rollmill.pipelines.budget.frontier import Frontier
from rollmill.roles.tallies import Draw

LEVELS, EACH = 10, 16
Curve = Callable[[int, int], float]


def _logit(slope: float) -> Curve:
    return lambda level, frontier: 1.0 / (1.0 + math.exp(slope * (level - frontier - 0.5)))


CURVES: dict[str, Curve] = {
    "logit 1": _logit(1.0),
    "logit .5": _logit(0.5),
    "logit .25": _logit(0.25),
    "logit .12": _logit(0.12),
    "linear, .04 a level": lambda level, frontier: 0.5 - 0.04 * (level - frontier - 0.5),
    "step": lambda level, frontier: 0.95 if level <= frontier else 0.05,
    "two plateaus, .56 and .44": lambda level, frontier: 0.56 if level <= frontier else 0.44,
    "high, then sinking": lambda level, frontier: (
        0.9 - 0.35 * (level / frontier) ** 3 if level <= frontier else 0.47 * math.exp(-0.15 * (level - frontier - 1))
    ),
    "just above, then low": lambda level, frontier: 0.95 if level < frontier else 0.53 if level == frontier else 0.3,
}


def main() -> None:
    """Print one row for each curve and strength."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=90)
    parser.add_argument("--strengths", type=float, nargs="+", default=[20.0, 4.0])
    args = parser.parse_args()
    print("| curve | strength | level in its 90% interval | levels in it | draws |\n" + "|---" * 5 + "|")
    for name, curve in CURVES.items():
        for strength in args.strengths:
            inside, width, drawn = zip(*(searched(curve, strength, seed) for seed in range(args.repeats)), strict=True)
            figures = f"{fmean(inside):.3f} | {fmean(width):.2f} | {fmean(drawn):,.0f}"
            print(f"| {name} | {strength:g} | {figures} |", flush=True)


def searched(curve: Curve, strength: float, seed: int) -> tuple[bool, int, int]:
    """True if the frontier lies in its interval, with the number of levels in the interval, and of draws."""
    rng = np.random.default_rng(seed)
    frontier = seed % (LEVELS - 1) + 1
    subjects = [SimulatedProblem(f"{level:02}-{n:02}", level) for level in range(1, LEVELS + 1) for n in range(EACH)]
    means = {level: min(0.999, max(0.001, curve(level, frontier))) for level in range(1, LEVELS + 1)}
    rates = {
        subject.problem_id: rng.beta(strength * means[subject.level or 0], strength * (1 - means[subject.level or 0]))
        for subject in subjects
    }

    def source(draw: Draw) -> list[SimulatedSample]:
        right = rng.random(draw.count) < rates[draw.problem_id]
        return [SimulatedSample("correct" if is_right else "incorrect", None, 1) for is_right in right]

    *_, last = run_budget(Frontier(confidence=0.9), subjects, source)
    evidence = last.plan.stops[0].evidence
    low, high = (int(str(evidence[end]).replace("none", "0")) for end in ("low", "high"))
    truth = sum(mean >= 0.5 for mean in means.values())
    return low <= truth <= high, high - low + 1, sum(tally.drawn for tally in last.tallies)


if __name__ == "__main__":
    main()
