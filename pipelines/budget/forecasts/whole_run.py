"""Forecast of all draws of a running budget: continues its current state over likely outcomes.

For the time left that people are shown, once a round. `forecast` answers the same before a run with more care: it has the
evidence of other runs, and all quantities. The posteriors are its own (pass rates of problems within templates by level,
laws of new solutions): here of everything that is judged so far, whatever the budget chose to draw, since a likelihood does
not depend on when drawing stopped; and each urn continues from its current state, since new solutions grow rarer.
"""

import time
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from rollmill.pipelines.budget.forecasts.levels import ALIKE, Urn, draw_urn, prior_of_diversity, share_evidence
from rollmill.roles.protocols import Budget
from rollmill.roles.tallies import Draw, PrefixTally, StepTally
from rollmill.stats.clusters.hierarchy import Hierarchy, ProblemCounts, SharedUniforms
from rollmill.stats.draws.solution_diversity import law_weights

SIMULATIONS = 40
MOST_ROUNDS = 1_000


def ended_runs(
    budget: Budget, tallies: Sequence[PrefixTally], round_index: int, seconds: float
) -> Iterator[Collection[PrefixTally]]:
    """The run as it may end, a tally per problem, in as many of SIMULATIONS simulations as `seconds` allow."""
    deadline, unknown = time.monotonic() + seconds, _Unknown(tallies)
    for number in range(SIMULATIONS):
        rng = np.random.default_rng(number)
        ended = _simulated(budget, tallies, round_index, unknown.draw(rng), rng, deadline)
        # A simulation that the deadline cut off would count too few draws.
        if ended is None:
            return
        yield ended


class _Unknown:
    """The posterior of unknown outcomes of problems in this state."""

    def __init__(self, tallies: Sequence[PrefixTally]) -> None:
        levels = dict.fromkeys(tally.level for tally in tallies)
        self._members = {level: [tally for tally in tallies if tally.level == level] for level in levels}
        self._rates = {
            level: Hierarchy([ProblemCounts(tally.template or "", tally.correct, tally.judged) for tally in members])
            for level, members in self._members.items()
        }
        share_evidence(list(self._rates.items()))
        self._counts = [(tally.level, *_solutions(tally)) for tally in tallies]

    def draw(self, rng: np.random.Generator) -> dict[str, tuple[float, Urn]]:
        """State of each problem in one simulation: its pass rate, and the current urn of its solutions."""
        shared = SharedUniforms(ALIKE)
        prior = prior_of_diversity(None, self._counts, rng)  # one for all levels: one for each would take too long
        laws = {(c, d): law_weights(d, c, prior).cumsum() for c, d in {(c, d) for _, c, d in self._counts}}
        answers: dict[str, tuple[float, Urn]] = {}
        for level, members in self._members.items():
            for tally, rate in zip(members, self._rates[level].draw(rng, shared).tolist(), strict=True):
                correct, distinct = pair = _solutions(tally)
                answers[tally.problem_id] = rate, replace(draw_urn(rng, laws[pair]), drawn=correct, distinct=distinct)
        return answers


def _solutions(tally: PrefixTally) -> tuple[int, int]:
    """Correct answers whose solutions are known, and distinct ones; none if the counts are inconsistent."""
    correct, distinct = tally.correct, tally.distinct_correct
    return (correct, distinct) if 0 < distinct <= correct else (0, 0)


def _simulated(
    budget: Budget,
    tallies: Sequence[PrefixTally],
    first: int,
    answers: Mapping[str, tuple[float, Urn]],
    rng: np.random.Generator,
    deadline: float,
) -> Collection[PrefixTally] | None:
    """The end of one simulation, whose problems have these pass rates and urns; None at the deadline."""
    known, lengths = {tally.problem_id: tally for tally in tallies}, _tokens_per_draw(tallies)
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
            tally = known[draw.problem_id]
            tokens = _tokens(tally, draw, lengths)
            known[draw.problem_id] = _after(tally, draw, right, urn.distinct - before, tokens, budget.prefix)
    return known.values()


def _tokens_per_draw(tallies: Sequence[PrefixTally]) -> dict[str, float]:
    """Mean tokens of a draw on each step, and of all draws under ""; 0 if nothing is drawn."""
    drawn, tokens = Counter[str](), Counter[str]()
    for tally in tallies:
        drawn[""] += tally.drawn
        tokens[""] += tally.tokens
        for step in tally.steps:
            drawn[step.name] += step.drawn
            tokens[step.name] += step.tokens
    return {"": 0.0} | {name: tokens[name] / drawn[name] for name in drawn if drawn[name]}


def _tokens(tally: PrefixTally, draw: Draw, lengths: Mapping[str, float]) -> int:
    """Tokens of a draw: as many as the problem's own draws on the step have, before the first one as many as others'."""
    own = next((step for step in tally.steps if step.name == draw.step), tally)
    length = own.tokens / own.drawn if own.drawn and own.tokens else lengths.get(draw.step, lengths[""])
    return round(draw.count * length)


def _after(tally: PrefixTally, draw: Draw, right: int, distinct: int, tokens: int, prefix: int) -> PrefixTally:
    """The tally with one draw more, of which so many are correct and so many of those are new solutions."""
    within = min(draw.count, max(0, prefix - draw.first_index))
    share = within / draw.count
    more = {"drawn": draw.count, "correct": right, "incorrect": draw.count - right, "tokens": tokens}
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
    # Correct answers agree with one another; of wrong ones nothing is known here.
    agreeing = max(step.agreeing, more["correct"])
    counts = {name: getattr(step, name) + count for name, count in more.items()}
    return replace(step, **counts, distinct=step.distinct + distinct, agreeing=agreeing)
