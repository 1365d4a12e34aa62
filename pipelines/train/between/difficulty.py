"""Pass rates of a round's problems as posteriors, so that few draws alone do not decide what a problem is."""

from collections.abc import Mapping, Sequence

from rollmill.pipelines.train.between.roles import SeenRound
from rollmill.stats import beta_probability, fit_prior, shrunken_rate


def posterior_means(seen: SeenRound) -> dict[str, float]:
    """Mean of each problem's pass rate given its fixed prefix and the beta prior of all problems of the round."""
    problems = list(seen.problems.values())
    prior = fit_prior([problem.correct for problem in problems], [problem.judged for problem in problems])
    return {problem.id: shrunken_rate(problem.correct, problem.judged, prior) for problem in problems}


def in_band(seen: SeenRound, low: float, high: float) -> dict[str, float]:
    """The posterior chance that each problem's pass rate is in [low, high].

    Of a problem of rate .03 the raw share of 8 draws is in [.1, .9] in 22% of cases.
    """
    problems = list(seen.problems.values())
    prior = fit_prior([problem.correct for problem in problems], [problem.judged for problem in problems])
    chances = {}
    for problem in problems:
        a, b = problem.correct + prior.a, problem.judged - problem.correct + prior.b
        chances[problem.id] = beta_probability(high, a, b) - beta_probability(low, a, b)
    return chances


def group_rates(seen: SeenRound, by: str) -> dict[str, float]:
    """Mean pass rate of the problems of each level, skill or template, by its name as text; judged problems only."""
    rates: dict[str, list[float]] = {}
    for problem in seen.problems.values():
        group = problem.groups.get(by)
        if group is not None and problem.judged:
            rates.setdefault(str(group), []).append(problem.correct / problem.judged)
    return {group: sum(values) / len(values) for group, values in sorted(rates.items())}


def shares_of(weights: Mapping[str, float], names: Sequence[str]) -> dict[str, float]:
    """Weights as shares of 1 at nine digits; equal ones where all weights are 0."""
    total = sum(weights.get(name, 0.0) for name in names)
    if total <= 0:
        return {name: round(1 / len(names), 9) for name in names}
    return {name: round(weights.get(name, 0.0) / total, 9) for name in names}
