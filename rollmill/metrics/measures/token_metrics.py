"""Metrics of tokens and attempts: pass@t, regret, tokens per correct answer, accuracy at attempts.

Also rates of draws that a rule stopped, and the compositional gap, which reads the parts of each problem from its meta.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np

from rollmill.ground.errors import SetupError
from rollmill.metrics.measures.repair_trees import pass_at_trees
from rollmill.metrics.sample import Array, Metric, MetricValue, Options, Sample, means_of
from rollmill.stats import (
    cluster_ratio,
    cluster_share,
    pass_at_tokens,
    path_counting_rate,
    path_counts,
    population_mean,
    regret_of_tokens,
    solved_by,
)


def _budgets(sample: Sample, options: Options) -> Sequence[int]:
    """Token budgets, at most what the completions of every problem took together."""
    most = min(int(sample.pool.tokens[rows].sum()) for rows in sample.by_problem())
    # Eighths of few tokens coincide or round to 0.
    budgets = options.budgets or tuple(sorted({max(1, most * part // 8) for part in range(1, 9)}))
    wrong = next((budget for budget in budgets if not 1 <= budget <= most), None)
    if wrong is not None:
        raise SetupError(
            f"A budget of {wrong} tokens: some problem's completions took {most} together.",
            choices=[f"1 to {most} tokens"],
            next_command="draw more completions before any verdict, or ask for smaller budgets",
        )
    return budgets


def _by_tokens(sample: Sample, options: Options, estimator: Callable[..., Array], what: str) -> list[MetricValue]:
    budgets = _budgets(sample, options)
    values = np.stack(
        [
            estimator(sample.pool.tokens[rows], sample.right(rows), budgets, seed=options.seed)
            for rows in sample.by_problem()
        ]
    )
    return means_of(sample, [{"tokens": budget} for budget in budgets], values, what)


def _pass_at_tokens(sample: Sample, options: Options) -> list[MetricValue]:
    if options.over == "trees":
        return pass_at_trees(sample, options)
    return _by_tokens(sample, options, pass_at_tokens, "chance of a correct completion within the tokens")


def _regret(sample: Sample, options: Options) -> list[MetricValue]:
    return _by_tokens(sample, options, regret_of_tokens, "normalised regret of drawing again within the tokens")


def _tokens_per_correct(sample: Sample, options: Options) -> list[MetricValue]:  # noqa: ARG001
    # To an empty part reduceat would give the next one's first value; samples hold no problem without draws.
    tokens = np.add.reduceat(sample.pool.tokens[sample.row_places], np.r_[0, sample.drawn.cumsum()[:-1]]).tolist()
    what = "tokens drawn per correct completion" + sample.estimand("")[len("mean ") :].rstrip()
    ratio = cluster_ratio(tokens, sample.correct.tolist(), sample.clusters, estimand=what)
    return [MetricValue({}, ratio, "" if ratio else "no correct completion")]


def _solved_by(sample: Sample, options: Options) -> list[MetricValue]:  # noqa: ARG001
    """Share of problems solved within t draws by sample index; draws may have stopped at the first success."""
    first = []
    for rows in sample.by_problem():
        if (sample.pool.index[rows] != np.arange(len(rows))).any():
            raise SetupError(
                "The attempts of some problem are not numbered 0, 1, 2, ...: their order is not known.",
                next_command="import them with `sample_index`",
            )
        hits = np.flatnonzero(sample.right(rows))
        first.append(int(hits[0]) + 1 if len(hits) else 0)
    most = int(sample.drawn.max())
    values = solved_by(first, sample.drawn, most)
    return means_of(sample, [{"attempts": j} for j in range(1, most + 1)], values, "accuracy within the attempts")


def _path_rate(sample: Sample, options: Options) -> list[MetricValue]:
    """The pass rate from all draws of a stopping rule; undecided completions count as not correct, as for the rule."""
    budget = options.stopping
    if budget is None:
        raise SetupError(
            "Path counting needs the rule that ended the draws.",
            next_command="name the budget: Options(stopping=BUDGET), one whose `estimator` is path_counting",
        )
    points = list(zip(sample.drawn.tolist(), sample.correct.tolist(), strict=True))
    # All stopping points of a large cap would take far longer than those that occurred.
    paths = path_counts(budget.rule, cap=budget.cap, wanted=frozenset(points))
    rates = [path_counting_rate(*point, paths) for point in points]
    lost = [point for point, rate in zip(points, rates, strict=True) if rate is None]
    if lost:
        return [
            MetricValue({}, None, f"the rule does not stop at {lost[0][1]} correct of {lost[0][0]}: {len(lost)} problems")
        ]
    what = sample.estimand("pass rate, by path counting over all draws")
    return [MetricValue({}, population_mean([rate for rate in rates if rate is not None], sample.clusters, estimand=what))]


def _compositional_gap(sample: Sample, options: Options) -> list[MetricValue]:
    composed, wholes, rates = _with_parts(sample, options)
    # Divided by the chance that all parts are right, this is the chance of a wrong whole given right parts.
    gaps = [whole * (1.0 - rate) for whole, rate in zip(wholes, rates, strict=True)]
    what = "chance that a composed problem is answered wrong although all of its parts are answered right"
    if np.isnan(gaps).any():
        return [MetricValue({}, None, _UNJUDGED)]
    share = cluster_share(gaps, wholes, [sample.clusters[at] for at in composed], estimand=what)
    return [MetricValue({}, share, "" if share else "no problem has all of its parts right")]


def _joint(sample: Sample, options: Options) -> list[MetricValue]:
    """Chance that twins, or all questions of a conversation, are right, with one completion of each drawn independently."""
    composed, wholes, rates = _with_parts(sample, options)
    both = [whole * rate for whole, rate in zip(wholes, rates, strict=True)]
    if np.isnan(both).any():
        return [MetricValue({}, None, _UNJUDGED)]
    what = "chance that a problem and all of its parts are answered right"
    return [MetricValue({}, population_mean(both, [sample.clusters[at] for at in composed], estimand=what))]


_UNJUDGED = "a part or a composed problem has no judged rollout"


def _with_parts(sample: Sample, options: Options) -> tuple[list[int], list[float], list[float]]:
    """Places of the composed problems in the sample, the chance that their parts are all right, and their own rate.

    Rates of independent completions multiply, so each product is unbiased. NaN without a judged rollout.
    """
    rows, ids = sample.rows, sample.pool.problems
    place = {name: at for at, name in enumerate(ids)}
    composed = [at for at, owner in enumerate(sample.places.tolist()) if ids[owner] in options.parts]
    missing = sorted({part for at in composed for part in options.parts[ids[sample.places[at]]] if place.get(part) is None})
    if not composed or missing:
        raise SetupError(
            f"Parts that are not in the pool: {', '.join(missing[:3])}."
            if missing
            else "No composed problem of the pool is named.",
            next_command="Options(parts={id of a composed problem: ids of its parts})",
        )
    rates = rows.correct / np.where(rows.judged > 0, rows.judged, np.nan)
    wholes = [math.prod(float(rates[place[part]]) for part in options.parts[ids[sample.places[at]]]) for at in composed]
    return composed, wholes, [float(rates[sample.places[at]]) for at in composed]


TOKEN_METRICS = {
    "pass@t": Metric(_pass_at_tokens, frozenset({"tokens"})),
    "regret": Metric(_regret, frozenset({"tokens"})),
    "tokens_per_correct": Metric(_tokens_per_correct, frozenset({"tokens"})),
    "solved_by": Metric(_solved_by, frozenset({"any_number", "stopping"})),
    "path_rate": Metric(_path_rate, frozenset({"any_number", "stopping"})),
    "compositional_gap": Metric(_compositional_gap, frozenset({"parts"})),
    "joint": Metric(_joint, frozenset({"parts"})),
}
