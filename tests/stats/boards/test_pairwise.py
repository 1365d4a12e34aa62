"""Plans and rankings of pairwise comparisons: the card's figures, coverage, and a judge that prefers a place."""

from collections import Counter

import numpy as np
import pytest
from scipy.stats import kendalltau

from rollmill.stats import PairComparison, comparison_plan, pair_ranking

MODELS = [f"m{place:02}" for place in range(30)]


def judged(plan: list[tuple[str, str]], strengths: dict[str, float], seed: int, order: float = 0.0) -> list[PairComparison]:
    """Comparisons by a Bradley-Terry judge with this preference for the first place."""
    generator = np.random.default_rng(seed)
    chances = [1 / (1 + np.exp(strengths[second] - strengths[first] - order)) for first, second in plan]
    return [
        PairComparison(first, second, float(generator.random() < chance))
        for (first, second), chance in zip(plan, chances, strict=True)
    ]


def normal(seed: int, models: list[str], spread: float = 2.0) -> dict[str, float]:
    return dict(zip(models, np.random.default_rng([seed, 9]).normal(0, spread, len(models)).tolist(), strict=True))


def win_rate_tau(comparisons: list[PairComparison], strengths: dict[str, float]) -> float:
    """tau of the win rates, counted here again, with the true strengths."""
    won, asked = dict.fromkeys(strengths, 0.0), dict.fromkeys(strengths, 0)
    for first, second, value, _ in comparisons:
        won[first] += value
        won[second] += 1 - value
        asked[first] += 1
        asked[second] += 1
    rates = [won[model] / max(1, asked[model]) for model in strengths]
    return float(kendalltau(rates, list(strengths.values())).statistic)


@pytest.mark.parametrize(("count", "figure"), [(870, 0.894), (289, 0.780), (87, 0.615)])
def test_the_figures_of_the_card(count: int, figure: float) -> None:
    """30 models, win rates over a random sample of the 870 ordered pairs; strengths are normal with a spread of 2."""
    taus, planned = [], []
    every = [(first, second) for first in MODELS for second in MODELS if first != second]
    for seed in range(100):
        strengths = normal(seed, MODELS)
        sample = [every[place] for place in np.random.default_rng([seed, 3]).permutation(len(every))[:count].tolist()]
        taus.append(win_rate_tau(judged(sample, strengths, seed), strengths))
        planned.append(win_rate_tau(judged(comparison_plan(MODELS, count, seed), strengths, seed), strengths))
    assert np.mean(taus) == pytest.approx(figure, abs=0.012)
    assert np.mean(planned) > figure - 0.03


def test_a_plan_shows_every_pair_in_both_orders_and_models_equally_often() -> None:
    plan = comparison_plan(MODELS, 289, seed=1)
    assert len(plan) == len(set(plan)) == 289
    assert all(plan[at][::-1] == plan[at + 1] for at in range(0, 288, 2))
    often = Counter(model for pair in plan for model in pair)
    assert max(often.values()) - min(often.values()) <= 2
    whole = comparison_plan(["a", "b", "c"], 6)
    assert len(set(whole)) == 6
    assert comparison_plan(["a", "b"], 4) == comparison_plan(["a", "b"], 4)
    with pytest.raises(ValueError, match="of two models"):
        comparison_plan(["a"], 4)


def test_bradley_terry_and_win_rate_by_hand() -> None:
    """Two models, 3 of 4 wins in both places: the log odds of 3 to 1 are split in halves, less what the prior takes."""
    rows = [PairComparison("a", "b", won) for won in (1, 1, 1, 0)] + [PairComparison("b", "a", won) for won in (0, 0, 0, 1)]
    ranking = pair_ranking(rows)
    assert ranking.models == ("a", "b")
    assert [rate.value for rate in ranking.win_rates] == [0.75, 0.25]
    assert ranking.strengths[0].value == pytest.approx(1 / (1 + 3**-0.5), abs=0.01)
    assert ranking.order.value == pytest.approx(0.5)
    assert ranking.consistent is not None
    assert (ranking.consistent.value, ranking.consistent.n) == (1.0, 4)


def test_intervals_of_strengths_cover_and_the_order_is_found() -> None:
    models, inside, orders = MODELS[:8], [], []
    for seed in range(60):
        strengths = normal(seed, models, 1.0)
        ranking = pair_ranking(judged(comparison_plan(models, 400, seed), strengths, seed, order=0.8))
        mean = np.mean(list(strengths.values()))
        for model, estimate in zip(ranking.models, ranking.strengths, strict=True):
            inside.append(estimate.low <= 1 / (1 + np.exp(mean - strengths[model])) <= estimate.high)
        orders.append(ranking.order.low <= 1 / (1 + np.exp(-0.8)) <= ranking.order.high)
    assert np.mean(inside) >= 0.93
    assert np.mean(orders) >= 0.9


def test_a_model_that_wins_all_has_an_interval_and_comparisons_of_one_problem_are_one_cluster() -> None:
    rows = [PairComparison("a", "b", 1.0), PairComparison("b", "a", 0.0)] * 5
    alone = pair_ranking(rows)
    assert alone.strengths[0].low < alone.strengths[0].value < alone.strengths[0].high < 1
    together = pair_ranking([row._replace(problem=f"p{at % 2}") for at, row in enumerate(rows)])
    assert together.strengths[0].clusters == 2
    assert together.win_rates[0].clusters == 2


def test_repeated_verdicts_on_few_problems_widen_the_interval() -> None:
    generator, rows = np.random.default_rng(3), []
    for problem in range(12):
        wins = float(generator.random() < 0.6)
        rows += [PairComparison("a", "b", wins, f"p{problem}"), PairComparison("b", "a", 1 - wins, f"p{problem}")] * 5
    clustered, apart = pair_ranking(rows), pair_ranking([row._replace(problem=None) for row in rows])
    widths = [ranking.strengths[0].high - ranking.strengths[0].low for ranking in (clustered, apart)]
    assert widths[0] > 2 * widths[1]
