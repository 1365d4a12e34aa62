"""Trials of a simulated learner whose truth is known: counts of right completions of two arms, seed by seed.

    logit p(arm, seed, problem) = problem + arm's shift + arm x problem + arm x seed + rest

A problem's deviation is 1.5, that of a problem in an arm .5, of the rest .5; of seeds it is what a law says, normal or with
Student's tails of 3 degrees of freedom and the same deviation. Two equal arms (`null`) have no shift and no arm x problem.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy.special import expit, ndtri, stdtrit

from rollmill.stats import ArmCounts

Array = npt.NDArray[np.float64]

_TAILS = 3.0
_NODES = (np.arange(400) + 0.5) / 400


@dataclass(frozen=True, slots=True)
class SimulatedLearner:
    """Deviations on the logit scale, the shift of the second arm, and the logit of a middling problem in the first."""

    seeds: float = 0.1
    shift: float = 0.1
    arm: float = 0.5
    problems: float = 1.5
    rest: float = 0.5
    centre: float = 0.0
    heavy: bool = False

    def null(self) -> "SimulatedLearner":
        """The same with two equal arms."""
        return SimulatedLearner(self.seeds, 0.0, 0.0, self.problems, self.rest, self.centre, self.heavy)

    def drawn(self, size: tuple[int, int, int], rng: np.random.Generator) -> tuple[ArmCounts, ArmCounts]:
        """Counts of both arms at (seeds, problems, samples)."""
        seeds, problems, samples = size
        difficulty = self.centre + self.problems * rng.normal(size=problems)
        arms = []
        for shift in (0.0, self.shift):
            by_seed = rng.standard_t(_TAILS, (seeds, 1)) / np.sqrt(3.0) if self.heavy else rng.normal(size=(seeds, 1))
            logit = difficulty + shift + self.arm * rng.normal(size=problems) + self.seeds * by_seed
            chances = expit(logit + self.rest * rng.normal(size=(seeds, problems)))
            arms.append(ArmCounts(np.full((seeds, problems), samples), rng.binomial(samples, chances)))
        return arms[0], arms[1]

    @property
    def truth(self) -> float:
        """The difference of the two arms' mean rates over all problems and trainings."""
        spread = float(np.sqrt(self.problems**2 + self.arm**2 + self.rest**2))
        means = [_mean_rate(self.centre + shift, spread, self.seeds, self.heavy) for shift in (0.0, self.shift)]
        return means[1] - means[0]


@lru_cache(maxsize=1024)
def _mean_rate(centre: float, spread: float, seeds: float, heavy: bool) -> float:
    normal = spread * ndtri(_NODES)
    by_seed = seeds * (stdtrit(_TAILS, _NODES) / np.sqrt(3.0) if heavy else ndtri(_NODES))
    return float(expit(centre + normal[:, None] + by_seed[None, :]).mean())


def cells(arms: tuple[ArmCounts, ArmCounts]) -> Array:
    """d(s, i): the second arm's rates minus the first's."""
    rates = [np.asarray(arm.correct) / np.asarray(arm.judged) for arm in arms]
    return np.asarray(rates[1] - rates[0], dtype=np.float64)


def shift_of(effect: float, law: SimulatedLearner) -> float:
    """The shift of logits that makes a true difference of `effect`."""
    low, high = 0.0, 10.0
    for _ in range(40):
        middle = (low + high) / 2.0
        shifted = SimulatedLearner(law.seeds, middle, law.arm, law.problems, law.rest, law.centre, law.heavy)
        low, high = (middle, high) if shifted.truth < effect else (low, middle)
    return low
