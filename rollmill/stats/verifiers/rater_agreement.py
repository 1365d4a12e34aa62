"""Agreement beyond chance of people who judge the same rollouts: Krippendorff's alpha for categories."""

from collections import Counter
from collections.abc import Hashable, Sequence

import numpy as np
import numpy.typing as npt

from rollmill.stats.clusters.intervals import CONFIDENCE, Estimate

Array = npt.NDArray[np.float64]
LEAST = 20  # units judged by two or more people, below which no number is given
RESAMPLES, SEED = 2_000, 20_260_101
ESTIMAND = "Krippendorff's alpha, nominal"
METHOD = "bootstrap of whole units, percentiles"


def krippendorff_alpha(units: Sequence[Sequence[Hashable]]) -> Estimate | None:
    """Alpha of categories given to units by any number of people, 1 for full agreement and 0 for chance.

    `units[i]`: the categories that unit i was given, one per person; units with fewer than two count for nothing.
    alpha = 1 - (n - 1) sum_{c != k} o_ck / sum_{c != k} n_c n_k over the coincidences o (Krippendorff 2011, Computing
    Krippendorff's Alpha-Reliability, section C). The interval resamples units with their categories. None with fewer than
    20 units judged twice, and where only one category was ever given: nothing but chance agreement was possible.
    """
    judged = [unit for unit in units if len(unit) >= 2]
    names = {name: place for place, name in enumerate(dict.fromkeys(name for unit in judged for name in unit))}
    if len(judged) < LEAST or len(names) < 2:
        return None
    counts = np.zeros((len(judged), len(names)))
    for place, unit in enumerate(judged):
        for name, number in Counter(unit).items():
            counts[place, names[name]] = number
    size = counts.sum(axis=1)
    differ = (size**2 - (counts**2).sum(axis=1)) / (size - 1)  # ordered pairs of a unit that differ, weighted
    value = float(_alpha(differ.sum(), counts.sum(axis=0)))
    weights = np.random.default_rng(SEED).multinomial(len(judged), np.full(len(judged), 1 / len(judged)), RESAMPLES)
    drawn = _alpha(weights @ differ, weights @ counts)
    low, high = np.quantile(drawn, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]).tolist()
    return Estimate(value, low, high, int(size.sum()), len(judged), METHOD, ESTIMAND)


def _alpha(differ: Array, totals: Array) -> Array:
    """Alpha from the sums of disagreements and the totals per category; 1 if a resample holds one category only."""
    n = totals.sum(axis=-1)
    chance = n**2 - (totals**2).sum(axis=-1)
    # The inner choice spares a division by 0: np.where computes both branches.
    return np.where(chance > 0, 1 - (n - 1) * differ / np.where(chance > 0, chance, 1), 1.0)
