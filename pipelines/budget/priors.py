"""Priors of budgets that steer by posteriors, fitted per group of problems, and the stopping forecasts that follow.

A group is a template, or a level, or the whole pool: the finest of them that the option allows and that holds enough judged
problems. The likelihood of a problem's counts is the same under every rule that looks at its draws alone, so adaptively
drawn counts may enter a prior, but not a reported rate.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

from rollmill.roles.tallies import Tally
from rollmill.stats import fit_prior
from rollmill.stats.draws.solution_diversity import fit_thetas
from rollmill.stats.draws.stopping_forecast import (
    DrawCounts,
    Prior,
    StoppingForecast,
    StoppingQuestion,
    stopping_forecasts,
)

DIGITS = 9  # decimals of chances and prices: so many that no other processor's last digit decides anything
PRIORS = ("template", "level", "pool", "jeffreys")
LEAST_PROBLEMS = 8
"""Judged problems that a group must hold to have a prior of its own."""


def draw_counts(tally: Tally) -> DrawCounts:
    """The counts of a tally, without undecided completions."""
    return DrawCounts(tally.judged, tally.correct, tally.distinct_correct)


@dataclass(slots=True)
class GroupPriors:
    """The priors of one round's tallies. `kind` is one of PRIORS."""

    tallies: Sequence[Tally]
    kind: str = "template"
    _groups: dict[Hashable, list[Tally]] = field(default_factory=dict)
    _priors: dict[Hashable, Prior] = field(default_factory=dict)
    _forecasts: dict[Hashable, StoppingForecast] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for tally in self.tallies:
            # A problem without a judged completion says nothing of its group.
            for group in self._groups_of(tally) if tally.judged else ():
                self._groups.setdefault(group, []).append(tally)

    def prior(self, tally: Tally) -> Prior:
        """Prior of the problem's group."""
        return self._prior(self._group(tally))

    def forecasts(self, questions: Sequence[tuple[Tally, int, int]]) -> list[StoppingForecast]:
        """The stopping forecast of every (tally, missing, most); problems with equal counts in one group share it."""
        keys = [(self._group(tally), draw_counts(tally), missing, most) for tally, missing, most in questions]
        new = [key for key in dict.fromkeys(keys) if key not in self._forecasts]
        stopping_questions = [
            StoppingQuestion(counts, missing, most, self._prior(group)) for group, counts, missing, most in new
        ]
        self._forecasts |= zip(new, stopping_forecasts(stopping_questions), strict=True)
        return [self._forecasts[key] for key in keys]

    def _groups_of(self, tally: Tally) -> list[Hashable]:
        """The groups of a problem, the finest first: its template, its level, the pool."""
        groups: list[Hashable] = [("pool", "pool")] if self.kind != "jeffreys" else []
        if self.kind in ("template", "level") and tally.level is not None:
            groups.insert(0, ("level", tally.level))
        if self.kind == "template" and tally.template is not None:
            # With its level: a template is of another difficulty at another one.
            groups.insert(0, ("template", tally.level, tally.template))
        return groups

    def _group(self, tally: Tally) -> Hashable:
        large = (group for group in self._groups_of(tally) if len(self._groups.get(group, ())) >= LEAST_PROBLEMS)
        return next(large, None)

    def _prior(self, group: Hashable) -> Prior:
        if group is None:
            return Prior()
        if group not in self._priors:
            members = self._groups[group]
            correct = [tally.correct for tally in members]
            rate = fit_prior(correct, [tally.judged for tally in members])
            self._priors[group] = Prior(rate, fit_thetas([tally.distinct_correct for tally in members], correct))
        return self._priors[group]
