"""Selector `elected`: of each problem the completions with the highest score, where they are correct.

The score alone elects; a dataset keeps only correct rollouts. So `not_elected` counts
correct completions that another was preferred to, and a wrong one that was elected is dropped as `incorrect`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Decision, Rollout
from rollmill.pipelines.option_checks import checked_count
from rollmill.pipelines.select.decide import decisions, failing_reason, in_sample_order


@dataclass(frozen=True, slots=True)
class Elected:
    """Elects `per_problem` completions of each problem `by` a scorer of the recipe; ties go to the earlier one.

    A completion without that score, or with a score below its `least`, is not elected.
    """

    by: str = "votes"
    """Name of the score to rank by."""
    per_problem: int = 1
    """Completions to elect for each problem."""
    least: Mapping[str, float] = field(default_factory=dict)
    """Least value of some scores, by name; a completion below one, or without it, is not elected."""
    name = "elected"
    version = "1"
    reads_plain_rows = True

    def __post_init__(self) -> None:
        checked_count("selector", self.name, "per_problem", self.per_problem)
        for name, value in self.least.items():
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise SetupError(f"selector 'elected': least of {name} is {value!r}.", choices=("a number",))

    @property
    def scores(self) -> Sequence[str]:
        """Names of the score that decides the election and of those with a least value."""
        return tuple(dict.fromkeys((self.by, *self.least)))

    def select(self, run: str, rollouts: Sequence[Rollout]) -> Iterator[Decision]:
        """Yield a decision for each rollout of one problem, in input order."""
        able = [rollout for rollout in rollouts if self._able(rollout)]
        known = {rollout.completion.id: score for rollout in able if (score := self._score(rollout)) is not None}
        candidates = [rollout.completion.id for rollout in in_sample_order(rollouts) if rollout.completion.id in known]
        # The sort is stable, so ties stay in sample order.
        elected = sorted(candidates, key=lambda cid: -known[cid])[: self.per_problem]
        reasons = {}
        for rollout in rollouts:
            choice = "kept" if rollout.completion.id in elected else "not_elected"
            reasons[rollout.completion.id] = failing_reason(rollout) or choice
        return decisions(run, rollouts, (self.name, self.version), reasons)

    def _able(self, rollout: Rollout) -> bool:
        values = {score.scorer: score.value for score in rollout.scores}
        return all(name in values and values[name] >= least for name, least in self.least.items())

    def _score(self, rollout: Rollout) -> float | None:
        return next((score.value for score in rollout.scores if score.scorer == self.by), None)
