"""Bernoulli problems that are drawn as a budget says; every rule of a plan is checked on the way."""

import random
from collections.abc import Mapping
from dataclasses import dataclass

from pipelines.budget import DarsProp2Diff, DarsUniform, Fixed
from pipelines.budget.tallies import PrefixTally
from pipelines.protocols import Draw


@dataclass(frozen=True)
class Simulated:
    """What a budget led to, by problem."""

    drawn: Mapping[str, int]
    distinct: Mapping[str, int]
    reasons: Mapping[str, str]
    rounds: int
    tallies: tuple[PrefixTally, ...]


def simulate(
    budget: Fixed | DarsUniform | DarsProp2Diff, rates: Mapping[str, float], seed: int = 0, *, wordings: int = 1000
) -> Simulated:
    """Draw round after round until the budget is done; correct answers come in so many wordings."""
    rng = random.Random(seed)
    drawn: dict[str, list[int]] = {key: [] for key in rates}
    reasons: dict[str, str] = {}
    for rounds in range(200):
        tallies = tuple(tally(key, outcomes, budget.initial) for key, outcomes in drawn.items())
        plan = budget.plan(rounds, tallies)
        reasons |= {stop.problem_id: stop.reason for stop in plan.stops}
        if not plan.draws:
            distinct = {key: len(set(outcomes) - {-1}) for key, outcomes in drawn.items()}
            return Simulated({key: len(value) for key, value in drawn.items()}, distinct, reasons, rounds, tallies)
        assert [draw.problem_id for draw in plan.draws] == sorted({draw.problem_id for draw in plan.draws})
        for draw in plan.draws:
            assert draw.problem_id not in reasons
            drawn[draw.problem_id].extend(_outcomes(draw, drawn, rng, rates, wordings))
    raise AssertionError("200 rounds and no end")


def _outcomes(
    draw: Draw, drawn: Mapping[str, list[int]], rng: random.Random, rates: Mapping[str, float], wordings: int
) -> list[int]:
    assert draw.count >= 1
    assert draw.first_index == len(drawn[draw.problem_id])
    return [rng.randrange(wordings) if rng.random() < rates[draw.problem_id] else -1 for _ in range(draw.count)]


def tally(key: str, outcomes: list[int], initial: int) -> PrefixTally:
    """-1 is incorrect, anything else a correct answer in that wording."""
    correct = [outcome for outcome in outcomes if outcome >= 0]
    prefix = outcomes[:initial]
    return PrefixTally(
        problem_id=key,
        drawn=len(outcomes),
        correct=len(correct),
        incorrect=len(outcomes) - len(correct),
        distinct_correct=len(set(correct)),
        prefix_judged=len(prefix),
        prefix_correct=sum(outcome >= 0 for outcome in prefix),
    )
