"""The joint posterior of pass rates within templates: shrinkage, calibration, and what was never seen."""

import numpy as np
import pytest

from rollmill.stats.clusters.hierarchy import Hierarchy, ProblemCounts, SharedUniforms

TEMPLATES, EACH, PILOT, LATER, DRAWS = 6, 8, 8, 16, 80


def mean_of(problems: list[ProblemCounts], draws: int = 400) -> np.ndarray:
    rng = np.random.default_rng(0)
    hierarchy = Hierarchy(problems)
    return np.asarray(np.mean([hierarchy.draw(rng) for _ in range(draws)], axis=0))


def test_without_evidence_every_rate_is_possible() -> None:
    rng = np.random.default_rng(0)
    hierarchy = Hierarchy([ProblemCounts("t")])
    rates = [float(hierarchy.draw(rng)[0]) for _ in range(500)]
    assert 0.4 < np.mean(rates) < 0.6
    assert np.quantile(rates, 0.05) < 0.1
    assert np.quantile(rates, 0.95) > 0.9


def test_a_problem_that_was_never_solved_is_drawn_towards_its_siblings() -> None:
    easy = mean_of([ProblemCounts("t", 0, 8), *[ProblemCounts("t", 7, 8)] * 9])[0]
    hard = mean_of([ProblemCounts("t", 0, 8), *[ProblemCounts("t", 0, 8)] * 9])[0]
    assert 0.0 < hard < 0.05 < easy < 0.35


def test_an_unseen_template_is_less_sure_than_an_unseen_problem_of_a_seen_one() -> None:
    rng = np.random.default_rng(1)
    seen = [ProblemCounts(f"t{place}", 7 if place % 2 else 1, 8) for place in range(6) for _ in range(4)]
    hierarchy = Hierarchy([*seen, ProblemCounts("t1"), ProblemCounts("new")])
    rates = np.array([hierarchy.draw(rng) for _ in range(600)])
    assert rates[:, -2].mean() > 0.7
    assert rates[:, -1].std() > 1.3 * rates[:, -2].std()


def test_other_groups_say_how_alike_problems_are() -> None:
    """Three problems at 4 of 8 may hide extremes; many at middling rates elsewhere say that there are none."""
    few, many = (
        [ProblemCounts("t", 4, 8)] * 3 + [ProblemCounts("t")],
        [ProblemCounts(f"t{n % 4}", 3 + n % 3, 8) for n in range(60)],
    )
    alone, told = Hierarchy(few), Hierarchy(few)
    told.borrow([(0.5, Hierarchy(many))])
    unseen = [[one.draw(np.random.default_rng(n))[-1] for n in range(300)] for one in (alone, told)]
    assert np.std(unseen[1]) < 0.8 * np.std(unseen[0])


def test_a_template_that_is_hard_in_one_group_is_hard_in_the_next() -> None:
    problems = [ProblemCounts("seen", 4, 8), ProblemCounts("other", 5, 8), *[ProblemCounts("unseen")] * 12]
    pair = [Hierarchy(problems), Hierarchy(problems)]
    means = []
    for number in range(300):
        rng, luck = np.random.default_rng(number), SharedUniforms(0.7)
        means.append([one.draw(rng, luck)[2:].mean() for one in pair])
    apart = [
        [one.draw(np.random.default_rng([number, k]))[2:].mean() for k, one in enumerate(pair)] for number in range(300)
    ]
    assert np.corrcoef(np.array(means).T)[0, 1] > 0.4
    assert abs(np.corrcoef(np.array(apart).T)[0, 1]) < 0.2


def test_the_same_generator_gives_the_same_draw() -> None:
    problems = [ProblemCounts("a", 3, 8), ProblemCounts("b", 8, 8), ProblemCounts("b")]
    first, second = (Hierarchy(problems).draw(np.random.default_rng(5)) for _ in range(2))
    assert (first == second).all()


@pytest.mark.integration
def test_forecasts_of_problems_selected_as_hard_are_shrunken_and_calibrated() -> None:
    """200 simulated pools: half the problems piloted 8 times, those with at most one right answer selected. Their next 16
    draws lie inside the 80% and 95% intervals about as often as these say, while their pilot rates read far too low.
    """
    rng = np.random.default_rng(20261120)
    inside: dict[str, list[tuple[bool, bool]]] = {"all": [], "hard": []}
    bias, raw = [], []
    for _ in range(200):
        rates, template = _pool(rng)
        judged = np.where(rng.random(len(rates)) < 0.5, PILOT, 0)
        correct = rng.binomial(judged, rates)
        hierarchy = Hierarchy(
            [ProblemCounts(str(t), int(c), int(n)) for t, c, n in zip(template, correct, judged, strict=True)]
        )
        simulated = rng.binomial(LATER, np.array([hierarchy.draw(rng) for _ in range(DRAWS)]))
        later = rng.binomial(LATER, rates)
        hard = (judged == PILOT) & (correct <= 1)
        inside["all"].append(_inside(simulated.sum(axis=1), later.sum()))
        if hard.any():
            inside["hard"].append(_inside(simulated[:, hard].sum(axis=1), later[hard].sum()))
            bias.append((simulated[:, hard].mean() - later[hard].mean()) / LATER)
            raw.append((correct[hard] / PILOT).mean() - later[hard].mean() / LATER)
    for held in inside.values():
        share80, share95 = np.mean(held, axis=0)
        assert 0.72 <= share80 <= 0.89
        assert 0.90 <= share95 <= 0.985
    assert len(inside["hard"]) > 150
    assert abs(np.mean(bias)) < 0.03
    assert np.mean(raw) < -0.06  # regression to the mean: what a forecast by pilot rates would be wrong by


def _pool(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    mean, between, within = rng.uniform(0.2, 0.8), rng.uniform(2, 20), rng.uniform(1.5, 8)
    templates = rng.beta(mean * between, (1 - mean) * between, TEMPLATES)
    rates = np.concatenate([rng.beta(m * within, (1 - m) * within, EACH) for m in templates])
    return rates, np.repeat(np.arange(TEMPLATES), EACH)


def _inside(simulated: np.ndarray, actual: int) -> tuple[bool, bool]:
    low95, low80, high80, high95 = np.quantile(simulated, [0.025, 0.1, 0.9, 0.975], method="weibull")
    return bool(low80 <= actual <= high80), bool(low95 <= actual <= high95)
