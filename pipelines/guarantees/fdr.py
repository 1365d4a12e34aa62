"""Guarantee `fdr`: the expected share of wrong rows among those kept is at most the level, with the scorer chosen inside.

One scorer: the conformal p-value of a row is (1 + wrong judged rows with at least its score) / (n + 1), and Benjamini and
Hochberg's procedure keeps rows (Jin & Candes 2023, Selection by prediction with conformal p-values).

Several scorers, after Bai & Jin 2024 (Optimized conformal selection): keeping the scorer that keeps most breaks the level,
because the judged rows choose it. Here each open row j chooses for itself, as if it were one more judged row that is wrong.
That choice, and the number R_j of rows that would then be kept, depend on the judged rows and row j as a set alone, so the
p-value of a wrong row under its scorer stays valid given both. Rows with p_j <= level R_j / m pass. With one uniform random
number u, the r of them with u R_j <= r are kept, for the largest possible r (Jin & Candes 2023, Model-free selective
inference, homogeneous pruning): r falls as u grows, so over u the mean of 1[u R_j <= r] / r is at most 1 / R_j, and
E[wrong kept / kept] <= sum of P(p_j <= level R_j / m, j wrong) / R_j <= level. With one scorer u changes nothing. Ties
count against a row. The details are ours: the paper's own procedure was not at hand.
"""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from rollmill.ground.pool import Floats, Ints
from rollmill.pipelines.guarantees.judged_sample import Guaranteed, JudgedSample, wrong_at_least
from rollmill.pipelines.option_checks import checked_level

SLACK = 1e-9  # of a count, for level * counts that are whole numbers


@dataclass(frozen=True, slots=True)
class FalseDiscoveryRate:
    """`level`: expected share of wrong rows among those kept."""

    name = "fdr"
    version = "1"
    scored = True
    level: float = 0.1
    """Largest expected share of wrong rows among those kept."""

    def __post_init__(self) -> None:
        checked_level("guarantee", self.name, "level", self.level)

    def certify(self, sample: JudgedSample) -> Guaranteed:
        """The rows that are kept, each by the scorer that it chose."""
        judged, rows = len(sample.right), len(sample.rows)
        chosen, above, sizes = self._choices(sample)
        passed = np.nonzero((1 + above) * rows <= self.level * (judged + 1) * sizes + SLACK)[0]
        drawn = sample.lot * sizes[passed]
        fitting = np.nonzero(np.sort(drawn) <= np.arange(1, len(drawn) + 1))[0]
        kept = np.zeros(rows, dtype=np.bool_)
        kept[passed[drawn <= (fitting[-1] + 1 if len(fitting) else 0)]] = True
        by = Counter(sample.scorers[scorer] for scorer in chosen[kept].tolist())
        claim = (
            f"On average over judged samples, at most {self.level:.1%} of the rows kept here are wrong "
            "(false discovery rate)."
        )
        return Guaranteed(kept, claim, list(sample.scorers), {"kept_by": dict(sorted(by.items()))})

    def _choices(self, sample: JudgedSample) -> tuple[Ints, Ints, Ints]:
        """For each open row: the scorer that would keep most rows, the number of wrong judged rows at or above the row's
        score, and the number of kept rows.
        """
        rows = len(sample.rows)
        chosen, above, sizes = np.zeros(rows, np.int64), np.zeros(rows, np.int64), np.zeros(rows, np.int64)
        # Equal sizes go to the scorer whose name comes first, so that the order of scorers decides nothing.
        for scorer in sorted(range(len(sample.scorers)), key=lambda place: sample.scorers[place]):
            counts = wrong_at_least(sample.wrong[:, scorer], sample.rows[:, scorer])
            limit = self.level * (len(sample.right) + 1) / max(rows, 1)
            kept = sizes_with_one_more_wrong(counts, sample.rows[:, scorer], len(sample.wrong), limit)
            better = kept > sizes
            chosen[better], above[better], sizes[better] = scorer, counts[better], kept[better]
        return chosen, above, sizes


def sizes_with_one_more_wrong(above: Ints, scores: Floats, wrong: int, limit: float) -> Ints:
    """Number of rows, for each open row, that the procedure keeps if this row counts as wrong and is itself kept.

    `above`: wrong judged rows at or above each row's score. `limit`: level (n + 1) / m: rows with a count of at most
    limit * kept are kept. If row j counts as wrong, rows at or below its score count one more. So the rows within a count
    c are: those within c and j, for c below j's count; those above j's score and j, at j's count; those within c - 1, for
    larger c.
    """
    within = np.cumsum(np.bincount(above, minlength=wrong + 1))
    higher = len(scores) - np.searchsorted(np.sort(scores), scores, side="right")
    counts = np.arange(wrong + 1)
    low = np.maximum.accumulate(np.where(counts <= limit * (within + 1) + SLACK, counts, -1))
    high = np.nonzero(counts + 1 <= limit * within + SLACK)[0]
    sizes = np.ones(len(scores), dtype=np.int64)
    below = np.where(above > 0, low[np.maximum(above - 1, 0)], -1)
    sizes = np.where(below >= 0, within[np.maximum(below, 0)] + 1, sizes)
    sizes = np.where(above <= limit * (higher + 1) + SLACK, higher + 1, sizes)
    if len(high):
        sizes = np.where(high[-1] >= above, within[high[-1]], sizes)
    return sizes
