"""Budgets `uniform` and `prop2diff`: difficulty-aware rejection sampling of DART-Math (Tong et al., 2024, section 2.2).

`uniform` draws every problem until it has `target` distinct correct solutions, or `cap` trials. Under `prop2diff` the
target of a problem is proportional to its fail rate, the hardest one gets `target`, and it is rounded UP, so that every
problem keeps at least one. Fail rates are those of the fixed prefix: a rate read from an adaptively drawn pool is biased,
and a target that moves while it is being met has no meaning. The published code has no script for `prop2diff`.

Every round after the prefix draws the number that the smoothed rate of distinct correct answers predicts is still needed,

    ceil(missing / ((distinct_correct + 1/2) / (drawn + 1)))

but never more than the problem has drawn already (a round at most doubles it, so one unlucky prefix cannot spend the cap),
nor past `cap`, nor past the recipe's `total`. A limited total is shared in proportion to the wishes, exactly. Reference
code of DART-Math tests `n_corrects > min_n_corrects`, so it draws one correct answer too many, and calls success
`max_n_corrects`; here a problem stops when it HAS its target, and the reason says so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil

from rollmill.pipelines.budget.rounds import (
    RoundLimits,
    draws_of,
    in_order,
    needed,
    prefix_round,
    remaining_draws,
    stop_reason,
)
from rollmill.roles.tallies import PrefixTally, RoundPlan, Stop, Tally


@dataclass(frozen=True, slots=True)
class DarsUniform:
    """The same target for every problem; stops with `target_met`, `trial_cap` or `budget`."""

    name = "uniform"
    version = "1"
    estimator = "prefix"
    reads_verdicts = True
    initial: int = 8
    """Completions of every problem in round 0: the fixed prefix that rates are read from."""
    target: int = 4
    """Distinct correct solutions after which a problem stops."""
    cap: int = 64
    """Most completions of one problem."""
    total: int | None = None
    """Most completions of all problems together; none: no limit."""

    @property
    def prefix(self) -> int:
        """Round 0 draws `initial` of every problem."""
        return self.initial

    def __post_init__(self) -> None:
        self.limits()

    def limits(self) -> RoundLimits:
        """The options, checked; SetupError on one that makes no sense."""
        return RoundLimits(self.name, self.initial, self.target, self.cap, self.total)

    def plan(self, round_index: int, tallies: Sequence[Tally]) -> RoundPlan:  # noqa: ARG002 - the tallies say it all
        """The draws and stops of one round, in order of problem id."""
        limits, ordered, targets = self.limits(), in_order(tallies), self.targets(tallies)
        prefix = prefix_round(limits, ordered)
        if prefix is not None:
            return prefix
        available = remaining_draws(limits, ordered)
        stops = {t.problem_id: reason for t in ordered if (reason := stop_reason(limits, targets[t.problem_id], t))}
        wishes = {
            t.problem_id: min(
                needed(targets[t.problem_id] - t.distinct_correct, t.distinct_correct, t.drawn),
                t.drawn,
                limits.cap - t.drawn,
            )
            for t in ordered
            if t.problem_id not in stops
        }
        if available == 0:
            stops |= dict.fromkeys(wishes, "budget")
            wishes = {}
        counts = wishes if available is None else allot(wishes, available)
        return RoundPlan(draws_of(ordered, counts), tuple(Stop(key, stops[key]) for key in sorted(stops)))

    def targets(self, tallies: Sequence[Tally]) -> dict[str, int]:
        """Distinct correct solutions wanted per problem."""
        return {tally.problem_id: self.target for tally in tallies}


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


def prefix_fail_rate(tally: Tally, initial: int) -> Fraction:
    """1 - pass rate of the committed prefix, exactly; 1 if nothing of it could be judged (not known to be easy).

    A plain Tally is its own prefix as long as no more than `initial` completions were drawn; later on it cannot answer,
    and guessing from the adaptive pool would be wrong: ValueError.
    """
    if isinstance(tally, PrefixTally):
        judged, correct = tally.prefix_judged, tally.prefix_correct
    elif tally.drawn <= initial:
        judged, correct = tally.judged, tally.correct
    else:
        raise ValueError(f"the tally of {tally.problem_id} holds {tally.drawn} draws and no counts of the first {initial}")
    return Fraction(judged - correct, judged) if judged else Fraction(1)


def allot(wishes: Mapping[str, int], available: int) -> dict[str, int]:
    """At most `available` draws over the wishes, in proportion, by largest remainder; ties go to the smaller id.

    The parts sum to min(available, all wishes) exactly, none exceeds its wish, and the order of the mapping is irrelevant.
    """
    total = sum(wishes.values())
    if total <= available:
        return dict(sorted(wishes.items()))
    # In integers, so that no rounding spends one draw too many.
    shares = {key: divmod(wish * available, total) for key, wish in wishes.items()}
    left = available - sum(whole for whole, _ in shares.values())
    by_remainder = sorted(shares, key=lambda key: (-shares[key][1], key))
    # Each share is below its wish, as available < total, so rounding up exceeds none.
    rounded_up = frozenset(by_remainder[:left])
    return {key: shares[key][0] + (key in rounded_up) for key in sorted(shares)}
