"""Coverage of forecast intervals: the share that hold a run's draws and kept rows, over families of problems.

    python benchmarks/budgets/forecasts.py --repeats 100

Problems of 6 templates at 4 levels, half of them in a pilot of 6 draws; `uniform` or `sequential`, selector `quota` of 3.
The families differ in what the forecast cannot know: whether a template is as hard at all its levels, and by which law
new solutions come. `half, few ways` was looked at when the correlation over levels and the laws of new solutions were
chosen, the others were not; the first six when it was chosen how mixtures of laws are drawn, the last four were not.
`--time-left`: instead, what a run says of all its draws once its first round is drawn, and in the middle of its rounds.
"""

import argparse
import math
from collections.abc import Callable, Mapping
from statistics import fmean
from typing import Any

import numpy as np
import numpy.typing as npt

from rollmill.pipelines.budget import BUDGETS
from rollmill.pipelines.budget.forecasts.forecast import ForecastProblem, Question, forecast, simulate_run, totals_of
from rollmill.pipelines.budget.forecasts.posterior_predictive import Observation
from rollmill.pipelines.budget.forecasts.simulate import SimulatedProblem, SimulatedSample, run_budget
from rollmill.pipelines.budget.forecasts.whole_run import ended_runs
from rollmill.stats import Prediction, prediction_of

FAMILIES = (
    "half, few ways",
    "shared, all new",
    "shared, Zipf",
    "half, equal ways",
    "half, geometric",
    "half, one or all new",
    "half, two and rare",
    "half, Pitman",
    "half, linear",
    "half, Weibull",
)
QUANTITIES = ("draws", "tokens_out", "solved", "kept")
LEVELS, TEMPLATES, PROBLEMS, PILOT, DRAWS = 4, 6, 40, 20, 6
Ways = npt.NDArray[np.float64]


def main() -> None:
    """Print one row for each family and quantity."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=40)
    parser.add_argument("--simulations", type=int, default=39)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--families", nargs="*", default=FAMILIES)
    parser.add_argument("--budget", default="uniform", choices=["uniform", "sequential"])
    parser.add_argument("--time-left", action="store_true")
    args = parser.parse_args()
    print("| family | quantity | 95% held | 80% held | came above the median | width of 95% |\n|---|---|---|---|---|---|")
    for family in args.families:
        seeds = range(args.seed, args.seed + args.repeats)
        if args.time_left:
            runs = [run_under_way(family, args.budget, seed) for seed in seeds]
        else:
            runs = [one_run(family, args.budget, args.simulations, seed) for seed in seeds]
        for name in runs[0]:
            pairs = [run[name] for run in runs]
            shares = [fmean(f.low95 <= x <= f.high95 for f, x in pairs), fmean(f.low80 <= x <= f.high80 for f, x in pairs)]
            came = math.fsum(x for _, x in pairs)
            above = 1.0 - math.fsum(f.median for f, _ in pairs) / came
            width = math.fsum(f.high95 - f.low95 for f, _ in pairs) / came
            print(f"| {family} | {name} | {shares[0]:.3f} | {shares[1]:.3f} | {above:+.1%} | {width:.1%} |", flush=True)


def one_run(family: str, budget: str, simulations: int, seed: int) -> Mapping[str, tuple[Prediction, float]]:
    """The forecast of each quantity, and what came in one simulated run."""
    subjects, answers, rng = drawn_problems(family, seed)
    pilot = [Observation(subjects[n], answers(subjects[n].problem_id, DRAWS)) for n in rng.permutation(PROBLEMS)[:PILOT]]
    question = Question(
        BUDGETS[budget](initial=4, target=3, cap=16),
        [ForecastProblem(subject, {"": 10}) for subject in subjects],
        lambda _, distinct: min(distinct, 3),
        simulations=simulations,
        seed=seed,
    )
    predicted = forecast(question, pilot)
    actual = totals_of(simulate_run(question, lambda draw: answers(draw.problem_id, draw.count)))
    return {name: (predicted[name], actual[name]) for name in QUANTITIES}


def run_under_way(family: str, budget: str, seed: int) -> Mapping[str, tuple[Prediction, float]]:
    """The forecast of all draws by how far a simulated run is, and what came."""
    subjects, answers, _ = drawn_problems(family, seed)
    rule = BUDGETS[budget](initial=4, target=3, cap=16)
    rounds = list(run_budget(rule, subjects, lambda draw: answers(draw.problem_id, draw.count)))
    predictions = {}
    for name, at in (("after the first round", 0), ("in the middle", (len(rounds) - 1) // 2)):
        ended = ended_runs(rule, rounds[at].tallies, at + 1, math.inf)
        predictions[name] = prediction_of([float(sum(tally.drawn for tally in tallies)) for tallies in ended])
    drawn = float(sum(tally.drawn for tally in rounds[-1].tallies))
    return {name: (prediction, drawn) for name, prediction in predictions.items()}


def drawn_problems(
    family: str, seed: int
) -> tuple[list[SimulatedProblem], Callable[[str, int], list[SimulatedSample]], np.random.Generator]:
    """Problems of a family, their next so many answers, and the generator of both."""
    rng = np.random.default_rng(seed)
    subjects = [SimulatedProblem(f"p{n:03}", n % LEVELS + 1, f"t{rng.integers(TEMPLATES)}") for n in range(PROBLEMS)]
    rates, ways = drawn_family(family, subjects, rng)

    def answers(one: str, count: int) -> list[SimulatedSample]:
        right, solution = rng.random(count) < rates[one], rng.choice(len(ways[one]), count, p=ways[one])
        tokens = rng.poisson(30, count) + 1
        kinds = zip(right, solution, tokens.tolist(), strict=True)
        return [
            SimulatedSample("correct", int(way), n) if ok else SimulatedSample("incorrect", None, n + 10)
            for ok, way, n in kinds
        ]

    return subjects, answers, rng


def drawn_family(
    family: str, subjects: list[SimulatedProblem], rng: np.random.Generator
) -> tuple[dict[str, float], dict[str, Ways]]:
    """The pass rate of each problem, and how likely each of its ways of solving it is."""
    easy, slope, spread = rng.uniform(-0.5, 3.0), rng.uniform(0.3, 1.2), rng.uniform(0.5, 3.0)
    shared = rng.normal(0.0, 1.2, TEMPLATES)
    own = rng.normal(0.0, 1.2, (TEMPLATES, LEVELS))
    rates, ways = {}, {}
    for subject in subjects:
        template, level = int((subject.template or "t0")[1:]), (subject.level or 1) - 1
        effect = 0.7 * (shared[template] + own[template, level]) if family.startswith("half") else shared[template]
        rates[subject.problem_id] = 1.0 / (1.0 + math.exp(slope * level - easy - effect - rng.normal(0.0, 0.8)))
        ways[subject.problem_id] = _ways(family, spread, rng)
    return rates, ways


def _ways(family: str, spread: float, rng: np.random.Generator) -> Ways:
    if family.endswith("few ways"):
        return rng.dirichlet(np.full(1 + rng.poisson(spread), 0.5))
    if family.endswith("all new"):
        return np.full(400, 1 / 400)
    if family.endswith("equal ways"):
        return np.full(count := int(rng.integers(1, 8)), 1 / count)
    if family.endswith("geometric"):
        geometric = rng.uniform(0.2, 0.9) ** np.arange(40)
        return np.asarray(geometric / geometric.sum(), dtype=np.float64)
    if family.endswith("one or all new"):
        return np.full(300, 1 / 300) if rng.random() < 0.5 else np.array([1.0])
    if family.endswith("two and rare"):
        first = rng.uniform(0.3, 0.6)
        second = (1.0 - first) * rng.uniform(0.5, 0.95)
        return np.concatenate([[first, second], np.full(10, (1.0 - first - second) / 10)])
    if family.endswith("Pitman"):
        alpha, theta = rng.uniform(0.2, 0.7), rng.uniform(0.1, 2.0)
        sticks = rng.beta(1.0 - alpha, theta + alpha * np.arange(1, 201))
        return _shares(sticks * np.concatenate([[1.0], np.cumprod(1.0 - sticks)[:-1]]))
    if family.endswith("linear"):
        return _shares(np.arange(rng.integers(1, 12), 0, -1.0))
    if family.endswith("Weibull"):
        return _shares(rng.weibull(0.5, 15))
    weights = 1.0 / np.arange(1, rng.integers(2, 30)) ** rng.uniform(0.5, 2.0)
    return _shares(weights)


def _shares(weights: npt.NDArray[Any]) -> Ways:
    return np.asarray(weights / weights.sum(), dtype=np.float64)


if __name__ == "__main__":
    main()
