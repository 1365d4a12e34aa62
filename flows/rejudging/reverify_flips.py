"""The report of `reverify`: outcomes, pass rates, metrics and decisions that differ under the verifiers of today.

Rows are counted as they stream; the numbers are those of rollmill.metrics. Rates are over the prefix that was
fixed before any verdict, problems weigh the same, and differences are paired: the same completions, judged twice
(`rollmill.stats.paired_difference`).
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from rollmill.ground.pool import grouped
from rollmill.ground.records import Rollout, Verdict
from rollmill.metrics import CountsByProblem, PairedDecisions, moves_rows, paired_pass_at, paired_rates

EXAMPLES = 5  # of each kind of flip
TAIL = 240  # characters of a completion's end that an example shows


@dataclass
class VerdictFlips:
    """The report under way. `prefix`: completions per problem that rates are over, None for all.

    Where none was fixed (0) the first completion of each problem is compared: a pair of verdicts on the same completion
    needs no prefix, but the two rates are then not measurements.
    """

    prefix: int | None
    rows: int = 0
    levels: list[int | None] = field(default_factory=list)
    before: CountsByProblem = field(default_factory=CountsByProblem)
    after: CountsByProblem = field(default_factory=CountsByProblem)
    moves: Counter[tuple[str, str]] = field(default_factory=Counter)
    examples: dict[tuple[str, str], list[dict[str, Any]]] = field(default_factory=dict)
    decisions: PairedDecisions = field(default_factory=PairedDecisions)

    def add(self, before: Sequence[Rollout], after: Sequence[Rollout]) -> None:
        """All judged rollouts of one problem under the old and under the new verdicts, in the same order."""
        problem = before[0].problem
        self.levels.append(problem.level)
        paired = math.inf if self.prefix is None else max(1, self.prefix)
        for side in (self.before, self.after):
            side.open(problem.id, problem.template)
        for old, new in zip(before, after, strict=True):
            self.rows += 1
            if self.prefix is None or (old.completion.sample_index < paired and old.place == 0):
                self.before.add(problem.id, problem.template, old.verdict.outcome)
                self.after.add(problem.id, problem.template, new.verdict.outcome)
            if old.verdict.outcome != new.verdict.outcome:
                self._add_flip(old, new)

    def _add_flip(self, old: Rollout, new: Rollout) -> None:
        move = (old.verdict.outcome, new.verdict.outcome)
        self.moves[move] += 1
        examples = self.examples.setdefault(move, [])
        if len(examples) < EXAMPLES:
            examples.append(
                {
                    "completion": old.completion.id,
                    "problem": old.problem.id,
                    "reference": old.problem.reference[:TAIL],
                    "text": old.completion.text[-TAIL:],
                    "before": _verdict_row(old.verdict),
                    "after": _verdict_row(new.verdict),
                }
            )

    def row(self) -> dict[str, Any]:
        """All counts and flips as JSON values."""
        before, after = self.before.counts(), self.after.counts()
        return {
            "rows": self.rows,
            "prefix": self.prefix,
            "flips": {
                "rows": sum(self.moves.values()),
                "moves": moves_rows(self.moves),
                "examples": [example for key in sorted(self.examples) for example in self.examples[key]],
            },
            "rates": {
                "overall": paired_rates(before, after),
                "levels": {
                    str(level): {
                        **paired_rates(before.take(places), after.take(places)),
                        "kept_before": self.decisions.kept_before[level],
                        "kept_after": self.decisions.kept_after[level],
                    }
                    for level, places in grouped(self.levels).items()
                },
            },
            "metrics": paired_pass_at(before, after),
            "decisions": self.decisions.row(),
        }


def _verdict_row(verdict: Verdict) -> dict[str, Any]:
    return {
        "outcome": verdict.outcome,
        "verifier": verdict.verifier,
        "version": verdict.version,
        "rule": verdict.rule,
        "extracted": verdict.extracted,
        "cause": verdict.cause,
    }
