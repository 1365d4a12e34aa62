"""What committed tallies say of problems to come: priors fitted per group, and the outlook of each problem. Steers only.

A group is a template, or a level, or the whole pool: the finest of them that the option allows and that holds enough judged
problems. The likelihood of a problem's counts is the same under every rule that looks at its draws alone, so counts drawn
adaptively may be put into a prior, though not into a rate that anybody reads.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field

from pipelines.protocols import Tally
from pipelines.stats import fit_prior
from pipelines.stats.solution_diversity import fit_thetas
from pipelines.stats.stopping_forecast import DrawCounts, Prior, StoppingForecast, StoppingQuestion, stopping_forecasts

PRIORS = ("template", "level", "pool", "jeffreys")
LEAST = 8
"""Judged problems that a group must hold to have a prior of its own."""


def seen(tally: Tally) -> DrawCounts:
    """The counts of a tally; undecided completions are no evidence on anything."""
    return DrawCounts(tally.judged, tally.correct, tally.distinct_correct)


@dataclass(slots=True)
class Beliefs:
    """The priors of one round's tallies. `kind` is one of PRIORS."""

    tallies: Sequence[Tally]
    kind: str = "template"
    _groups: dict[Hashable, list[Tally]] = field(default_factory=dict)
    _priors: dict[Hashable, Prior] = field(default_factory=dict)
    _outlooks: dict[Hashable, StoppingForecast] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for tally in self.tallies:
            for group in self._names(tally) if tally.judged else ():
                self._groups.setdefault(group, []).append(tally)

    def prior(self, tally: Tally) -> Prior:
        """What the problem's group says of it."""
        return self._prior(self._group(tally))

    def outlook(self, tally: Tally, missing: int, most: int) -> StoppingForecast:
        """What up to `most` more draws bring; problems with equal counts in one group share it."""
        return self.outlooks([(tally, missing, most)])[0]

    def outlooks(self, asked: Sequence[tuple[Tally, int, int]]) -> list[StoppingForecast]:
        """The outlook of every (tally, missing, most), which is sooner done together."""
        keys = [(self._group(tally), seen(tally), missing, most) for tally, missing, most in asked]
        new = [key for key in dict.fromkeys(keys) if key not in self._outlooks]
        ahead = [StoppingQuestion(counts, missing, most, self._prior(group)) for group, counts, missing, most in new]
        self._outlooks |= zip(new, stopping_forecasts(ahead), strict=True)
        return [self._outlooks[key] for key in keys]

    def tokens_per_draw(self, tally: Tally) -> float:
        """Mean tokens of a draw of this problem; 1 where nothing was counted, so that draws are the cost."""
        return tally.tokens / tally.drawn if tally.drawn and tally.tokens else 1.0

    def _names(self, tally: Tally) -> list[Hashable]:
        """The groups of a problem, the finest first."""
        names: Mapping[str, Hashable] = {
            "template": None if tally.template is None else (tally.level, tally.template),
            "level": tally.level,
            "pool": "pool",
        }
        kinds = PRIORS[PRIORS.index(self.kind) : -1]
        return [(kind, names[kind]) for kind in kinds if names[kind] is not None]

    def _group(self, tally: Tally) -> Hashable:
        found = (group for group in self._names(tally) if len(self._groups.get(group, ())) >= LEAST)
        return next(found, None)

    def _prior(self, group: Hashable) -> Prior:
        if group is None:
            return Prior()
        if group not in self._priors:
            members = self._groups[group]
            correct = [tally.correct for tally in members]
            rate = fit_prior(correct, [tally.judged for tally in members])
            self._priors[group] = Prior(rate, fit_thetas([tally.distinct_correct for tally in members], correct))
        return self._priors[group]
