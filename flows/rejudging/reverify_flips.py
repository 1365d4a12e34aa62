"""What is different under the verifiers of today: rows, pass rates, metrics, decisions. Counts as rows go by.

Rates are over the prefix that was fixed before any verdict, problems weigh the same, and differences are paired: the same
completions, judged twice (`pipelines.stats.paired_difference`).
"""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipelines.stats import Estimate, paired_difference, pass_at_k
from storage.records import Decision, Rollout, Verdict

EXAMPLES = 5  # of each kind of flip
TAIL = 240  # characters of a completion's end that an example shows


@dataclass(slots=True)
class Side:
    """The prefix of one problem under one set of verdicts."""

    correct: int = 0
    judged: int = 0
    undecided: int = 0

    def count(self, verdict: Verdict) -> None:
        """Add one completion."""
        self.correct += verdict.outcome == "correct"
        self.judged += verdict.outcome != "undecided"
        self.undecided += verdict.outcome == "undecided"


@dataclass(slots=True)
class Compared:
    """One problem before and after."""

    level: int | None
    template: str | None
    before: Side = field(default_factory=Side)
    after: Side = field(default_factory=Side)


@dataclass
class Flips:
    """The report under way. `prefix`: completions per problem that rates are over, None for all.

    Where none was fixed (0) the first completion of each problem is compared: a pair of verdicts on the same completion
    needs no prefix, the two rates themselves are no measurement.
    """

    prefix: int | None
    rows: int = 0
    problems: list[Compared] = field(default_factory=list)
    moves: Counter[tuple[str, str]] = field(default_factory=Counter)
    examples: dict[tuple[str, str], list[dict[str, Any]]] = field(default_factory=dict)
    decisions: Counter[tuple[str, str]] = field(default_factory=Counter)
    kept: tuple[Counter[int | None], Counter[int | None]] = field(default_factory=lambda: (Counter(), Counter()))

    def add(self, before: Sequence[Rollout], after: Sequence[Rollout]) -> None:
        """All judged rollouts of one problem under the old and under the new verdicts, in the same order."""
        problem = before[0].problem
        compared = Compared(problem.level, problem.template)
        paired = math.inf if self.prefix is None else max(1, self.prefix)
        for old, new in zip(before, after, strict=True):
            self.rows += 1
            if self.prefix is None or (old.completion.sample_index < paired and old.place == 0):
                compared.before.count(old.verdict)
                compared.after.count(new.verdict)
            if old.verdict.outcome != new.verdict.outcome:
                self._flipped(old, new)
        self.problems.append(compared)

    def decide(self, level: int | None, before: Sequence[Decision], after: Sequence[Decision]) -> None:
        """The decisions on the rollouts of one problem, in the same order."""
        for old, new in zip(before, after, strict=True):
            self.kept[0][level] += old.kept
            self.kept[1][level] += new.kept
            if old.reason != new.reason:
                self.decisions[old.reason, new.reason] += 1

    def row(self) -> dict[str, Any]:
        """Everything as JSON values."""
        levels = sorted({p.level for p in self.problems}, key=lambda level: (level is None, level))
        return {
            "rows": self.rows,
            "prefix": self.prefix,
            "flips": {
                "rows": sum(self.moves.values()),
                "moves": _moves(self.moves),
                "examples": [example for key in sorted(self.examples) for example in self.examples[key]],
            },
            "rates": {
                "overall": _rate(self.problems),
                "levels": {
                    str(level): {
                        **_rate([p for p in self.problems if p.level == level]),
                        "kept_before": self.kept[0][level],
                        "kept_after": self.kept[1][level],
                    }
                    for level in levels
                },
            },
            "metrics": dict(_pass_at(self.problems)),
            "decisions": {
                "kept_before": sum(self.kept[0].values()),
                "kept_after": sum(self.kept[1].values()),
                "moves": _moves(self.decisions),
            },
        }

    def _flipped(self, old: Rollout, new: Rollout) -> None:
        move = (old.verdict.outcome, new.verdict.outcome)
        self.moves[move] += 1
        shown = self.examples.setdefault(move, [])
        if len(shown) < EXAMPLES:
            shown.append(
                {
                    "completion": old.completion.id,
                    "problem": old.problem.id,
                    "reference": old.problem.reference[:TAIL],
                    "text": old.completion.text[-TAIL:],
                    "before": _said(old.verdict),
                    "after": _said(new.verdict),
                }
            )


def _said(verdict: Verdict) -> dict[str, Any]:
    names = ("outcome", "verifier", "version", "rule", "extracted", "cause")
    return {name: getattr(verdict, name) for name in names}


def _moves(moves: Counter[tuple[str, str]]) -> list[dict[str, Any]]:
    ordered = sorted(moves.items(), key=lambda item: (-item[1], item[0]))
    return [{"before": before, "after": after, "rows": rows} for (before, after), rows in ordered]


def _rate(problems: Sequence[Compared]) -> dict[str, Any]:
    """Mean pass rates over the problems that are judged on both sides, and their paired difference."""
    both = [p for p in problems if p.before.judged and p.after.judged]
    early, late = [_share(p.before) for p in both], [_share(p.after) for p in both]
    return {
        "problems": len(problems),
        "compared": len(both),
        "undecided_before": sum(p.before.undecided for p in problems),
        "undecided_after": sum(p.after.undecided for p in problems),
        **_paired(early, late, [p.template for p in both]),
    }


def _share(side: Side) -> float:
    return side.correct / side.judged


def _paired(before: Sequence[float], after: Sequence[float], clusters: Sequence[str | None]) -> dict[str, Any]:
    found: Estimate | None = paired_difference(before, after, clusters)
    if found is None:
        return {"before": None, "after": None, "difference": None, "low": None, "high": None, "interval": "nothing judged"}
    mean = {"before": math.fsum(before) / len(before), "after": math.fsum(after) / len(after)}
    values = {**mean, "difference": found.value, "low": found.low, "high": found.high}
    return {**{name: float(f"{value:.12g}") for name, value in values.items()}, "interval": found.method}


def _pass_at(problems: Sequence[Compared]) -> Iterator[tuple[str, dict[str, Any]]]:
    """pass@k for powers of two up to what every problem has on both sides; fewer than k completions have none."""
    both = [p for p in problems if p.before.judged and p.after.judged]
    smallest = min((min(p.before.judged, p.after.judged) for p in both), default=0)
    k = 1
    while k <= smallest:
        pairs = [[pass_at_k(side.judged, side.correct, k) or 0.0 for side in (p.before, p.after)] for p in both]
        yield f"pass@{k}", _paired([early for early, _ in pairs], [late for _, late in pairs], [p.template for p in both])
        k *= 2
