"""Scores of other evaluation tools: the numbers that a log prints, recomputed from its rows.

For the adoption of their logs. A tool gives every answer a score, reduces the scores of one problem to one value (a
`Reduction`) and averages the values of all problems. `counterpart` names the metric of ours that estimates the same.
"""

import math
import re
import statistics
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from rollmill.metrics.sample import Options

Values = Sequence[float]
EACH = "each"
"""No reduction: every answer counts for itself, whatever its problem."""
VOTE = "vote"
"""The score of the most frequent answer. The pair of text and score is the answer: a tool that scores equal texts
differently has several answers of one text, and the mean over the most frequent ones counts.
"""
_WITH_K = ("at_least", "pass_at", "pass_k")


@dataclass(frozen=True, slots=True)
class Reduction:
    """Reduction of the scores of one problem to one value.

    `least`: the score from which an answer counts as right; `first`: only so many of the problem's answers, 0 for all.
    """

    name: str
    k: int = 1
    least: float = 1.0
    first: int = 0

    @classmethod
    def of(cls, text: str) -> "Reduction | None":
        """Reduction by its name in tools' logs (`mean`, `pass_at_2`); None for an unknown name."""
        match = re.fullmatch(rf"({'|'.join(_WITH_K)})_(\d+)", text)
        if match is not None:
            return cls(match[1], int(match[2]))
        return cls(text) if text in _PLAIN else None

    def __call__(self, scores: Values, answers: Sequence[str | None] = ()) -> float:
        """The value of one problem. NaN scores are left out, as unscored; NaN if nothing is left or k is too large.

        `answers`: what each answer votes for, where the reduction is a vote; None abstains.
        """
        taken = scores[: self.first or None]
        if self.name == VOTE:
            return _elected(taken, answers)
        scored = [score for score in taken if not math.isnan(score)]
        if not scored or (self.name in ("pass_at", "pass_k") and len(scored) < self.k):
            return math.nan
        if self.name in _PLAIN:
            return _PLAIN[self.name](scored)
        n, right = len(scored), sum(score >= self.least for score in scored)
        if self.name == "at_least":
            return float(right >= self.k)
        if self.name == "pass_at":  # 1 - C(n-c, k)/C(n, k), in whole numbers (Chen et al. 2021, equation 1)
            return 1 - math.comb(n - right, self.k) / math.comb(n, self.k)
        return math.comb(right, self.k) / math.comb(n, self.k)  # pass^k (Yao et al. 2024)


FIRST = Reduction("mean", first=1)
"""Only the first answer of each problem."""
_PLAIN: Mapping[str, Callable[[Values], float]] = {
    "mean": statistics.fmean,
    "median": statistics.median,
    "mode": lambda scores: Counter(scores).most_common(1)[0][0],  # of equally frequent ones the first
    "max": max,
}


def _elected(scores: Values, answers: Sequence[str | None]) -> float:
    """The mean score of the most frequent pairs of answer and score; 0 if every answer abstains."""
    votes = Counter((answer, score) for answer, score in zip(answers, scores, strict=False) if answer is not None)
    most = max(votes.values(), default=0)
    return statistics.fmean([score for (_, score), count in votes.items() if count == most] or [0.0])


def _stderr(values: Values) -> float:
    """The standard error of a mean with n - 1 degrees of freedom, problems as independent; 0 for a single one."""
    return statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else 0.0


AVERAGES: Mapping[str, Callable[[Values], float]] = {
    "mean": lambda values: math.fsum(values) / len(values),
    "median": lambda values: sorted(values)[len(values) // 2],  # the upper of the two in the middle
    "std": lambda values: statistics.stdev(values) if len(values) > 1 else 0.0,
    "var": lambda values: statistics.variance(values) if len(values) > 1 else 0.0,
    "stderr": _stderr,
}
"""From the values of the problems to the printed number."""


def logged_number(
    by_problem: Sequence[Values], reduction: Reduction, average: str, answers: Sequence[Sequence[str | None]] = ()
) -> float | None:
    """The number of a log from its scores of each answer, problem by problem; None if no problem has a value."""
    if reduction.name == EACH:
        each = [score for scores in by_problem for score in scores]
    else:
        each = [reduction(scores, answers[at] if answers else ()) for at, scores in enumerate(by_problem)]
    values = [value for value in each if not math.isnan(value)]
    return AVERAGES[average](values) if values else None


def spread_of_runs(by_problem: Sequence[Values], runs: int) -> float:
    """The standard deviation, with runs - 1 degrees of freedom, of the mean score of the i-th answers, i up to `runs`."""
    return statistics.stdev([statistics.fmean([scores[at] for scores in by_problem]) for at in range(runs)])


def counterpart(reduction: Reduction, samples: int) -> tuple[str, Options, int] | None:
    """The metric of ours that estimates the same over `samples` answers of each problem: its name, its options, and how
    many answers of each problem it is over. None if there is none.
    """
    first = reduction.first or samples
    k = {EACH: 1, "mean": 1, "max": first}.get(reduction.name, reduction.k)
    if reduction.name in (EACH, "mean", "max", "pass_at"):
        return "pass@k", Options(ks=(k,)), first
    if reduction.name == VOTE:
        return "maj@k", Options(ks=(first,)), first
    return ("pass^k", Options(ks=(k,)), first) if reduction.name == "pass_k" else None
