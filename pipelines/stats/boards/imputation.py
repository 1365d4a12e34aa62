"""Imputation of a table of models x items in which cells are missing, by item response theory.

The two-parameter logistic model (Birnbaum 1968): the chance that model j solves item i is 1 / (1 + exp(-a_i (t_j - b_i))),
with the ability t_j ~ N(0, 1), the discrimination a_i and the difficulty b_i. log a and b are normal, with a mean and a
spread of each group of items (a benchmark, or a release of one), so that a release may be harder than another one.

A Gibbs sampler on fixed grids draws items, abilities and groups in turn. Each draw completes the table, so that an interval
has the uncertainty of all three. The estimator assumes that a cell is not missing because of its value.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_ABILITIES = np.linspace(-4.0, 4.0, 161)
_LOG_A, _B = (grid.ravel() for grid in np.meshgrid(np.linspace(-1.5, 1.5, 7), np.linspace(-5.0, 5.0, 41)))
_A = np.exp(_LOG_A)
_WRONG = -np.logaddexp(0.0, _A * (_ABILITIES[:, None] - _B))  # log chance of an error, abilities x grid of items
_BURNED = 60  # draws before the first one that is used
DRAWS = 200
_GROUP_PRIORS = ((0.5, 3.0, 0.3), (2.0, 2.0, 1.0))  # of log a and b: sd of the mean; shape and scale of the variance


@dataclass(frozen=True, slots=True, eq=False)
class CompletedTables:
    """A table completed many times. `expected` (models, items): the known rates, and the mean of the draws elsewhere.

    `tables` (draws, models, items): the completed tables; an imputed cell is one answer, 0 or 1.
    """

    expected: Array
    tables: npt.NDArray[np.float32]

    def means(self, items: npt.NDArray[np.bool_] | None = None) -> Array:
        """(draws, models): the mean rate of each model over these items, over all without a mask."""
        chosen = self.tables if items is None else self.tables[:, :, items]
        return np.asarray(chosen.mean(axis=2, dtype=np.float64))


def complete_table(rates: Array, groups: Ints, *, draws: int = DRAWS, seed: int = 0) -> CompletedTables:
    """The completed tables of `rates` (models, items): pass rates in [0, 1], NaN where a model was not asked.

    `groups` (items): number of the group of each item, from 0 on. A cell counts as one answer however many completions it
    has: repeated answers of a model to an item resemble one another more than the model of one ability allows.
    """
    if rates.ndim != 2 or rates.shape[1] != len(groups):
        raise ValueError(f"a table of shape {rates.shape} for {len(groups)} items")
    known = ~np.isnan(rates)
    if not known.any(axis=1).all() or not known.any(axis=0).all():
        raise ValueError("every model and every item needs a known cell")
    tables = np.empty((draws, *rates.shape), dtype=np.float32)
    expected = np.zeros(rates.shape)
    generator = np.random.default_rng(seed)
    for place, chances in enumerate(_chances(rates, known, groups, draws, generator)):
        tables[place] = np.where(known, rates, generator.random(rates.shape) < chances)
        expected += chances / draws
    return CompletedTables(np.where(known, rates, expected), tables)


def _chances(
    rates: Array, known: npt.NDArray[np.bool_], groups: Ints, draws: int, rng: np.random.Generator
) -> Iterator[Array]:
    """The chances of a correct answer (models, items) of each draw."""
    right, asked = np.where(known, rates, 0.0), known.astype(np.float64)
    first = (right.sum(axis=1) + 1.0) / (asked.sum(axis=1) + 2.0)
    abilities = _nearest(np.log(first / (1.0 - first)))
    means, spreads = np.zeros((2, groups.max() + 1)), np.ones((2, groups.max() + 1))
    for at in range(_BURNED + draws):
        items = _drawn_items(right, asked, abilities, (means, spreads), groups, rng)
        abilities = _drawn_abilities(right, asked, items, rng)
        means, spreads = _drawn_groups(items, groups, spreads, rng)
        if at >= _BURNED:
            yield 1.0 - np.exp(_WRONG[abilities[:, None], items])


def _drawn_items(
    right: Array, asked: Array, abilities: Ints, laws: tuple[Array, Array], groups: Ints, rng: np.random.Generator
) -> Ints:
    """The place of each item on the grid, given abilities and the laws of the groups."""
    means, spreads = laws
    priors = sum(-0.5 * ((grid - means[at][:, None]) / spreads[at][:, None]) ** 2 for at, grid in enumerate((_LOG_A, _B)))
    levels = _ABILITIES[abilities]
    likelihood = asked.T @ _WRONG[abilities]
    likelihood += np.outer(levels @ right, _A) - np.outer(right.sum(axis=0), _A * _B)
    return _categories(likelihood + np.asarray(priors)[groups], rng)


def _drawn_abilities(right: Array, asked: Array, items: Ints, rng: np.random.Generator) -> Ints:
    """The place of each model's ability on its grid, given the items."""
    slopes = right @ _A[items]
    likelihood = np.outer(slopes, _ABILITIES) + asked @ _WRONG[:, items].T
    return _categories(likelihood - 0.5 * _ABILITIES**2, rng)


def _drawn_groups(items: Ints, groups: Ints, spreads: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """Means and standard deviations of log a and b in each group: conjugate draws, means first."""
    sizes = np.bincount(groups).astype(np.float64)
    means, next_spreads = np.empty_like(spreads), np.empty_like(spreads)
    for at, (grid, (wide, shape, scale)) in enumerate(zip((_LOG_A, _B), _GROUP_PRIORS, strict=True)):
        values = grid[items]
        precision = sizes / spreads[at] ** 2 + 1.0 / wide**2
        centre = np.bincount(groups, values) / spreads[at] ** 2 / precision
        means[at] = centre + rng.standard_normal(len(sizes)) / np.sqrt(precision)
        squares = np.bincount(groups, (values - means[at][groups]) ** 2)
        next_spreads[at] = np.sqrt((scale + squares / 2.0) / rng.gamma(shape + sizes / 2.0))
    return means, next_spreads


def _nearest(abilities: Array) -> Ints:
    return np.clip(np.searchsorted(_ABILITIES, abilities), 0, len(_ABILITIES) - 1)


def _categories(logs: Array, rng: np.random.Generator) -> Ints:
    """One column of each row, drawn with chances proportional to the exponentials."""
    weights = np.exp(logs - logs.max(axis=1, keepdims=True)).cumsum(axis=1)
    return np.asarray((weights < rng.random((len(logs), 1)) * weights[:, -1:]).sum(axis=1), dtype=np.int64)
