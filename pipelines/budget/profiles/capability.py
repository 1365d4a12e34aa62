"""Chance that a model solves a problem, from the model's profile: its results on test problems by group.

After Capability Instruction Tuning (Zhang, Zhan & Ye 2024), which trains a language model on such profiles; here a logistic
regression does it. Its inputs describe a model by numbers of its profile alone, so a model that came later needs no new
fit: its profile is enough. Rates of a group are shrunken towards the model's whole rate.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]
Group = str | None
Cells = Mapping[Group, tuple[int, int]]
"""(correct, judged) by group."""
SHRINKAGE = 4.0
"""Weight of the overall rate in the rate of a group, in completions."""
PENALTY = 1.0
"""Weight of the squared coefficients without the intercept, in completions."""


@dataclass(frozen=True, slots=True)
class CapabilityProfile:
    """Results of one model on the test problems."""

    cells: Cells

    def without(self, group: Group, correct: int, judged: int) -> "CapabilityProfile":
        """The profile without these results, for a problem that is among them."""
        before = self.cells[group]
        return CapabilityProfile({**self.cells, group: (before[0] - correct, before[1] - judged)})

    @property
    def rate(self) -> float:
        """The rate over all groups, with one right and one wrong answer more."""
        right, judged = (sum(cell[side] for cell in self.cells.values()) for side in (0, 1))
        return (right + 1.0) / (judged + 2.0)

    def at(self, group: Group) -> float:
        """The shrunken rate of a group; the overall rate for a group without test problems."""
        right, judged = self.cells.get(group, (0, 0))
        return (right + SHRINKAGE * self.rate) / (judged + SHRINKAGE)


@dataclass(frozen=True, slots=True)
class ProfileResult:
    """Results of one model on one test problem."""

    model: str
    group: Group
    correct: int
    judged: int


@dataclass(frozen=True, slots=True)
class Capability:
    """A fitted regression. `groups`: the profile of all models together, which says how hard a group is."""

    coefficients: tuple[float, ...]
    groups: CapabilityProfile

    @classmethod
    def fit(cls, tested: Sequence[ProfileResult]) -> "Capability":
        """The regression of these results; a profile that predicts a problem leaves that problem out. Without any judged
        result, predictions are the rate of the profile.
        """
        from scipy.optimize import minimize

        profiles, whole = profiles_of(tested), _profile(tested)
        rows = [row for row in tested if row.judged]
        if not rows:
            return cls((0.0, 1.0, 0.0, 0.0), whole)
        table = np.array(
            [
                _inputs(
                    profiles[row.model].without(row.group, row.correct, row.judged),
                    whole.without(row.group, row.correct, row.judged),
                    row.group,
                )
                for row in rows
            ]
        )
        right, judged = (np.array([getattr(row, name) for row in rows], float) for name in ("correct", "judged"))

        def loss(weights: Doubles) -> tuple[float, Doubles]:
            scores = table @ weights
            held = weights * [0.0, *[PENALTY] * (len(weights) - 1)]
            value = judged @ np.logaddexp(0.0, scores) - right @ scores + 0.5 * held @ weights
            return float(value), table.T @ (judged / (1.0 + np.exp(-scores)) - right) + held

        fitted = minimize(loss, np.zeros(table.shape[1]), jac=True, method="L-BFGS-B")
        return cls(tuple(fitted.x.tolist()), whole)

    def chance(self, profile: CapabilityProfile, group: Group) -> float:
        """The chance that a model with this profile solves a problem of this group."""
        score = sum(a * b for a, b in zip(self.coefficients, _inputs(profile, self.groups, group), strict=True))
        return 1.0 / (1.0 + math.exp(-score))


def profiles_of(tested: Sequence[ProfileResult]) -> dict[str, CapabilityProfile]:
    """The profile of each model."""
    models = dict.fromkeys(row.model for row in tested)
    return {model: _profile([row for row in tested if row.model == model]) for model in models}


def _profile(rows: Sequence[ProfileResult]) -> CapabilityProfile:
    cells: dict[Group, tuple[int, int]] = {}
    for row in rows:
        right, judged = cells.get(row.group, (0, 0))
        cells[row.group] = right + row.correct, judged + row.judged
    return CapabilityProfile(cells)


def _inputs(profile: CapabilityProfile, whole: CapabilityProfile, group: Group) -> tuple[float, ...]:
    """1, the model's log-odds in the group and in all, and the group's log-odds over all models."""
    return 1.0, _logit(profile.at(group)), _logit(profile.rate), _logit(whole.at(group))


def _logit(rate: float) -> float:
    return math.log(rate / (1.0 - rate))
