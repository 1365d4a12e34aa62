"""How many completions a run will draw in all: its budget goes on from where it stands, over outcomes that are likely now.

For the time left that people are shown, once a round. `forecast` answers the same before a run with more care: it has the
evidence of other runs, and all quantities. Here each problem's rate is drawn from its posterior under a beta prior, fitted
to the fixed prefixes, or of any mean while nothing is judged; correct answers are new solutions as often as they were.
"""

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pipelines.protocols import Budget
from pipelines.stats import BetaPrior, Prediction, fit_prior, prediction_of
from pipelines.tallies import ArmTally, Draw, PrefixTally

SIMULATIONS = 40
LEAST = 8  # simulations below which there is no interval
SECONDS = 2.0  # that a large run may give to it, once a round
MOST_ROUNDS = 1_000
SPREAD = 2.0  # of a prior that nothing is known of, in judged completions: problems differ much


def whole_run(budget: Budget, tallies: Sequence[PrefixTally], round_index: int) -> Prediction | None:
    """Draws of the run in all, those before `round_index` included; None where time allows too few simulations."""
    deadline, totals = time.monotonic() + SECONDS, list[float]()
    judged = any(tally.prefix_judged for tally in tallies)
    fitted = fit_prior([t.prefix_correct for t in tallies], [t.prefix_judged for t in tallies]) if judged else None
    for number in range(SIMULATIONS):
        rng = np.random.default_rng(number)
        mean = rng.random()
        prior = fitted or BetaPrior(SPREAD * mean, SPREAD * (1 - mean))
        totals.append(_simulated(budget, tallies, round_index, prior, rng))
        if time.monotonic() > deadline:
            break
    return prediction_of(totals) if len(totals) >= LEAST or len(set(totals)) == 1 else None


def _simulated(
    budget: Budget, tallies: Sequence[PrefixTally], first: int, prior: BetaPrior, rng: np.random.Generator
) -> float:
    """The draws of one simulation."""
    rates = {t.problem_id: rng.beta(prior.a + t.correct, prior.b + t.judged - t.correct) for t in tallies}
    new = (1 + sum(tally.distinct_correct for tally in tallies)) / (1 + sum(tally.correct for tally in tallies))
    known = {tally.problem_id: tally for tally in tallies}
    for number in range(first, first + MOST_ROUNDS):
        plan = budget.plan(number, list(known.values()))
        if not plan.draws:
            break
        for stop in plan.stops:
            known[stop.problem_id] = replace(known[stop.problem_id], stopped=stop.reason)
        for draw in plan.draws:
            right = int(rng.binomial(draw.count, rates[draw.problem_id]))
            known[draw.problem_id] = _after(
                known[draw.problem_id], draw, right, int(rng.binomial(right, new)), budget.prefix
            )
    return float(sum(tally.drawn for tally in known.values()))


def _after(tally: PrefixTally, draw: Draw, right: int, distinct: int, prefix: int) -> PrefixTally:
    """The tally with one draw more, of which so many are correct and so many of those are new solutions."""
    within = min(draw.count, max(0, prefix - draw.first_index))
    share = within / draw.count
    more = {"drawn": draw.count, "correct": right, "incorrect": draw.count - right}
    counts = {name: getattr(tally, name) + count for name, count in more.items()}
    arms = tuple(_arm_after(arm, more, distinct) if arm.name == draw.arm else arm for arm in tally.arms)
    return replace(
        tally,
        **counts,
        arms=arms,
        distinct_correct=tally.distinct_correct + distinct,
        prefix_judged=tally.prefix_judged + within,
        prefix_correct=tally.prefix_correct + round(right * share),
    )


def _arm_after(arm: ArmTally, more: dict[str, int], distinct: int) -> ArmTally:
    agreeing = max(arm.agreeing, more["correct"])
    counts = {name: getattr(arm, name) + count for name, count in more.items()}
    return replace(arm, **counts, distinct=arm.distinct + distinct, agreeing=agreeing)
