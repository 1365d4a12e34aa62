"""Imputation of a table of models x items in which cells are missing, by item response theory.

The two-parameter logistic model (Birnbaum 1968): the chance that model j solves item i is 1 / (1 + exp(-a_i (t_j - b_i))),
with the ability t_j ~ N(0, 1), the discrimination a_i and the difficulty b_i. log a and b are normal, with a mean and a
spread of each group of items (a benchmark, or a release of one), so that a release may be harder than another one.

A Gibbs sampler draws items, abilities and groups in turn. The likelihood of an item is that of the middle of its cell of a
grid; within the cell its values follow the group's law, so that the law of a group is not tied to the points of the grid.
Three moves keep the chain from standing still where few models link the groups: a group's mean with all its items, a
group's spread with them, and all abilities with all difficulties (Yu & Meng 2011, interweaving). Each draw that is used
completes the table, so that an interval has the uncertainty of all three. The estimator assumes that a cell is not missing
because of its value.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_ABILITIES = np.linspace(-4.0, 4.0, 161)
_AXES = (np.linspace(-1.5, 1.5, 7), np.linspace(-5.0, 5.0, 41))  # middles of the cells of log a and of b
_STEPS = (0.5, 0.25)
_EDGES = tuple(
    np.concatenate([[-np.inf], axis[1:] - step / 2.0, [np.inf]]) for axis, step in zip(_AXES, _STEPS, strict=True)
)
_INSIDE = 0.4999999  # of a step: values stay within their cell
_LOG_A, _B = (grid.ravel() for grid in np.meshgrid(*_AXES, indexing="ij"))
_A = np.exp(_LOG_A)
_WRONG = -np.logaddexp(0.0, _A * (_ABILITIES[:, None] - _B))  # log chance of an error, abilities x cells
_BURNED = 60  # draws before the first one that is used
DRAWS = 200
_TURNS = (1, 4)  # of the chain between draws: in large tables, in small ones
_WORK = 20_000  # cells of a table times turns between draws
_GROUP_PRIORS = ((0.5, 3.0, 0.3), (2.0, 2.0, 1.0))  # of log a and b: sd of the mean; shape and scale of the variance
_MOVES = 2  # proposals of each kind in a turn
_SHIFTS = (0.15, 0.3)  # sd of a proposed move of a mean
_STRETCH = 0.3  # sd of the logarithm of a proposed factor of a spread
_PER_STEP = 5  # places of abilities in a step of b
_LEAST = 1e-300


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


@dataclass(slots=True)
class _Chain:
    """State of the chain. `values` (2, items): log a and b; `means`, `spreads` (2, groups): of their laws.

    `abilities`: places on their grid.
    """

    right: Array
    asked: Array
    groups: Ints
    abilities: Ints
    values: Array
    means: Array
    spreads: Array
    rng: np.random.Generator

    @property
    def items(self) -> Ints:
        """The cell of each item."""
        return _cells(self.values)

    def turn(self) -> None:
        """Draw items, abilities and groups once, and try the moves."""
        likelihood = self._likelihoods()
        self._draw_items(likelihood)
        for axis in np.repeat((0, 1), _MOVES):
            self._move_means(int(axis), likelihood)
            self._move_spreads(int(axis), likelihood)
        self._draw_abilities()
        self._move_all()
        self._draw_groups()

    def _likelihoods(self) -> Array:
        """(items, cells): log likelihood of each item's answers in each cell, given the abilities."""
        likelihood = self.asked.T @ _WRONG[self.abilities]
        likelihood += np.outer(_ABILITIES[self.abilities] @ self.right, _A) - np.outer(self.right.sum(axis=0), _A * _B)
        return np.asarray(likelihood)

    def _draw_items(self, likelihood: Array) -> None:
        """A cell of each item, then its values within the cell by the law of its group."""
        edges = [_standard(axis, mean, spread) for axis, mean, spread in zip(_EDGES, self.means, self.spreads, strict=True)]
        first, second = (np.log(np.maximum(_mass(ends[:, :-1], ends[:, 1:]), _LEAST)) for ends in edges)
        laws = (first[:, :, None] + second[:, None, :]).reshape(len(first), -1)
        places = np.divmod(_categories(likelihood + laws[self.groups], self.rng), len(_AXES[1]))
        for axis, place in enumerate(places):
            low, high = edges[axis][self.groups, place], edges[axis][self.groups, place + 1]
            values = self.means[axis][self.groups] + self.spreads[axis][self.groups] * _between(low, high, self.rng)
            middle, half = _AXES[axis][place], _STEPS[axis] * _INSIDE
            self.values[axis] = np.clip(values, middle - half, middle + half)

    def _move_means(self, axis: int, likelihood: Array) -> None:
        """Move a group's mean with all its items."""
        shift = _SHIFTS[axis] * self.rng.standard_normal(len(self.means[axis]))
        wide, _, _ = _GROUP_PRIORS[axis]
        prior = (self.means[axis] ** 2 - (self.means[axis] + shift) ** 2) / (2.0 * wide**2)
        moved = self._moved(axis, self.values[axis] + shift[self.groups], prior, likelihood)
        self.means[axis] += np.where(moved, shift, 0.0)

    def _move_spreads(self, axis: int, likelihood: Array) -> None:
        """Stretch a group's spread with the distances of its items from the mean."""
        factor = np.exp(_STRETCH * self.rng.standard_normal(len(self.means[axis])))
        _, shape, scale = _GROUP_PRIORS[axis]
        variance = self.spreads[axis] ** 2
        prior = -2.0 * shape * np.log(factor) - scale / variance * (1.0 / factor**2 - 1.0)
        centre = self.means[axis][self.groups]
        stretched = centre + (self.values[axis] - centre) * factor[self.groups]
        moved = self._moved(axis, stretched, prior, likelihood)
        self.spreads[axis] *= np.where(moved, factor, 1.0)

    def _moved(self, axis: int, proposed: Array, prior: Array, likelihood: Array) -> npt.NDArray[np.bool_]:
        """The groups whose items take the proposed values (Metropolis), by the change of the prior of their laws."""
        values, rows = self.values.copy(), np.arange(len(self.groups))
        values[axis] = proposed
        change = likelihood[rows, _cells(values)] - likelihood[rows, self.items]
        gain = prior + np.bincount(self.groups, change, minlength=len(prior))
        moved = np.log(self.rng.random(len(prior))) < gain
        self.values[axis] = np.where(moved[self.groups], proposed, self.values[axis])
        return np.asarray(moved)

    def _draw_abilities(self) -> None:
        """The place of each model's ability, given the items."""
        items = self.items
        slopes = self.right @ _A[items]
        likelihood = np.outer(slopes, _ABILITIES) + self.asked @ _WRONG[:, items].T
        self.abilities = _categories(likelihood - 0.5 * _ABILITIES**2, self.rng)

    def _move_all(self) -> None:
        """Move all abilities and difficulties by as much, which changes no chance of an answer."""
        steps = int(self.rng.integers(1, 4)) * (1 if self.rng.random() < 0.5 else -1)
        abilities, b = self.abilities + steps * _PER_STEP, _nearest(_AXES[1], self.values[1]) + steps
        if min(abilities.min(), b.min()) < 0 or abilities.max() >= len(_ABILITIES) or b.max() >= len(_AXES[1]):
            return
        shift, wide = steps * _STEPS[1], _GROUP_PRIORS[1][0]
        gain = 0.5 * float((_ABILITIES[self.abilities] ** 2 - _ABILITIES[abilities] ** 2).sum())
        gain += float((self.means[1] ** 2 - (self.means[1] + shift) ** 2).sum()) / (2.0 * wide**2)
        if np.log(self.rng.random()) < gain:
            self.abilities = abilities
            self.values[1] += shift
            self.means[1] += shift

    def _draw_groups(self) -> None:
        """Means and standard deviations of log a and b in each group: conjugate draws, means first."""
        sizes = np.bincount(self.groups).astype(np.float64)
        for axis, (wide, shape, scale) in enumerate(_GROUP_PRIORS):
            values = self.values[axis]
            precision = sizes / self.spreads[axis] ** 2 + 1.0 / wide**2
            centre = np.bincount(self.groups, values) / self.spreads[axis] ** 2 / precision
            self.means[axis] = centre + self.rng.standard_normal(len(sizes)) / np.sqrt(precision)
            squares = np.bincount(self.groups, (values - self.means[axis][self.groups]) ** 2)
            self.spreads[axis] = np.sqrt((scale + squares / 2.0) / self.rng.gamma(shape + sizes / 2.0))


def _chances(
    rates: Array, known: npt.NDArray[np.bool_], groups: Ints, draws: int, rng: np.random.Generator
) -> Iterator[Array]:
    """The chances of a correct answer (models, items) of each draw."""
    right, asked = np.where(known, rates, 0.0), known.astype(np.float64)
    first = (right.sum(axis=1) + 1.0) / (asked.sum(axis=1) + 2.0)
    laws = np.zeros((2, groups.max() + 1)), np.ones((2, groups.max() + 1))
    abilities = _nearest(_ABILITIES, np.log(first / (1.0 - first)))
    chain = _Chain(right, asked, groups, abilities, np.zeros((2, len(groups))), *laws, rng)
    turns = int(np.clip(_WORK // rates.size, *_TURNS))
    for at in range(_BURNED + draws):
        for _ in range(turns):
            chain.turn()
        if at >= _BURNED:
            yield 1.0 - np.exp(_WRONG[chain.abilities[:, None], chain.items])


def _cells(values: Array) -> Ints:
    """The cell of each item with these values of log a and b."""
    log_a, b = (_nearest(axis, row) for axis, row in zip(_AXES, values, strict=True))
    return np.asarray(log_a * len(_AXES[1]) + b, dtype=np.int64)


def _nearest(axis: Array, values: Array) -> Ints:
    """The nearest place of an axis of equal steps."""
    places = np.rint((values - axis[0]) / (axis[1] - axis[0])).astype(np.int64)
    return np.asarray(np.clip(places, 0, len(axis) - 1), dtype=np.int64)


def _standard(edges: Array, means: Array, spreads: Array) -> Array:
    """(groups, edges): the edges of the cells in standard deviations of each group's law."""
    return np.asarray((edges - means[:, None]) / spreads[:, None])


def _mass(low: Array, high: Array) -> Array:
    """Share of a normal law between two ends, to the same digits in both tails."""
    from scipy.special import ndtr

    upper = low > 0.0
    return np.asarray(ndtr(np.where(upper, -low, high)) - ndtr(np.where(upper, -high, low)))


def _between(low: Array, high: Array, rng: np.random.Generator) -> Array:
    """A draw of a standard normal law between two ends; a missing tail gives an infinite one."""
    from scipy.special import ndtr, ndtri

    sign = np.where(low > 0.0, -1.0, 1.0)
    start, end = ndtr(np.where(low > 0.0, -high, low)), ndtr(np.where(low > 0.0, -low, high))
    return np.asarray(sign * ndtri(start + rng.random(len(low)) * (end - start)))


def _categories(logs: Array, rng: np.random.Generator) -> Ints:
    """One column of each row, drawn with chances proportional to the exponentials."""
    weights = np.exp(logs - logs.max(axis=1, keepdims=True)).cumsum(axis=1)
    return np.asarray((weights < rng.random((len(logs), 1)) * weights[:, -1:]).sum(axis=1), dtype=np.int64)
