"""How many completions a run will draw in all: its budget goes on from where it stands, over outcomes that are likely now.

For the time left that people are shown, once a round. `forecast` answers the same before a run with more care: it has the
evidence of other runs, and all quantities. Here each problem's rate is drawn from its posterior under a beta prior, fitted
to the fixed prefixes, or of any mean while nothing is judged; how often its correct answers are new solutions from that of
its urn (pipelines.stats.solution_diversity), since new ones grow rarer as a problem goes on.
"""

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from pipelines.budget.posterior_predictive import Urn, draw_urn
from pipelines.protocols import Budget
from pipelines.stats import BetaPrior, fit_prior
from pipelines.stats.solution_diversity import Array, fit_laws, laws_after
from pipelines.tallies import Draw, PrefixTally, StepTally

SIMULATIONS = 40
MOST_ROUNDS = 1_000
SPREAD = 2.0  # of a prior that nothing is known of, in judged completions: problems differ much


def ended_runs(
    budget: Budget, tallies: Sequence[PrefixTally], round_index: int, seconds: float
) -> Iterator[Collection[PrefixTally]]:
    """The run as it may end, a tally per problem, in as many of SIMULATIONS simulations as `seconds` allow."""
    deadline = time.monotonic() + seconds
    judged = any(tally.prefix_judged for tally in tallies)
    fitted = fit_prior([t.prefix_correct for t in tallies], [t.prefix_judged for t in tallies]) if judged else None
    laws = _laws(tallies)
    for number in range(SIMULATIONS):
        rng = np.random.default_rng(number)
        mean = rng.random()
        prior = fitted or BetaPrior(SPREAD * mean, SPREAD * (1 - mean))
        answers = {
            t.problem_id: (rng.beta(prior.a + t.correct, prior.b + t.judged - t.correct), _urn(t, laws, rng))
            for t in tallies
        }
        ended = _simulated(budget, tallies, round_index, answers, rng, deadline)
        if ended is None:
            return
        yield ended


def _solutions(tally: PrefixTally) -> tuple[int, int]:
    """Distinct and all correct answers whose solutions are known; none where what is known of them cannot be."""
    correct, distinct = tally.correct, tally.distinct_correct
    return (distinct, correct) if 0 < distinct <= correct else (0, 0)


def _laws(tallies: Sequence[PrefixTally]) -> dict[tuple[int, int], Array]:
    """How the urns of problems with these counts of solutions are distributed: cumulative weights of the laws."""
    counts = list(map(_solutions, tallies))
    prior = fit_laws([distinct for distinct, _ in counts], [correct for _, correct in counts], np.ones(len(counts)))
    return {pair: laws_after(*pair, prior).cumsum() for pair in dict.fromkeys(counts)}


def _urn(tally: PrefixTally, laws: Mapping[tuple[int, int], Array], rng: np.random.Generator) -> Urn:
    """The urn of a problem's solutions in one simulation, as it stands now."""
    distinct, correct = _solutions(tally)
    return replace(draw_urn(rng, laws[distinct, correct]), drawn=correct, distinct=distinct)


def _simulated(
    budget: Budget,
    tallies: Sequence[PrefixTally],
    first: int,
    answers: Mapping[str, tuple[float, Urn]],
    rng: np.random.Generator,
    deadline: float,
) -> Collection[PrefixTally] | None:
    """The end of one simulation, whose problems have these pass rates and urns; None at the deadline."""
    known = {tally.problem_id: tally for tally in tallies}
    for number in range(first, first + MOST_ROUNDS):
        if time.monotonic() > deadline:
            return None
        plan = budget.plan(number, list(known.values()))
        if not plan.draws:
            break
        for stop in plan.stops:
            known[stop.problem_id] = replace(known[stop.problem_id], stopped=stop.reason)
        for draw in plan.draws:
            rate, urn = answers[draw.problem_id]
            right, before = int(rng.binomial(draw.count, rate)), urn.distinct
            for uniform in rng.random(right).tolist():
                urn.next(uniform)
            known[draw.problem_id] = _after(known[draw.problem_id], draw, right, urn.distinct - before, budget.prefix)
    return known.values()


def _after(tally: PrefixTally, draw: Draw, right: int, distinct: int, prefix: int) -> PrefixTally:
    """The tally with one draw more, of which so many are correct and so many of those are new solutions."""
    within = min(draw.count, max(0, prefix - draw.first_index))
    share = within / draw.count
    more = {"drawn": draw.count, "correct": right, "incorrect": draw.count - right}
    counts = {name: getattr(tally, name) + count for name, count in more.items()}
    steps = tuple(_step_after(step, more, distinct) if step.name == draw.step else step for step in tally.steps)
    return replace(
        tally,
        **counts,
        steps=steps,
        distinct_correct=tally.distinct_correct + distinct,
        prefix_judged=tally.prefix_judged + within,
        prefix_correct=tally.prefix_correct + round(right * share),
    )


def _step_after(step: StepTally, more: dict[str, int], distinct: int) -> StepTally:
    agreeing = max(step.agreeing, more["correct"])
    counts = {name: getattr(step, name) + count for name, count in more.items()}
    return replace(step, **counts, distinct=step.distinct + distinct, agreeing=agreeing)
