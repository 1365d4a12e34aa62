"""Set method `mona`: the units whose sparse activations are most like those of a target set.

After Ma et al. 2025 (Task-specific data selection for instruction tuning via monosemantic neuronal activations, MONA). The
signals `model` train a sparse autoencoder on one layer, pool each row's code over its tokens by the largest activation, and
give the generalised Jaccard similarity to each row of the target. The measure is as we remember the paper.
"""

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from rollmill.ground.errors import SetupError
from rollmill.ground.pool import Floats
from rollmill.pipelines.mix.table import ChosenUnits, MixUnits, units_by_value, units_that_fit

Pooled = Literal["mean", "nearest"]
Matrix = npt.NDArray[np.floating[Any]]


class Mona:
    """Needs `signals: {model: {target: ...}}`. `of`: similarity to the target on average, or to its nearest row."""

    name, version = "mona", "1"

    def __init__(self, of: Pooled = "mean") -> None:
        self.of = of
        if of not in ("mean", "nearest"):
            raise SetupError(f"set method 'mona': of is {of!r}.", choices=("mean", "nearest"))

    def choose(self, table: MixUnits, size: int, seed: int) -> ChosenUnits:
        """The most similar units, those without a code last. `facts`: rows of the target; means of picks and of all."""
        del seed
        similar = table.need_similarities()
        if not similar.shape[1]:  # no unit has a code
            similar = np.full((len(table.ids), 1), np.nan)
        values = similar.max(axis=1) if self.of == "nearest" else similar.mean(axis=1)
        picks = units_that_fit(units_by_value(table, np.nan_to_num(values, nan=-np.inf)), table, size)
        facts = {
            "target": table.need_similarities().shape[1],
            "mean_of_picks": _mean(values, picks),
            "mean": _mean(values, range(len(values))),
        }
        return ChosenUnits(picks, (), facts)


def _mean(values: Floats, places: "list[int] | range") -> float | None:
    known = values[list(places)]
    known = known[~np.isnan(known)]
    return float(known.mean()) if len(known) else None


def jaccard(codes: Matrix, target: Matrix) -> Floats:
    """Generalised Jaccard similarity of non-negative codes, (rows, target rows): sum of minima over sum of maxima.

    0 where neither is active.
    """
    similar = np.zeros((len(codes), len(target)))
    sums = codes.sum(axis=1)
    for at, wanted in enumerate(target):
        active = np.flatnonzero(wanted)
        least = np.minimum(codes[:, active], wanted[active]).sum(axis=1)
        most = sums + wanted.sum() - least
        similar[:, at] = np.divide(least, most, out=np.zeros(len(codes)), where=most > 0)
    return similar
