"""A replay: every aggregator in every setting on the same subsets of one stored pool, settings chosen on other problems.

The best of many settings on the problems that it was chosen on is better than it is: of 30 equal ones on 50 problems it
shows .94 for .88. So problems are split by cluster into folds, a family's setting is chosen on the other folds, and each
problem is reported under the setting that was chosen without it. `oracle` (any answer right: no vote can be better) and
`random` (completions by lot) are always there.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rollmill.ground.errors import contract_error
from rollmill.ground.pool import Floats, Ints
from rollmill.metrics.elections import (
    Ballot,
    ElectionBudget,
    Subsets,
    best_possible,
    expected,
    folds,
    random_choice_value,
    subsets,
)
from rollmill.metrics.rates import OF_POPULATION, OF_TEMPLATES
from rollmill.roles.blind_pool import Aggregator, Election
from rollmill.stats import Estimate, paired_difference, population_mean

ORACLE, RANDOM, CHOSEN = "oracle", "random", "chosen"
BASELINE = "majority"


@dataclass(frozen=True, slots=True)
class Setting:
    """An aggregator with its options; `family` is the aggregator's name."""

    family: str
    label: str
    aggregator: Aggregator


@dataclass(frozen=True, slots=True)
class ReplayPlan:
    """Settings of a replay: budgets, how many answers may be handed in (`ks`), subsets a problem, folds, seed."""

    budgets: tuple[ElectionBudget, ...]
    ks: tuple[int, ...] = (1,)
    repeats: int = 100
    folds: int = 2
    seed: int = 0


@dataclass(frozen=True, slots=True)
class ReplayRow:
    """Result of an aggregator under one budget with k answers.

    `settings`: the chosen ones, by fold. `difference`: to the majority vote on the same problems, paired. `high`: the value
    if all answers without a deciding verdict were right. `error`: the Monte Carlo error of the subsets, which the interval
    does not hold. `tokens`, `comparisons`: a problem's mean, None if unknown. `same_problems`: the value of the best
    setting on the problems it is chosen on, which is optimistic.
    """

    aggregator: str
    budget: ElectionBudget
    k: int
    value: Estimate
    difference: Estimate | None
    settings: tuple[str, ...]
    high: float
    error: float
    tokens: float | None
    comparisons: float
    same_problems: float | None


@dataclass(frozen=True, slots=True, eq=False)
class SettingResults:
    """Results of all settings: (settings, budgets, ks, problems) each, tokens and comparisons without ks."""

    value: Floats
    high: Floats
    variance: Floats
    tokens: Floats
    comparisons: Floats


def replay(items: Sequence[Ballot], settings: Sequence[Setting], plan: ReplayPlan) -> list[ReplayRow]:
    """The rows of all budgets and ks: oracle, random, each family, and the best of all, which is chosen too."""
    measured = _measure(items, settings, plan)
    fold = folds(items, plan.folds, plan.seed)
    families: dict[str, list[int]] = {ORACLE: [len(settings)], RANDOM: [len(settings) + 1]}
    for place, setting in enumerate(settings):
        families.setdefault(setting.family, []).append(place)
    # Beside oracle and random, one family alone would be its own best.
    if len(families) > 3:
        families[CHOSEN] = list(range(len(settings)))
    rows = []
    for at, budget in enumerate(plan.budgets):
        for place, k in enumerate(plan.ks):
            table = _Table(items, settings, measured, fold, (at, place))
            base = table.of(families[BASELINE]) if BASELINE in families else None
            rows += [table.row(name, budget, k, members, base) for name, members in families.items()]
    return rows


def _measure(items: Sequence[Ballot], settings: Sequence[Setting], plan: ReplayPlan) -> SettingResults:
    shape = (len(settings) + 2, len(plan.budgets), len(plan.ks), len(items))
    value, high, variance = (np.zeros(shape) for _ in range(3))
    tokens, comparisons = (np.zeros((*shape[:2], len(items))) for _ in range(2))
    for problem, ballot in enumerate(items):
        for at, budget in enumerate(plan.budgets):
            drawn = subsets(ballot, budget, repeats=plan.repeats, seed=plan.seed)
            elections = [_elected(setting, drawn) for setting in settings]
            for place, k in enumerate(plan.ks):
                given = [expected(ballot, drawn, election, k) for election in elections]
                for row, one in enumerate([*given, best_possible(ballot, drawn), random_choice_value(ballot, drawn, k)]):
                    cell = (row, at, place, problem)
                    value[cell], high[cell], variance[cell] = one.value, one.high, one.variance
                    tokens[row, at, problem], comparisons[row, at, problem] = one.tokens, one.comparisons
    return SettingResults(value, high, variance, tokens, comparisons)


def _elected(setting: Setting, drawn: Subsets) -> Election:
    """The election, whose shape a user's own aggregator may have wrong."""
    election = setting.aggregator.elect(drawn.pool)
    wanted = (len(drawn.pool), len(drawn.pool.answers))
    if np.shape(election.strength) != wanted:
        raise contract_error(
            f"aggregator {setting.family!r} gave strengths of shape {np.shape(election.strength)} for {wanted}"
        )
    return election


@dataclass(frozen=True, slots=True)
class _Table:
    """Results for one budget and one k: by setting and problem, with the folds of the problems."""

    items: Sequence[Ballot]
    settings: Sequence[Setting]
    measured: SettingResults
    fold: Ints
    cell: tuple[int, int]

    def of(self, members: Sequence[int]) -> Floats:
        """(P,) the values of a family, each problem under the setting that was chosen on the other folds."""
        return self._picked(self.measured.value, self.chosen(members))

    def chosen(self, members: Sequence[int]) -> list[int]:
        """The setting of each fold: the best on all other folds, of equals the first."""
        if len(members) == 1:
            return [members[0]] * (int(self.fold.max(initial=0)) + 1)
        values = self.measured.value[(list(members), *self.cell)]
        others = [self.fold != fold for fold in range(int(self.fold.max(initial=0)) + 1)]
        # Rounded, so that the order of a sum breaks no tie; with one cluster no other fold exists to choose on.
        means = [np.round(values[:, mask].mean(axis=1), 12) if mask.any() else np.zeros(len(members)) for mask in others]
        return [members[int(mean.argmax())] for mean in means]

    def row(self, name: str, budget: ElectionBudget, k: int, members: Sequence[int], base: Floats | None) -> ReplayRow:
        """The row of a family."""
        chosen = self.chosen(members)
        value, high = (self._picked(part, chosen) for part in (self.measured.value, self.measured.high))
        tokens, compared = (
            np.array([part[chosen[f], self.cell[0], p] for p, f in enumerate(self.fold.tolist())])
            for part in (self.measured.tokens, self.measured.comparisons)
        )
        # The subsets of different problems are drawn independently, so their variances add.
        noise = math.sqrt(float(self._picked(self.measured.variance, chosen).sum())) / len(self.items)
        best = float(self.measured.value[(list(members), *self.cell)].mean(axis=1).max()) if len(members) > 1 else None
        # Oracle and random stand behind the settings and have none.
        labels = tuple(self.settings[place].label for place in chosen if place < len(self.settings))
        mean = None if np.isnan(tokens).any() else float(tokens.mean())
        difference = None if name == BASELINE else self._difference(base, value)
        estimate = self._estimate(value)
        return ReplayRow(
            name, budget, k, estimate, difference, labels, float(high.mean()), noise, mean, float(compared.mean()), best
        )

    def _picked(self, part: Floats, chosen: Sequence[int]) -> Floats:
        rows = part[(slice(None), *self.cell)]
        picked: Floats = rows[np.asarray(chosen)[self.fold], np.arange(rows.shape[1])]
        return picked

    def _estimate(self, value: Floats) -> Estimate:
        estimand = OF_POPULATION if None in self._clusters() else OF_TEMPLATES
        estimate = population_mean(value.tolist(), self._clusters(), estimand=estimand.replace("pass rate", "accuracy"))
        assert estimate is not None
        return estimate

    def _difference(self, base: Floats | None, value: Floats) -> Estimate | None:
        return None if base is None else paired_difference(base.tolist(), value.tolist(), self._clusters())

    def _clusters(self) -> list[Any]:
        return [ballot.cluster for ballot in self.items]
