"""Pass rates with their intervals, over all problems or by group: the one place where such a number is computed.

A rate is the mean over problems of correct / judged of the measured rollouts, so each problem weighs the same. Its interval
is for the population of the problems, with templates as clusters (`rollmill.stats.population_mean`). Undecided
rollouts count in no rate; the bounds say what the rate would be if all of them were wrong, or right.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from rollmill.ground.ids import digits
from rollmill.ground.pool import Group
from rollmill.metrics.counts import Counts
from rollmill.stats import Estimate, largest_k, paired_difference, pass_at_k, population_mean, undecided_bounds

OF_TEMPLATES = "mean pass rate of problems from these templates"
OF_POPULATION = "mean pass rate of the population that these problems were drawn from"  # imported ones have no templates
NOTHING = "nothing judged"
BY_RESULTS = "depended on earlier results: verdicts, or the scores of a search"
BY_WEIGHT = "count by their weights (decoder constrained)"
NO_RATES = (
    f"No rates: the step that every problem is asked is not judged, its completions {BY_WEIGHT}, or the choice of draws "
    f"{BY_RESULTS}."
)


def prefix_words(prefix: int | None) -> str:
    """The completions of each problem that rates are over, in words; "" if no rate may be over any."""
    return "all completions" if prefix is None else f"the first {prefix} completions" if prefix else ""


def rate_words(prefix: int | None, step: str = "") -> str:
    """The sentence shown with rates: their completions, or the reason why there is no rate.

    An import cannot know how many completions were drawn elsewhere, and whether that depended on verdicts.
    """
    chosen = "as many as were imported" if prefix is None else "fixed before any verdict"
    on_step = f" on step {step}" if step else ""
    return NO_RATES if prefix == 0 else f"Rates: {prefix_words(prefix)}{on_step} of each problem, {chosen}."


@dataclass(frozen=True, slots=True)
class GroupRate:
    """The pass rate of one group of problems. `estimate` is None if nothing is judged; `bounds` are the rates if every
    undecided rollout were wrong, or right. `judged`, `correct`, `undecided` and `never_solved` (problems with judged
    rollouts and no correct one) are of the measured rollouts; `rollouts` and `kept` count everything.
    """

    group: Group
    problems: int
    judged: int
    correct: int
    undecided: int
    rollouts: int
    kept: int
    never_solved: int
    estimate: Estimate | None
    bounds: tuple[float, float] | None

    def row(self) -> dict[str, Any]:
        """The record as JSON values at twelve digits."""
        rate = self.estimate
        return {
            "pass_rate": None if rate is None else digits(rate.value),
            "low": None if rate is None else digits(rate.low),
            "high": None if rate is None else digits(rate.high),
            "interval": NOTHING if rate is None else rate.method,
            "problems": self.problems,
            "judged": self.judged,
            "undecided": self.undecided,
            "undecided_bounds": None if self.bounds is None else [digits(bound) for bound in self.bounds],
            "never_solved": self.never_solved,
        }


def pass_rate(counts: Counts, group: Group = None) -> GroupRate:
    """The rate over all of these problems, named as one group."""
    correct, judged, undecided = (int(column.sum()) for column in (counts.correct, counts.judged, counts.undecided))
    mean = population_mean(counts.rates(), counts.rated_clusters(), estimand=estimand_of(counts))
    return GroupRate(
        group=group,
        problems=len(counts),
        judged=judged,
        correct=correct,
        undecided=undecided,
        rollouts=int(counts.rollouts.sum()),
        kept=int(counts.kept.sum()),
        never_solved=int(((counts.judged > 0) & (counts.correct == 0)).sum()),
        estimate=mean,
        bounds=_bounds(counts),
    )


def _bounds(counts: Counts) -> tuple[float, float] | None:
    """The rate if every undecided rollout were wrong, or right; over problems, as the rate is, so that it lies between."""
    columns = (counts.correct.tolist(), counts.judged.tolist(), counts.undecided.tolist())
    known = [bounds for parts in zip(*columns, strict=True) if (bounds := undecided_bounds(*parts)) is not None]
    lows, highs = ([bounds[side] for bounds in known] for side in (0, 1))
    return (math.fsum(lows) / len(known), math.fsum(highs) / len(known)) if known else None


def pass_rates(counts: Counts, by: str) -> list[GroupRate]:
    """Rates by group value, sorted; problems without a value come last as None.

    By template, the problems of one template are the sample: a template alone would be a single cluster.
    """
    if by == "template":
        # Within one template its problems are the independent units.
        counts = replace(counts, clusters=[None] * len(counts))
    return [pass_rate(members, value) for value, members in counts.by(by)]


def estimand_of(counts: Counts) -> str:
    """Estimand of a mean over these problems: the population of templates if all have one, else of problems."""
    return OF_TEMPLATES if all(cluster is not None for cluster in counts.clusters) else OF_POPULATION


def pass_at(counts: Counts, most: int | None = None) -> dict[str, float]:
    """Mean pass@k for powers of two up to the least number of completions of any problem; pass@k of fewer than k
    completions is undefined.

    `most`: beyond it the verifier's false accepts alone could explain the value, so it is withheld.
    """
    correct, judged = counts.correct[counts.judged > 0].tolist(), counts.judged[counts.judged > 0].tolist()
    rates: dict[str, float] = {}
    # Up to the least count: a mean over the problems that have k would leave out those with undecided rollouts.
    for k in _powers(min([*judged, *([] if most is None else [most])], default=0) if judged else 0):
        values = [pass_at_k(n, c, k) for n, c in zip(judged, correct, strict=True)]
        rates[str(k)] = digits(math.fsum(value for value in values if value is not None) / len(values))
    return rates


def rate_row(counts: Counts, most: int | None = None) -> dict[str, Any]:
    """The rate over these problems and their pass@k, as JSON values."""
    return pass_rate(counts).row() | {"pass_at": pass_at(counts, most)}


@dataclass(frozen=True, slots=True)
class PassAtLimit:
    """Up to which k pass@k is shown: .1 / `bound`, the upper bound of the false-accept rate; None: not measured."""

    bound: float | None = None

    @property
    def most(self) -> int | None:
        """The largest k that is shown; None: no limit."""
        return None if self.bound is None else largest_k(self.bound)

    def row(self) -> dict[str, Any]:
        """The record as JSON values, with the reason in words."""
        if self.bound is None:
            why = "not limited: the verifier's false accepts are not measured (no audit)"
        elif self.most is None:
            why = "not limited: every accept on rarely solved problems was adjudicated"
        else:
            why = "shown up to .1 / (upper bound of the false-accept rate); beyond, false accepts alone could make it"
        return {"largest_k": self.most, "false_accept_bound": self.bound, "why": why}


def paired_rates(before: Counts, after: Counts) -> dict[str, Any]:
    """Rates of the same problems under two sets of verdicts, paired, over the problems that are judged on both sides."""
    both = (before.judged > 0) & (after.judged > 0)
    return {
        "problems": len(before),
        "compared": int(both.sum()),
        "undecided_before": int(before.undecided.sum()),
        "undecided_after": int(after.undecided.sum()),
        **_paired(before.where(both).rates(), after.where(both).rates(), before.where(both).clusters),
    }


def paired_pass_at(before: Counts, after: Counts) -> dict[str, dict[str, Any]]:
    """pass@k on both sides for powers of two up to the least number of any problem on either; fewer than k completions have
    none.
    """
    both = (before.judged > 0) & (after.judged > 0)
    sides = [before.where(both), after.where(both)]
    smallest = min((int(side.judged.min()) for side in sides if len(side)), default=0)
    rows = {}
    for k in _powers(smallest):
        # Defined for every problem, as k is at most the least number of judged rollouts.
        early, late = ([pass_at_k(n, c, k) or 0.0 for n, c in _pairs(side)] for side in sides)
        rows[f"pass@{k}"] = _paired(early, late, sides[0].clusters)
    return rows


def _pairs(counts: Counts) -> list[tuple[int, int]]:
    return list(zip(counts.judged.tolist(), counts.correct.tolist(), strict=True))


def _paired(before: Sequence[float], after: Sequence[float], clusters: Sequence[Group]) -> dict[str, Any]:
    change = paired_difference(before, after, clusters)
    if change is None:
        return {"before": None, "after": None, "difference": None, "low": None, "high": None, "interval": NOTHING}
    mean = {"before": math.fsum(before) / len(before), "after": math.fsum(after) / len(after)}
    values = {**mean, "difference": change.value, "low": change.low, "high": change.high}
    return {**{name: digits(value) for name, value in values.items()}, "interval": change.method}


def _powers(most: int) -> list[int]:
    """1, 2, 4, ... up to `most`."""
    return [1 << power for power in range(most.bit_length())]
