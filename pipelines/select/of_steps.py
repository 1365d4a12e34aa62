"""A selector limited to some steps of a recipe, or to problems of some difficulty.

Completions of other steps are dropped as `other_step`, those of easier or harder problems as `outside_rates`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rollmill.ground.records import JUDGED, Decision, Rollout
from rollmill.pipelines.select.decide import decision, decisions, failing_reason
from rollmill.roles.protocols import CertifiedSelector, Selector

OTHER_STEP, OUTSIDE_RATES = "other_step", "outside_rates"
RATES: Mapping[str, float] = {"least": 0.0, "most": 1.0, "least_judged": 1}
"""Options of WithinRates with their defaults, which every selector takes that has none of the same name."""


@dataclass(frozen=True, slots=True)
class _OverSelector:
    """A selector that leaves some rollouts out and lets `selector`, whose name and version it has, decide on the rest."""

    selector: Selector

    @property
    def name(self) -> str:
        """Name of the selector."""
        return self.selector.name

    @property
    def version(self) -> str:
        """Version of the selector."""
        return self.selector.version


@dataclass(frozen=True, slots=True)
class OfSteps(_OverSelector):
    """`selector` decides on the rollouts of `steps`; every selector of a recipe takes the option `of`, which makes one."""

    steps: tuple[str, ...]

    def select(self, run: str, rollouts: Sequence[Rollout]) -> Iterator[Decision]:
        """Yield a decision for each rollout of one problem, in input order."""
        chosen = iter(self.selector.select(run, [rollout for rollout in rollouts if rollout.step in self.steps]) or ())
        for rollout in rollouts:
            if rollout.step not in self.steps:
                yield decision(run, rollout, (self.name, self.version), OTHER_STEP)
            elif (chosen_decision := next(chosen, None)) is not None:
                yield chosen_decision


@dataclass(frozen=True, slots=True)
class WithinRates(_OverSelector):
    """`selector` decides on problems whose pass rate is from `least` to `most`, over all judged completions that it sees,
    of which there are at least `least_judged`.
    """

    least: float = 0.0
    most: float = 1.0
    least_judged: int = 1

    def __post_init__(self) -> None:
        numbers = all(isinstance(value, int | float) for value in (self.least, self.most, self.least_judged))
        if not numbers or not 0 <= self.least <= self.most <= 1 or self.least_judged < 1:
            raise ValueError(f"least {self.least} and most {self.most} are pass rates from 0 to 1, least_judged a count")
        if isinstance(self.selector, CertifiedSelector):
            raise ValueError("its certificate is about all problems: it goes without least, most and least_judged")

    def select(self, run: str, rollouts: Sequence[Rollout]) -> Iterator[Decision]:
        """Yield a decision for each rollout of one problem, in input order."""
        judged = [rollout.verdict.outcome for rollout in rollouts if rollout.verdict.outcome in JUDGED]
        rate = judged.count("correct") / max(1, len(judged))
        if len(judged) >= self.least_judged and self.least <= rate <= self.most:
            return iter(self.selector.select(run, rollouts) or ())
        # A wrong answer is dropped as wrong, whatever the difficulty of its problem.
        reasons = {rollout.completion.id: failing_reason(rollout) or OUTSIDE_RATES for rollout in rollouts}
        return decisions(run, rollouts, (self.name, self.version), reasons)


def behind_steps(selector: Selector) -> Selector:
    """The selector that decides, without the choice of steps and problems around it."""
    while isinstance(selector, OfSteps | WithinRates):
        selector = selector.selector
    return selector


def is_bounded(selector: Selector) -> bool:
    """True for a selector that drops problems by their pass rates."""
    return isinstance(selector.selector if isinstance(selector, OfSteps) else selector, WithinRates)
