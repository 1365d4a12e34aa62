"""What may be read from adaptive draws: the prefix and path counting are unbiased where the pooled rate is not.

The oracles are those of the statistical contract, point 1: pass rates from Beta(.6, .9), mean .400, drawn until 4 are
correct or 64 are drawn.
"""

import math

import numpy as np
import pytest

from rollmill.pipelines.budget.gvm import Gvm
from rollmill.pipelines.budget.passuntil import PassUntil
from rollmill.stats import path_counting_rate, path_counts
from tests.pipelines.budget.simulation import simulate, until_target

RNG = np.random.default_rng(11)
RATES = {f"p{number:04}": float(rate) for number, rate in enumerate(RNG.beta(0.6, 0.9, 1200))}
TRUE = math.fsum(RATES.values()) / len(RATES)


def test_one_at_a_time_until_four_reads_as_the_contract_says() -> None:
    """Mean c/n .435 for a true .400, pooled .157, without the censored problems .478, path counting .400: exact sums."""
    counts = path_counts(until_target(4, 64), cap=64)
    weights = {
        (n, c): paths * math.exp(_log_beta(0.6 + c, 0.9 + n - c) - _log_beta(0.6, 0.9))
        for (n, c), (_, paths) in counts.items()
    }
    assert math.fsum(weights.values()) == pytest.approx(1.0)
    assert math.fsum(w * c / n for (n, c), w in weights.items()) == pytest.approx(0.435, abs=0.001)
    drawn, correct = (math.fsum(w * point[place] for point, w in weights.items()) for place in (0, 1))
    assert correct / drawn == pytest.approx(0.157, abs=0.002)
    assert math.fsum(w * (path_counting_rate(*p, counts) or 0.0) for p, w in weights.items()) == pytest.approx(0.4)
    done = {point: w for point, w in weights.items() if point[1] >= 4}
    kept = math.fsum(w * (path_counting_rate(*p, counts) or 0.0) for p, w in done.items()) / math.fsum(done.values())
    assert kept == pytest.approx(0.478, abs=0.005)


def test_passuntil_in_rounds_reports_the_prefix_and_path_counting_without_bias() -> None:
    budget = PassUntil(initial=8, passes=4, cap=64)
    tallies = simulate(budget, RATES, seed=2).tallies
    counts = path_counts(budget.rule, cap=64)
    honest = [path_counting_rate(tally.drawn, tally.correct, counts) or 0.0 for tally in tallies]
    prefix = [tally.prefix_correct / tally.prefix_judged for tally in tallies]
    pooled = sum(tally.correct for tally in tallies) / sum(tally.drawn for tally in tallies)
    assert math.fsum(honest) / len(tallies) == pytest.approx(TRUE, abs=0.012)
    assert math.fsum(prefix) / len(tallies) == pytest.approx(TRUE, abs=0.012)
    assert pooled < TRUE - 0.15


def test_gvm_pooled_reads_too_high_and_the_pilot_or_the_later_draws_alone_do_not() -> None:
    """The shares follow the pilot: one that was lucky gets fewer draws to take it back, so the mean c/n is too high."""
    hard = [f"h{number:04}" for number in range(600)]
    rates = {key: 0.1 if key.startswith("h") else 0.6 for key in [*hard, *(f"e{number:04}" for number in range(600))]}
    tallies = {tally.problem_id: tally for tally in simulate(Gvm(initial=8, main=16, alpha=0.0), rates, seed=3).tallies}
    mine = [tallies[key] for key in hard]
    pooled = math.fsum(tally.correct / tally.drawn for tally in mine) / len(mine)
    pilot = math.fsum(tally.prefix_correct / 8 for tally in mine) / len(mine)
    later = math.fsum((tally.correct - tally.prefix_correct) / (tally.drawn - 8) for tally in mine) / len(mine)
    assert pilot == pytest.approx(0.1, abs=0.01)
    assert later == pytest.approx(0.1, abs=0.012)
    assert pooled > 0.104  # .1068: three standard errors


def test_problems_chosen_by_their_pilot_are_harder_then_than_later() -> None:
    """0 of 8 correct: the mean rate of these problems is .063, not 0, and later draws say so (point 6)."""
    tallies = simulate(Gvm(initial=8, main=16, alpha=0.0), RATES, seed=4).tallies
    never = [tally for tally in tallies if tally.prefix_correct == 0]
    later = math.fsum((tally.correct - tally.prefix_correct) / (tally.drawn - 8) for tally in never) / len(never)
    assert later == pytest.approx(0.063, abs=0.015)


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
