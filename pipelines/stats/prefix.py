"""The fixed prefix: the first n0 completions of a problem, chosen before any verdict. Knows outcomes, not verifiers.

Pools drawn adaptively are data, not measurements; every metric is computed from prefixes.
"""

from collections.abc import Iterable
from dataclasses import dataclass

_KNOWN = frozenset({"correct", "incorrect", "unparsed", "undecided"})


@dataclass(frozen=True, slots=True)
class PrefixCounts:
    """What the first n0 completions of one problem gave; judged = correct + incorrect + unparsed."""

    correct: int
    judged: int
    undecided: int
    missing: int

    @property
    def pass_rate(self) -> float | None:
        """correct / judged; None when nothing was judged."""
        return self.correct / self.judged if self.judged else None


def prefix_counts(outcomes: Iterable[tuple[int, str]], n0: int) -> PrefixCounts:
    """Counts over sample indices 0 .. n0-1 of (sample index, outcome) pairs in any order; later indices are ignored."""
    if n0 < 1:
        raise ValueError(f"a prefix holds at least one completion, got n0 = {n0}")
    first: dict[int, str] = {}
    for index, outcome in outcomes:
        if outcome not in _KNOWN:
            raise ValueError(f"unknown outcome {outcome!r}")
        if 0 <= index < n0 and first.setdefault(index, outcome) != outcome:
            raise ValueError(f"sample index {index} has two outcomes")
    values = list(first.values())
    undecided = values.count("undecided")
    return PrefixCounts(values.count("correct"), len(values) - undecided, undecided, n0 - len(values))
