"""The round policy `mastering_rate`: attention to tasks that can be learned now and are not mastered."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pipelines.train.between.difficulty import group_rates, shares_of
from pipelines.train.between.roles import NoChange, RoundKeys, SeenRound
from storage.ground.errors import SetupError


class MasteringRate(NoChange):
    """Mastering-rate curriculum (Willems et al. 2020) over the values of `by`, the tasks, which follow one another in
    ascending order, or as `after` says.

    A task's performance is its pass rate, the mean of the last `window` rounds; its mastering rate is (performance - least)
    / (most - least), with the least and the most updated by what was seen. Attention to a task before redistribution is
    (least rate of its ancestors)^`power` * ((1 - `gamma`) |LP| / max |LP| + `gamma` (1 - rate)) * (1 - least rate of its
    successors), where LP is the slope of its performance over the last `window` rounds. Then each task gives `to_before` of
    its attention to its predecessors and `to_after` to its successors.
    """

    name, version = "mastering_rate", "1"

    def __init__(  # noqa: PLR0913 (a recipe's options, all by name)
        self,
        *,
        by: str = "level",
        after: Mapping[str, Any] | None = None,
        window: int = 10,
        power: float = 6.0,
        gamma: float = 0.5,
        to_before: float = 0.2,
        to_after: float = 0.05,
        most: float = 0.5,
        key: str = "problems.options.shares",
    ) -> None:
        """Take the options of a recipe.

        Args:
            by: Column of the problems whose values are the tasks.
            after: Tasks that come before each task; none: each comes after the one before it.
            window: Rounds of a performance and of its slope.
            power: Exponent of the ancestors' mastering rate.
            gamma: Weight of what is not mastered; the rest is of learning progress.
            to_before: Share of attention that goes to predecessors.
            to_after: Share of attention that goes to successors.
            most: Performance that is first taken for the highest.
            key: Key of the dataset recipe that takes the shares.
        """
        if window < 1 or not 0 <= gamma <= 1 or not 0 < most <= 1 or not 0 <= to_before + to_after <= 1:
            raise SetupError("mastering_rate: window is 1 or more; gamma, most and to_before + to_after are shares.")
        self.by, self.after, self.window, self.power, self.gamma = by, after, window, power, gamma
        self.to_before, self.to_after, self.most, self.key = to_before, to_after, most, key

    def keys(self, seen: Sequence[SeenRound]) -> RoundKeys:
        """The attention as shares; nothing before the first round."""
        attention = self.attention([group_rates(earlier, self.by) for earlier in seen])
        return RoundKeys({self.key: shares_of(attention, list(attention))}) if attention else RoundKeys()

    def figures(self, seen: SeenRound) -> Mapping[str, float]:
        """The performance of each task."""
        return {f"{self.by} {task}": rate for task, rate in group_rates(seen, self.by).items()}

    def attention(self, rates: Sequence[Mapping[str, float]]) -> dict[str, float]:
        """The attention to each task after rounds with these pass rates of tasks."""
        tasks = sorted({task for by_task in rates for task in by_task}, key=lambda task: (len(task), task))
        before = self._before(tasks)
        behind = {task: [other for other in tasks if task in before[other]] for task in tasks}
        seen = {task: [by_task[task] for by_task in rates if task in by_task] for task in tasks}
        mastered = {task: self.mastering(seen[task]) for task in tasks}
        progress = {task: abs(slope(seen[task][-self.window :])) for task in tasks}
        fastest = max(progress.values(), default=0.0) or 1.0
        pre = {}
        for task in tasks:
            known = min((mastered[other] for other in ancestors(task, before)), default=1.0) ** self.power
            open_ = (1 - self.gamma) * progress[task] / fastest + self.gamma * (1 - mastered[task])
            pre[task] = known * open_ * (1 - min((mastered[other] for other in behind[task]), default=0.0))
        given = dict.fromkeys(tasks, 0.0)
        for task in tasks:
            for others, share in ((before[task], self.to_before), (behind[task], self.to_after)):
                for other in others or [task]:
                    given[other] += share * pre[task] / (len(others) or 1)
            given[task] += (1 - self.to_before - self.to_after) * pre[task]
        return given

    def mastering(self, performances: Sequence[float]) -> float:
        """The mastering rate after these performances, 0 to 1."""
        means = [float(np.mean(performances[max(0, end - self.window) : end])) for end in range(1, len(performances) + 1)]
        least, most = min([0.0, *means]), max([self.most, *means])
        return (means[-1] - least) / (most - least)

    def _before(self, tasks: Sequence[str]) -> dict[str, list[str]]:
        """The direct predecessors of each task."""
        if self.after is None:
            return {task: list(tasks[place - 1 : place]) if place else [] for place, task in enumerate(tasks)}
        named = {str(task): [str(other) for other in others] for task, others in self.after.items()}
        return {task: [other for other in named.get(task, []) if other in tasks] for task in tasks}


def ancestors(task: str, before: Mapping[str, Sequence[str]]) -> set[str]:
    """All tasks that come before a task; SetupError if it comes before itself."""
    earlier: set[str] = set()
    left = list(before[task])
    while left:
        other = left.pop()
        if other == task:
            raise SetupError(
                f"mastering_rate: the task {task!r} comes before itself.", next_command="after: {task: [task]}"
            )
        if other not in earlier:
            earlier.add(other)
            left += before[other]
    return earlier


def slope(values: Sequence[float]) -> float:
    """The slope of a straight line through values at 0, 1, 2, ...; 0 for one value."""
    return float(np.polyfit(range(len(values)), values, 1)[0]) if len(values) > 1 else 0.0
