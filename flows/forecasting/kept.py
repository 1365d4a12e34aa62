"""Rows kept of answers that follow others, forecast from a pilot: which of them are right, and which of these are new.

A pilot's transitions say how often an answer is right after which (rollmill.steps.to_come). Where a selector
counts different solutions, a right answer repeats an earlier one of its problem in some share of cases, which the pilot
shows for as many draws as it made; so that is said for a fixed budget of as many alone.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rollmill.ground.solutions import key_of_completion
from rollmill.pipelines.budget.fixed import Fixed
from rollmill.pipelines.budget.forecasts.forecast import ProblemOutcome
from rollmill.pipelines.select.of_steps import OfSteps, behind_steps, is_bounded
from rollmill.roles.protocols import CountingSelector
from rollmill.steps.to_come import LEAST, Counts, ShareLaw, TooLittleSeenError

if TYPE_CHECKING:
    from rollmill.flows.rounds import OpenRun, RunSpec

Solutions = Mapping[str, Mapping[str, tuple[int, int]]]
"""Counts by step and problem: right answers that repeat no earlier one, and all right answers."""
Rule = Callable[[int, int], int]


def selected_steps(spec: "RunSpec") -> list[str]:
    """The steps on whose answers the selector decides, in the recipe's order."""
    of = spec.selector.steps if isinstance(spec.selector, OfSteps) else [step.name for step in spec.steps]
    return [step.name for step in spec.steps if step.name in of and spec.judged(step.name)]


def solutions_of(pilot: "OpenRun") -> Solutions:
    """Solutions in a finished pilot, of the answers that the selector decides on; earlier steps count first."""
    from rollmill.flows.rounds.plan_rows import of_steps, together

    steps = selected_steps(pilot.spec)
    solutions: dict[str, dict[str, tuple[int, int]]] = {step: {} for step in steps}
    rows = of_steps(together(pilot.workspace.runs.plans(pilot.id)), steps)
    for problem_id, rollouts in pilot.reader().rollouts(rows, pilot.verifiers.counted):
        right = [rollout for rollout in rollouts if rollout.verdict.outcome == "correct"]
        keys_before: set[str | None] = {None}  # a text that was cut off is no solution
        for step in steps:
            keys = [key_of_completion(rollout.completion) for rollout in right if rollout.step == step]
            solutions[step][problem_id] = len(set(keys) - keys_before), len(keys)
            keys_before |= set(keys)
    return solutions


def counting_selector(spec: "RunSpec") -> CountingSelector | None:
    """The run's selector, if it declares how many rows it keeps of so many answers."""
    selector = behind_steps(spec.selector)
    return selector if isinstance(selector, CountingSelector) and not is_bounded(spec.selector) else None


def no_rule(spec: "RunSpec") -> str:
    """Reason that kept rows are not forecast for a selector without such a rule."""
    return f"selector {spec.selector.name} declares no rule from right and distinct answers to kept rows"


def kept_forecast_refusal(spec: "RunSpec", draws: int) -> str:
    """Reason that a pilot with `draws` per problem cannot forecast kept rows of follow-up answers; "" if it can."""
    selector, name = counting_selector(spec), spec.selector.name
    if selector is None:
        return no_rule(spec)
    if selector.counts_copies:
        return ""
    if len(spec.roots) > 1:
        return f"selector {name} counts different solutions, and several roots repeat one another's"
    # More draws repeat more: the share of new answers at another number of draws is another one.
    if not isinstance(spec.budget, Fixed) or spec.budget.initial != draws:
        return (
            f"selector {name} counts different solutions, and how often follow-up answers repeat one is "
            f"known only for a fixed budget of the pilot's {draws} draws"
        )
    return ""


@dataclass(frozen=True, slots=True)
class KeptOfSteps:
    """Rows that a selector keeps of each simulated problem, from answers on follow-up `steps` and on `roots`.

    `new`: the share of new answers among the correct ones on each step; None if equal answers count as well.
    """

    rule: Rule
    steps: Sequence[str]
    roots: Sequence[str] = ()
    new: Mapping[str, ShareLaw] | None = None

    @classmethod
    def of(cls, spec: "RunSpec", solutions: Solutions) -> "KeptOfSteps":
        """The rule of a run's selector, with laws from the counts of a pilot."""
        selector, roots = counting_selector(spec), [step.name for step in spec.roots]
        if selector is None:
            raise RuntimeError(f"selector {spec.selector.name!r} declares no stopping rule")
        selected, problems = selected_steps(spec), sorted(problem.id for problem in spec.problems)
        steps = [step for step in selected if step not in roots]
        new = None if selector.counts_copies else {step: _law(solutions[step], problems) for step in steps}
        return cls(selector.kept_of, steps, [root for root in roots if root in selected], new)

    def __call__(
        self, outcomes: Sequence[ProblemOutcome], right: Mapping[str, Counts], rng: np.random.Generator
    ) -> list[int]:
        """Kept rows of each problem, given the right answers of each step. TooLittleSeenError if too few were seen."""
        correct = np.array([self._of_roots(outcome) for outcome in outcomes], np.int64)
        distinct = np.array([outcome.distinct if self.roots else 0 for outcome in outcomes], np.int64)
        # One weight of each problem for all steps (Bayesian bootstrap), as in the simulation of the draws.
        weights, nothing = rng.exponential(size=len(outcomes)), np.zeros(len(outcomes), np.int64)
        for step in self.steps:
            mine = right.get(step, nothing)
            correct = correct + mine
            # A step without a right answer needs no share, and may have been seen too little for one.
            if self.new is not None and mine.any():
                distinct = distinct + rng.binomial(mine, self._share_of(step).draw(rng, weights))
        return [self.rule(*counts) for counts in zip(correct.tolist(), distinct.tolist(), strict=True)]

    def _of_roots(self, outcome: ProblemOutcome) -> int:
        """The right answers of the roots that the selector decides on; a budget on one root does not name it."""
        return sum(outcome.roots.get(root, (outcome.drawn, outcome.correct))[1] for root in self.roots)

    def _share_of(self, step: str) -> ShareLaw:
        law = (self.new or {})[step]
        if law.trials.sum() < LEAST:
            raise TooLittleSeenError(f"right answers of {step}")
        return law


def _law(counts: Mapping[str, tuple[int, int]], problems: Sequence[str]) -> ShareLaw:
    """Law of the share of new answers among a step's right ones."""
    known: defaultdict[str, tuple[int, int]] = defaultdict(lambda: (0, 0), counts)
    # Reshaped, as an empty list has no second axis.
    new, right = np.array([known[key] for key in problems], np.int64).reshape(-1, 2).T
    return ShareLaw.of(new, right)
