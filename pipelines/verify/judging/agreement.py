"""How well a judge agrees with the truth: plain counts, nothing of models.

A judge's undecided verdicts are a class of their own: they count as disagreement and never drop out of a mean (in the
released metric of CHECK-MAT they do, and there a grader that always says 1 of 2 would score 66.7%). Beside every figure
stands what a judge would have that always says the same.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from storage.records import Outcome


@dataclass(frozen=True, slots=True)
class Agreement:
    """Shares in [0, 1] of `n` cases; kappa in [-1, 1], None where chance alone already agrees always."""

    n: int
    accuracy: float
    failed: float
    kappa: float | None
    constant_accuracy: float
    constant: str
    false_accepts: int
    false_rejects: int


def agreement(judged: Sequence[Outcome], truth: Sequence[bool]) -> Agreement:
    """Agreement of verdicts with what is true, over the same cases in the same order. ValueError on no cases.

    `unparsed` counts as `incorrect`: both say that the answer is not right. Kappa is Cohen's (1960): (p - e) / (1 - e) with
    p the share of agreement and e that of two independent raters with the same margins; a constant judge has kappa 0.
    """
    if len(judged) != len(truth) or not truth:
        raise ValueError(f"{len(judged)} verdicts for {len(truth)} cases")
    said = ["incorrect" if outcome == "unparsed" else outcome for outcome in judged]
    right = ["correct" if one else "incorrect" for one in truth]
    n = len(truth)
    pairs = Counter(zip(said, right, strict=True))
    agreed = (pairs["correct", "correct"] + pairs["incorrect", "incorrect"]) / n
    by_judge, by_truth = Counter(said), Counter(right)
    chance = sum(by_judge[name] * by_truth[name] for name in ("correct", "incorrect")) / n**2
    constant, most = max(by_truth.items(), key=lambda item: (item[1], item[0]))
    return Agreement(
        n=n,
        accuracy=agreed,
        failed=by_judge["undecided"] / n,
        kappa=None if chance == 1 else (agreed - chance) / (1 - chance),
        constant_accuracy=most / n,
        constant=constant,
        false_accepts=pairs["correct", "incorrect"],
        false_rejects=pairs["incorrect", "correct"],
    )
