"""Selectors: all correct completions (`all_correct`), or the first distinct solutions of a problem, k of them or all.

Of the latter, `quota`, `prop2diff` and `vanilla`, a copy is `duplicate_solution` whether or not the quota is full, so
`over_quota` counts solutions that a larger quota would have kept.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rollmill.ground.records import Decision, Rollout
from rollmill.ground.solutions import normal_form, solution_text
from rollmill.pipelines.option_checks import checked_count
from rollmill.pipelines.select.decide import decisions, failing_reason, in_sample_order
from rollmill.pipelines.select.near_duplicates import NearDuplicates


@dataclass(frozen=True, slots=True)
class AllCorrect:
    """Keeps whatever is correct and complete, for pools in which frequency matters."""

    name = "all_correct"
    version = "1"
    reads_plain_rows = True
    counts_copies = True

    def kept_of(self, correct: int, distinct: int) -> int:
        """All of them."""
        del distinct
        return correct

    def select(self, run: str, rollouts: Sequence[Rollout]) -> Iterator[Decision]:
        """Yield a decision for each rollout of one problem, in input order."""
        reasons = {rollout.completion.id: failing_reason(rollout) or "kept" for rollout in rollouts}
        return decisions(run, rollouts, (self.name, self.version), reasons)


@dataclass(frozen=True, slots=True)
class Quota:
    """The first `per_problem` distinct correct solutions in sample order; `near_duplicates`: a Jaccard threshold."""

    name = "quota"
    version = "1"
    reads_plain_rows = True
    counts_copies = False
    per_problem: int = 4
    """Most solutions to keep for each problem."""
    near_duplicates: float | None = None
    """Jaccard similarity from which a solution counts as a copy; none: only equal solutions do."""

    def __post_init__(self) -> None:
        checked_count("selector", self.name, "per_problem", self.per_problem)
        _near_index(self.near_duplicates)

    def kept_of(self, correct: int, distinct: int) -> int:
        """The distinct ones up to the quota; near duplicates are not foreseen."""
        del correct
        return min(distinct, self.per_problem)

    def select(self, run: str, rollouts: Sequence[Rollout]) -> Iterator[Decision]:
        """Yield a decision for each rollout of one problem, in input order."""
        reasons = _first_distinct(rollouts, self.per_problem, _near_index(self.near_duplicates))
        return decisions(run, rollouts, (self.name, self.version), reasons)


@dataclass(frozen=True, slots=True)
class QuotaByDifficulty:
    """The quota of budget `prop2diff`: max(1, ceil(per_problem * fail rate of the first `initial` completions)).

    A problem that always failed in the prefix gets all of `per_problem`. (The budget scales by the hardest problem of the
    run, which a selector cannot see; the two agree as soon as one problem fails in all of its prefix.)
    """

    name = "prop2diff"
    version = "1"
    reads_plain_rows = True
    per_problem: int = 4
    """Solutions to keep of a problem that always failed; easier problems keep fewer."""
    initial: int = 8
    """Completions that the fail rate is read from."""
    near_duplicates: float | None = None
    """Jaccard similarity from which a solution counts as a copy; none: only equal solutions do."""

    def __post_init__(self) -> None:
        checked_count("selector", self.name, "per_problem", self.per_problem)
        checked_count("selector", self.name, "initial", self.initial)
        _near_index(self.near_duplicates)

    def select(self, run: str, rollouts: Sequence[Rollout]) -> Iterator[Decision]:
        """Yield a decision for each rollout of one problem, in input order."""
        reasons = _first_distinct(rollouts, self.quota(rollouts), _near_index(self.near_duplicates))
        return decisions(run, rollouts, (self.name, self.version), reasons)

    def quota(self, rollouts: Sequence[Rollout]) -> int:
        """Number of rollouts to keep of this problem; all if nothing of the prefix could be judged."""
        first = [r for r in rollouts if r.place == 0]  # difficulty is read from the first step: steps are never pooled
        prefix = [r.verdict.outcome for r in first if r.completion.sample_index < self.initial]
        judged = len(prefix) - prefix.count("undecided")
        fails = judged - prefix.count("correct")
        # Rounded up in whole numbers: 7 * (1 - 6/7) is a little more than 1 as a float.
        return max(1, -(-self.per_problem * fails // judged)) if judged else self.per_problem


@dataclass(frozen=True, slots=True)
class Vanilla:
    """Every distinct correct solution: vanilla rejection sampling (VRT), the baseline of DART-Math."""

    name = "vanilla"
    version = "1"
    reads_plain_rows = True
    counts_copies = False
    near_duplicates: float | None = None
    """Jaccard similarity from which a solution counts as a copy; none: only equal solutions do."""

    def __post_init__(self) -> None:
        _near_index(self.near_duplicates)

    def kept_of(self, correct: int, distinct: int) -> int:
        """The distinct ones; near duplicates are not foreseen."""
        del correct
        return distinct

    def select(self, run: str, rollouts: Sequence[Rollout]) -> Iterator[Decision]:
        """Yield a decision for each rollout of one problem, in input order."""
        reasons = _first_distinct(rollouts, len(rollouts), _near_index(self.near_duplicates))
        return decisions(run, rollouts, (self.name, self.version), reasons)


def _near_index(threshold: float | None) -> NearDuplicates | None:
    return None if threshold is None else NearDuplicates(threshold)


def _first_distinct(rollouts: Sequence[Rollout], quota: int, near: NearDuplicates | None) -> dict[str, str]:
    reasons: dict[str, str] = {}
    seen: set[str] = set()
    kept = 0
    for rollout in in_sample_order(rollouts):
        text = solution_text(rollout.completion)
        reason = failing_reason(rollout) or _copy_reason(text, seen, near)
        if reason is None:
            reason = "kept" if kept < quota else "over_quota"
            kept += reason == "kept"
        reasons[rollout.completion.id] = reason
    return reasons


def _copy_reason(text: str, seen: set[str], near: NearDuplicates | None) -> str | None:
    """Reason to drop a correct solution as a repetition; None for a new one, which is then remembered."""
    form = normal_form(text)
    if form in seen:
        return "duplicate_solution"
    seen.add(form)
    if near is not None:
        if near.find(text) is not None:
            return "near_duplicate"
        near.add(text)
    return None
