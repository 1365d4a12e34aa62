"""Thresholdout: answers about a guarded half of a benchmark that stay right although earlier answers chose the question.

Dwork et al. 2015 (Science 349:636, algorithm Thresholdout). A question is the mean of something over problems. Where its
means over the visible and the guarded half are close, the answer is the visible one, and the guarded half has told nothing
but that. Where they differ by more than a noisy threshold, the answer is the guarded mean with noise, and one of a limited
number of such looks is spent.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from rollmill.stats.clusters.intervals import CONFIDENCE

_LARGEST_SD = 0.5  # of a value in [0, 1]


@dataclass(frozen=True, slots=True)
class HoldoutGuard:
    """`threshold` and `noise` (T and sigma of the paper), in units of the mean; `units`: independent ones of each half."""

    threshold: float
    noise: float
    units: int

    def bound(self, *, looked: bool) -> float:
        """Half width of the interval of an answer. It is made of constants, so that it tells nothing of the guarded half.

        Of a look: the mean's sampling error with the largest spread that a share can have, and the Laplace noise. Without
        one the two halves may also differ by the threshold and its noise.
        """
        sampling = _normal(CONFIDENCE) * _LARGEST_SD / math.sqrt(self.units)
        tail = math.log(1.0 / (1.0 - CONFIDENCE))  # |Laplace(b)| is below b times this with the chance CONFIDENCE
        return sampling + self.noise * tail if looked else sampling + self.threshold + 2.0 * self.noise


class GuardedAnswer(NamedTuple):
    """The answer to a question. `looked`: whether it is of the guarded half, and one look is spent. `shift`: the noise of
    the threshold from now on.
    """

    value: float
    looked: bool
    shift: float


def standard_guard(units: int) -> HoldoutGuard:
    """The paper's threshold and noise for means over as many units: 4 and 1 standard errors of the largest spread."""
    error = _LARGEST_SD / math.sqrt(units)
    return HoldoutGuard(4.0 * error, error, units)


def first_shift(guard: HoldoutGuard, rng: np.random.Generator) -> float:
    """Noise of the threshold before the first question."""
    return float(rng.laplace(0.0, 2.0 * guard.noise))


def guarded_answer(
    guard: HoldoutGuard, visible: float, hidden: float, shift: float, rng: np.random.Generator
) -> GuardedAnswer:
    """The answer from the means over both halves. `shift`: the noise of the threshold since the last look."""
    if abs(hidden - visible) <= guard.threshold + shift + float(rng.laplace(0.0, 4.0 * guard.noise)):
        return GuardedAnswer(visible, looked=False, shift=shift)
    return GuardedAnswer(hidden + float(rng.laplace(0.0, guard.noise)), looked=True, shift=first_shift(guard, rng))


def _normal(confidence: float) -> float:
    from scipy.special import ndtri

    return float(ndtri(0.5 + confidence / 2.0))
