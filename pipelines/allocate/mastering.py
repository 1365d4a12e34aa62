"""Allocator `mastering`: a curriculum over a graph of tasks, by mastering rates (Willems, Lahlou & Bengio 2020).

The mastering rate of a task is its mean pass rate over the last K pulls, between the lowest and the highest that is
possible; its progress is the slope of a line through them. The formula is in rollmill.pipelines.allocate.task_attention.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rollmill.ground.errors import unknown_name
from rollmill.pipelines.allocate.arms import ROLE, Arm, ArmOptions, Arms, PullCosts, pulls_by_weight
from rollmill.pipelines.allocate.task_attention import AttentionWeights, one_after_another, slope, task_attention
from rollmill.pipelines.option_checks import checked_count, checked_share


@dataclass(frozen=True, slots=True)
class Mastering(ArmOptions):
    """Without a graph the tasks follow one another in the order of their names. It stops when all are mastered."""

    name = "mastering"
    version = "1"
    before: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Tasks that come directly before each task."""
    last: int = 10
    """Number of last pulls that give a mastering rate and a progress (K)."""
    power: int = 6
    """Exponent of the ancestors' lowest mastering rate (p)."""
    unmastered: float = 0.5
    """Weight of tasks that are not mastered yet, against progress (g)."""
    to_before: float = 0.2
    """Share of its attention that a task gives to its predecessors."""
    to_after: float = 0.05
    """Share of its attention that a task gives to its successors."""
    mastered: float = 0.99
    """Mastering rate of all tasks at which nothing more is pulled."""

    def __post_init__(self) -> None:
        ArmOptions.__post_init__(self)
        checked_count(ROLE, self.name, "last", self.last)
        checked_count(ROLE, self.name, "power", self.power)
        for option in ("unmastered", "to_before", "to_after", "mastered"):
            checked_share(ROLE, self.name, option, getattr(self, option))

    def next(self, counts: Arms, costs: PullCosts, seed: int) -> Mapping[str, int]:
        """One batch, drawn by attention; nothing once all tasks are mastered."""
        # A few lucky pulls are no mastery: the rate must be that of `last` pulls.
        if all(self.rate(arm) >= self.mastered and len(arm.pulls) >= self.last for arm in counts.values()):
            return {}
        return pulls_by_weight(self, counts, costs, self.attention(counts), seed)

    def attention(self, counts: Arms) -> dict[str, float]:
        """Attention to each task, of sum 1."""
        rates = {name: self.rate(arm) for name, arm in counts.items()}
        slopes = {name: self.progress(arm) for name, arm in counts.items()}
        weights = AttentionWeights(self.power, self.unmastered, self.to_before, self.to_after)
        given = task_attention(rates, slopes, self._graph(sorted(counts)), weights)
        whole = math.fsum(given.values())
        # All weights may be 0, as when every rate is 1 before a task has its `last` pulls.
        return {name: value / whole if whole else 1 / len(given) for name, value in given.items()}

    def rate(self, arm: Arm) -> float:
        """Mastering rate: the pass rate of the last pulls; 0 without a pull."""
        # The mean is -1 without a judged pull.
        return max(0.0, arm.mean(-self.last))

    def progress(self, arm: Arm) -> float:
        """Slope of the pass rate over the last pulls; 0 with fewer than two that were judged."""
        return slope([pull.right / pull.drawn for pull in arm.pulls[-self.last :] if pull.drawn])

    def answer(self, counts: Arms, costs: PullCosts, seed: int) -> list[str]:  # noqa: ARG002 - attention says it all
        """The tasks by attention."""
        attention = self.attention(counts)
        return sorted(counts, key=lambda name: (-attention[name], name))

    def _graph(self, tasks: Sequence[str]) -> dict[str, list[str]]:
        """Direct predecessors of every task."""
        for name in (*self.before, *(task for earlier in self.before.values() for task in earlier)):
            if name not in tasks:
                raise unknown_name("task", name, tasks)
        if not self.before:
            return one_after_another(tasks)
        return {task: list(self.before.get(task, ())) for task in tasks}
