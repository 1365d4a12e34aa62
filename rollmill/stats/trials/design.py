"""Design of a trial in advance: its detectable effect, its cost, and the cheapest sufficient design.

Variance components of a pilot give the variance of the difference for any numbers of seeds, problems and samples:

    V = problems / P + seeds / S + (rest + samples / K) / (S P)

Two seeds give a variance with one degree of freedom: their estimate is uncertain by a factor of 250 either way. A plan is
therefore made with `cautious`, an upper limit of it (Browne 1995, Stat. Med. 14: with an 80% limit a trial has its planned
power in four of five), or says that it was not.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal

import numpy.typing as npt

from rollmill.stats.clusters.differences import POWER
from rollmill.stats.clusters.intervals import CONFIDENCE, t_probability, t_quantile
from rollmill.stats.trials.two_way import FEWEST_SEEDS, Clusters, checked_cells, units_of

Resource = Literal["seconds", "tokens"]


@dataclass(frozen=True, slots=True)
class VarianceComponents:
    """Variances of d(s, i), arm 2 minus arm 1: of problems, of seeds, of the rest, of one more sample in a cell.

    `problems` are the independent units: templates if the data have them, and P is then their number.
    """

    problems: float
    seeds: float
    rest: float
    samples: float

    def parts(self, seeds: int, problems: int, samples: int) -> tuple[float, float, float]:
        """Expected (V_P, V_S, V_E) of a trial; V = V_P + V_S - V_E."""
        rest = (self.rest + self.samples / samples) / (seeds * problems)
        return self.problems / problems + rest, self.seeds / seeds + rest, rest


@dataclass(frozen=True, slots=True)
class Expense:
    """Seconds and tokens: of one training, of one completion, of a trial, or the most that may be spent."""

    seconds: float = 0.0
    tokens: float = 0.0

    def times(self, count: float) -> "Expense":
        """As often as `count`."""
        return Expense(self.seconds * count, self.tokens * count)

    def plus(self, other: "Expense") -> "Expense":
        """Both together."""
        return Expense(self.seconds + other.seconds, self.tokens + other.tokens)

    def within(self, most: "Expense") -> bool:
        """No more of either than `most`."""
        return self.seconds <= most.seconds and self.tokens <= most.tokens


@dataclass(frozen=True, slots=True)
class Design:
    """Numbers of seeds, problems and samples, the smallest effect shown four times in five, and the expense."""

    seeds: int
    problems: int
    samples: int
    detectable: float
    error: float
    degrees: float
    level: float
    expense: Expense

    def power(self, effect: float) -> float:
        """The chance that a true difference is shown: .8 at `detectable`, by the same approximation."""
        t = t_quantile(1.0 - self.level / 2.0, self.degrees)
        return t_probability(self.degrees, abs(effect) / self.error - t) if self.error > 0.0 else float(effect != 0.0)


@dataclass(frozen=True, slots=True)
class Reach:
    """The cheapest design within the limits that shows the wanted effect, if any, and the most sensitive one."""

    wanted: float
    cheapest: Design | None
    most_sensitive: Design | None


def pair_components(
    differences: npt.ArrayLike,
    *,
    within: float,
    samples: int,
    clusters: Clusters | None = None,
    cautious: float | None = None,
) -> VarianceComponents:
    """The components from a pilot of both arms, d(s, i) of at least two seeds and two units.

    `within`: the variance of one draw in a cell, of both arms together (`draw_variance`); `samples`: draws in a cell.
    `cautious`: the confidence of an upper limit of the seeds' variance, in its place; .8 for most plans.
    """
    cells = checked_cells(differences, bounded=False)
    if cells.size == 0 or len(cells) < 2:
        raise ValueError("a pilot has at least two seeds: one says nothing of what trainings differ by")
    if samples < 1 or within < 0.0:
        raise ValueError(f"samples {samples} are below 1, or the variance of a draw {within} below 0")
    table = units_of(cells, clusters)
    seeds, units = table.cells.shape
    if units < 2:
        raise ValueError("a pilot has at least two problems, or templates: one says nothing of what they differ by")
    parts, effective = table.parts(), 1.0 / float(table.shares @ table.shares)
    over_seeds = parts.seeds * _upper_factor(seeds - 1, cautious)
    return VarianceComponents(
        problems=effective * max(0.0, parts.problems - parts.rest),
        seeds=seeds * max(0.0, over_seeds - parts.rest),
        # The rest of a cell holds the noise of its samples, which more samples would reduce: it is a component of its own.
        rest=max(0.0, seeds * effective * parts.rest - within / samples),
        samples=within,
    )


def arm_components(
    cells: npt.ArrayLike,
    *,
    within: float,
    samples: int,
    clusters: Clusters | None = None,
    cautious: float | None = None,
    problems: float | None = None,
) -> VarianceComponents:
    """The components of a difference of two arms from a pilot of one: means of its cells, of at least two seeds.

    Two independent trainings differ by twice what one varies by; how hard problems are cancels. The interaction of problems
    and arms cannot be estimated from one arm: `problems` says it, or it is taken to be as much as the rest (two trainings
    of one arm change a problem by that). `within`: of one arm.
    """
    one = pair_components(cells, within=within, samples=samples, clusters=clusters, cautious=cautious)
    rest = 2.0 * one.rest
    return VarianceComponents(rest if problems is None else problems, 2.0 * one.seeds, rest, 2.0 * one.samples)


def _upper_factor(degrees: int, confidence: float | None) -> float:
    """Factor from a variance with so many degrees of freedom to its upper confidence limit: f / chi^2 of 1 - c."""
    if confidence is None:
        return 1.0
    if not 0.5 <= confidence < 1.0:
        raise ValueError(f"the confidence {confidence} of an upper limit is not in [.5, 1)")
    from scipy.special import gammaincinv

    # The chi-square quantile of q is 2 gammaincinv(f / 2, q).
    return degrees / (2.0 * float(gammaincinv(degrees / 2.0, 1.0 - confidence)))


@dataclass(frozen=True, slots=True)
class Choices:
    """Numbers of seeds, problems (or templates) and samples that a trial could have."""

    seeds: Sequence[int]
    problems: Sequence[int]
    samples: Sequence[int]


def designs(
    components: VarianceComponents,
    choices: Choices,
    *,
    training: Expense,
    completion: Expense,
    arms: int = 2,
    level: float = 1.0 - CONFIDENCE,
) -> list[Design]:
    """Every design of these choices: detectable = (t of 1 - level/2 + t of .8) sqrt(V), with the degrees of freedom of
    `two_way`; the expense of all arms' trainings and completions.

    Of more than two arms `level` is what Holm gives the first of the comparisons: .05 over their number. ValueError for
    fewer than three seeds, which no interval over seeds can have.
    """
    if min(choices.seeds) < FEWEST_SEEDS:
        raise ValueError(f"{min(choices.seeds)} seeds: an interval over seeds has at least {FEWEST_SEEDS}")
    if min(choices.problems) < 2 or min(choices.samples) < 1 or arms < 2 or not 0.0 < level < 1.0:
        raise ValueError("a design has at least two problems, one sample and two arms, and a level in (0, 1)")
    table = []
    for seeds, problems, samples in product(choices.seeds, choices.problems, choices.samples):
        over_problems, over_seeds, rest = components.parts(seeds, problems, samples)
        # Expected parts, not estimates: neither is below the rest, so no maximum is needed as in `two_way`.
        variance = over_problems + over_seeds - rest
        scale = over_seeds**2 / (seeds - 1) + over_problems**2 / (problems - 1)
        degrees = max(seeds - 1.0, variance**2 / scale) if scale > 0.0 else seeds - 1.0
        error = math.sqrt(variance)
        seen = (t_quantile(1.0 - level / 2.0, degrees) + t_quantile(POWER, degrees)) * error
        expense = training.plus(completion.times(problems * samples)).times(arms * seeds)
        table.append(Design(seeds, problems, samples, seen, error, degrees, level, expense))
    return table


def reach(table: Sequence[Design], wanted: float, limits: Expense, *, by: Resource = "seconds") -> Reach:
    """The cheapest design, by seconds or by tokens, that shows `wanted` and keeps the limits; of equally cheap ones the
    most sensitive. The most sensitive within the limits shows the attainable alternative.
    """
    if not wanted > 0.0:
        raise ValueError(f"the smallest effect worth knowing is above 0, got {wanted}")
    allowed = [design for design in table if design.expense.within(limits)]
    enough = [design for design in allowed if design.detectable <= wanted]
    return Reach(
        wanted,
        min(enough, key=lambda design: (getattr(design.expense, by), design.detectable), default=None),
        min(allowed, key=lambda design: (design.detectable, getattr(design.expense, by)), default=None),
    )
