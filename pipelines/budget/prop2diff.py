"""Budget `prop2diff`: DARS-Prop2Diff of DART-Math (Tong et al., 2024, section 2.2). Knows the prefix, no text.

The target of a problem is proportional to its fail rate, the hardest one gets `target`, and it is rounded UP, so that every
problem keeps at least one. Fail rates are those of the fixed prefix: a rate read from an adaptively drawn pool is biased,
and a target that moves while it is being met has no meaning. The published code has no script for this budget.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil

from pipelines.budget.tallies import prefix_fail_rate
from pipelines.budget.uniform import DarsUniform
from pipelines.protocols import Tally


@dataclass(frozen=True, slots=True)
class DarsProp2Diff(DarsUniform):
    """More solutions for harder problems; the rounds, the cap and the stop reasons are those of `uniform`."""

    name = "prop2diff"

    def targets(self, tallies: Sequence[Tally]) -> dict[str, int]:
        """Distinct correct solutions wanted per problem, 1 .. target; no rate is read before every prefix is drawn."""
        if any(tally.drawn < self.initial for tally in tallies):
            return {tally.problem_id: self.target for tally in tallies}
        return targets_from_fail_rates({t.problem_id: prefix_fail_rate(t, self.initial) for t in tallies}, self.target)


def targets_from_fail_rates(fail_rates: Mapping[str, Fraction], target: int) -> dict[str, int]:
    """max(1, ceil(target * d / max d)), in exact fractions: in floats 4 * (1 - .7) / (1 - .4) rounds up to 3.

    Where nothing ever failed, all problems are equally the hardest and each gets `target`.
    """
    hardest = max(fail_rates.values(), default=Fraction(0))
    if hardest == 0:
        return dict.fromkeys(fail_rates, target)
    return {key: max(1, ceil(target * rate / hardest)) for key, rate in fail_rates.items()}
