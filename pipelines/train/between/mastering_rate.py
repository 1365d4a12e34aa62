"""The round policy `mastering_rate`: attention to tasks that can be learned now and are not mastered."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rollmill.ground.errors import SetupError
from rollmill.pipelines.allocate.task_attention import AttentionWeights, one_after_another, slope, task_attention
from rollmill.pipelines.train.between.difficulty import group_rates, shares_of
from rollmill.pipelines.train.between.roles import NoChange, RoundKeys, SeenRound


class MasteringRate(NoChange):
    """Mastering-rate curriculum (Willems et al. 2020) over the values of `by`, the tasks, which follow one another in
    ascending order, or as `after` says.

    A task's performance is its pass rate, the mean of the last `window` rounds; its mastering rate is (performance - least)
    / (most - least), with the least and the most updated by what was seen. Its progress is the slope of its performance
    over the last `window` rounds. The formula of attention is in rollmill.pipelines.allocate.task_attention.
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
            window: Number of last rounds that give the performance and its slope.
            power: Exponent of the ancestors' mastering rate.
            gamma: Weight of unmastered performance; learning progress has the rest.
            to_before: Share of attention that goes to predecessors.
            to_after: Share of attention that goes to successors.
            most: Highest performance that is assumed at the start.
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
        # Tasks are texts: by length first, so that level 10 comes after level 9.
        tasks = sorted({task for by_task in rates for task in by_task}, key=lambda task: (len(task), task))
        before = self._before(tasks)
        seen = {task: [by_task[task] for by_task in rates if task in by_task] for task in tasks}
        mastered = {task: self.mastering(seen[task]) for task in tasks}
        slopes = {task: slope(seen[task][-self.window :]) for task in tasks}
        return task_attention(
            mastered, slopes, before, AttentionWeights(self.power, self.gamma, self.to_before, self.to_after)
        )

    def mastering(self, performances: Sequence[float]) -> float:
        """The mastering rate after these performances, 0 to 1."""
        means = [float(np.mean(performances[max(0, end - self.window) : end])) for end in range(1, len(performances) + 1)]
        # `most` starts above 0, so a task that was never solved has the rate 0 and not 0 / 0.
        least, most = min([0.0, *means]), max([self.most, *means])
        return (means[-1] - least) / (most - least)

    def _before(self, tasks: Sequence[str]) -> dict[str, list[str]]:
        """The direct predecessors of each task."""
        if self.after is None:
            return one_after_another(tasks)
        named = {str(task): [str(other) for other in others] for task, others in self.after.items()}
        # A predecessor that no round has judged yet has no mastering rate.
        return {task: [other for other in named.get(task, []) if other in tasks] for task in tasks}
