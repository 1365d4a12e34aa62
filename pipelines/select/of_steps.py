"""A selector limited to some steps of a recipe: completions of the other steps are dropped as `other_step`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipelines.protocols import Selector
from pipelines.select.decide import decision
from storage.ground.records import Decision, Rollout

OTHER_STEP = "other_step"


@dataclass(frozen=True, slots=True)
class OfSteps:
    """`selector` decides on the rollouts of `steps`; every selector of a recipe takes the option `of`, which makes one."""

    selector: Selector
    steps: tuple[str, ...]

    @property
    def name(self) -> str:
        """Name of the selector."""
        return self.selector.name

    @property
    def version(self) -> str:
        """Version of the selector."""
        return self.selector.version

    def select(self, run: str, rollouts: Sequence[Rollout]) -> Iterator[Decision]:
        """Yield a decision for each rollout of one problem, in input order."""
        chosen = iter(self.selector.select(run, [rollout for rollout in rollouts if rollout.step in self.steps]) or ())
        for rollout in rollouts:
            if rollout.step not in self.steps:
                yield decision(run, rollout, (self.name, self.version), OTHER_STEP)
            elif (chosen_decision := next(chosen, None)) is not None:
                yield chosen_decision


def behind_steps(selector: Selector) -> Selector:
    """The selector that decides, without the choice of steps around it."""
    return selector.selector if isinstance(selector, OfSteps) else selector
