"""Rates of contradicted references of made problems, by origin: computed again, and solved again.

Neither is the truth. A program that computes an answer another way contradicts a slip of the first; completions that agree
on another answer contradict a reference as far as their model is right, and a reference that the same model elected hardly
ever. So both are reported, each with its number of problems and an interval over templates.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from rollmill.stats import Estimate, population_mean

COMPUTED_AGAIN = "references that a second computation contradicts, over the population of problems"
SOLVED_AGAIN = "references that agreeing completions contradict, over the population of problems"


@dataclass(frozen=True, slots=True)
class CheckedReference:
    """A made problem: `computed` and `solved` say whether that way contradicts its reference, None if it cannot decide.

    `by`: which synthesizer made it; `agreement`: the share that elected its reference, None if nothing was elected.
    """

    origin: str
    by: str
    cluster: str | None
    computed: bool | None
    solved: bool | None
    agreement: float | None = None


@dataclass(frozen=True, slots=True)
class OriginErrors:
    """The problems of one origin and synthesizer. The estimates are None if no problem can be checked."""

    origin: str
    by: str
    problems: int
    computed: Estimate | None
    solved: Estimate | None
    agreement: float | None


def origin_errors(rows: Sequence[CheckedReference]) -> list[OriginErrors]:
    """Error rates by origin and synthesizer, in order of their names."""
    groups: dict[tuple[str, str], list[CheckedReference]] = defaultdict(list)
    for row in rows:
        groups[row.origin, row.by].append(row)
    return [_errors(origin, by, members) for (origin, by), members in sorted(groups.items())]


def _errors(origin: str, by: str, rows: Sequence[CheckedReference]) -> OriginErrors:
    agreements = [row.agreement for row in rows if row.agreement is not None]
    mean = sum(agreements) / len(agreements) if agreements else None
    computed = _share([(row.computed, row.cluster) for row in rows], COMPUTED_AGAIN)
    solved = _share([(row.solved, row.cluster) for row in rows], SOLVED_AGAIN)
    return OriginErrors(origin, by, len(rows), computed, solved, mean)


def _share(told: Sequence[tuple[bool | None, str | None]], estimand: str) -> Estimate | None:
    known = [(float(wrong), cluster) for wrong, cluster in told if wrong is not None]
    return population_mean([wrong for wrong, _ in known], [cluster for _, cluster in known], estimand=estimand)
