"""Pilots of a mixture: the loss measured at some shares of the sources, and laws that predict it at others.

A law is fitted to pilots and predicts the loss at any shares. It proposes the shares with the smallest prediction.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Protocol

import numpy as np

from rollmill.ground.errors import SetupError
from rollmill.ground.pool import Floats
from rollmill.stats.clusters.intervals import t_quantile

MOST_SHARES = 300  # shares of the grid that a law is asked at


@dataclass(frozen=True, slots=True, eq=False)
class Pilots:
    """Measured mixtures. `shares`: (pilots, sources), rows of sum 1. `losses`: (pilots,), smaller is better. `sizes`:
    (pilots,), rows or tokens of each training.
    """

    sources: tuple[str, ...]
    shares: Floats
    losses: Floats
    sizes: Floats

    def __post_init__(self) -> None:
        if len(self.sources) < 2:
            raise SetupError("a mixture has two sources or more.", choices=("two or more columns of shares",))
        if len(self.losses) < 3:
            raise SetupError(f"{len(self.losses)} pilots are too few.", next_command="three pilots or more")
        if not (self.losses > 0).all() or not (self.sizes > 0).all():
            raise SetupError("losses and sizes of pilots are positive numbers.")
        # The tolerance is for shares that are written with three decimals.
        wrong = np.flatnonzero((self.shares.min(axis=1) < 0) | (np.abs(self.shares.sum(axis=1) - 1) > 1e-3))
        if wrong.size:
            shown = ", ".join(f"{share:g}" for share in self.shares[wrong[0]])
            raise SetupError(f"pilot {wrong[0] + 1}: the shares are {shown}; they are at least 0 and add up to 1.")

    def where(self, kept: "np.typing.NDArray[np.bool_]") -> "Pilots":
        """Some of the pilots."""
        return Pilots(self.sources, self.shares[kept], self.losses[kept], self.sizes[kept])


class MixtureFit(Protocol):
    """A fitted law."""

    def predict(self, shares: Floats, size: float) -> Floats:
        """Losses (n,) of mixtures (n, sources) at a size; ValueError for a size that the pilots do not support."""


class MixtureLaw(Protocol):
    """A form of the loss over shares and size."""

    name: str
    source: str

    def fit(self, pilots: Pilots) -> MixtureFit:
        """The law with the parameters that fit; SetupError if the pilots are too few."""


@dataclass(frozen=True, slots=True, eq=False)
class SizeFits:
    """Fits of the logarithm of the loss at one size each, continued by the power law through the two largest sizes.

    Stage 2 of projektor (Kang et al. 2023, arXiv:2307.02460): two sizes determine the scaling of a mixture's loss without
    further parameters. Here log(loss) is the line in log(size).
    """

    sizes: tuple[float, ...]
    fits: tuple[Callable[[Floats], Floats], ...]

    def predict(self, shares: Floats, size: float) -> Floats:
        """The fit of that size, or the power law through the two largest; ValueError with pilots of one other size."""
        if size in self.sizes:
            return np.exp(self.fits[self.sizes.index(size)](shares))
        if len(self.sizes) < 2:
            raise ValueError(f"all pilots have size {self.sizes[0]:g}; size {size:g} needs pilots of a second size")
        (small, large), (low, high) = self.sizes[-2:], (fit(shares) for fit in self.fits[-2:])
        place = math.log(size / small) / math.log(large / small)
        return np.asarray(np.exp(low + place * (high - low)), dtype=np.float64)


def fits_by_size(pilots: Pilots, fit: Callable[[Floats, Floats], Callable[[Floats], Floats]], least: int) -> SizeFits:
    """A fit to the shares and log losses of each size that has `least` pilots; SetupError if none has."""
    sizes = [float(size) for size in np.unique(pilots.sizes) if (pilots.sizes == size).sum() >= least]
    if not sizes:
        raise SetupError(f"no size has {least} pilots, which this law needs.", next_command="more pilots of one size")
    parts = [pilots.where(pilots.sizes == size) for size in sizes]
    return SizeFits(tuple(sizes), tuple(fit(part.shares, np.log(part.losses)) for part in parts))


def simplex_grid(sources: int, most: int = MOST_SHARES) -> Floats:
    """(n, sources): all shares in equal steps, as fine as `most` points allow."""
    steps = 1
    # The number of points with one step more.
    while math.comb(steps + sources, sources - 1) <= most:
        steps += 1
    # Stars and bars: separators among the places, the gaps between which are the numbers of steps.
    places = np.array(list(combinations(range(steps + sources - 1), sources - 1)), dtype=np.float64)
    ends = np.hstack([np.full((len(places), 1), -1.0), places, np.full((len(places), 1), steps + sources - 1.0)])
    return np.asarray((np.diff(ends, axis=1) - 1) / steps, dtype=np.float64)


def best_shares(predict: Callable[[Floats], Floats], pilots: Pilots, most: int = MOST_SHARES) -> Floats:
    """The shares with the smallest prediction, between those of the pilots: a law does not extrapolate. Takes the best of
    the pilots and of a grid, then moves share between two sources by halved steps.
    """
    sources = len(pilots.sources)
    grid = simplex_grid(sources, most)
    # The pilots themselves are in their hull in any case; the grid may have no point there.
    tried = np.vstack([np.unique(pilots.shares, axis=0), grid[between(grid, pilots.shares)]])
    values = predict(tried)
    best, value = tried[int(np.argmin(values))], float(values.min())
    step = float(np.unique(grid)[1])
    moves = [(more, less) for more in range(sources) for less in range(sources) if more != less]
    for _ in range(4):
        step /= 2
        moved = np.array([best + step * (np.eye(sources)[more] - np.eye(sources)[less]) for more, less in moves])
        moved = moved[(moved >= 0).all(axis=1)]
        moved = moved[between(moved, pilots.shares)]
        if len(moved) and float((values := predict(moved)).min()) < value:
            best, value = moved[int(np.argmin(values))], float(values.min())
    return np.asarray(best / best.sum(), dtype=np.float64)


def between(asked: Floats, known: Floats) -> "np.typing.NDArray[np.bool_]":
    """(n,): True for shares (n, sources) that are a mixture of the known ones, by non-negative least squares."""
    from scipy.optimize import nnls

    # The row of ones makes the weights sum to 1, as those of a mixture do.
    corners = np.vstack([known.T, np.ones(len(known))])
    return np.array([nnls(corners, np.append(row, 1.0))[1] < 1e-6 for row in asked], dtype=bool)


@dataclass(frozen=True, eq=False)
class LawResult:
    """One law on some pilots. `errors`: (pilots,), each predicted without itself; NaN where the other pilots are too
    few.
    """

    law: MixtureLaw
    fit: MixtureFit
    errors: Floats

    @property
    def known(self) -> Floats:
        """Absolute errors of the pilots that were predicted without themselves."""
        return np.asarray(np.abs(self.errors[~np.isnan(self.errors)]))

    @cached_property
    def held_out(self) -> float:
        """Mean absolute error of pilots that the fit did not see."""
        return float(self.known.mean()) if len(self.known) else math.nan

    @property
    def interval(self) -> tuple[float, float] | None:
        """95% interval of the mean absolute error over pilots by Student's t, from 0 on; None for fewer than two."""
        if (n := len(self.known)) < 2:
            return None
        half = t_quantile(0.975, n - 1) * float(self.known.std(ddof=1)) / math.sqrt(n)
        return max(0.0, self.held_out - half), self.held_out + half


def law_result(law: MixtureLaw, pilots: Pilots) -> LawResult:
    """The fit of a law, and its error at every pilot when that one is left out."""
    fit = law.fit(pilots)
    errors = np.full(len(pilots.losses), np.nan)
    for place in range(len(errors)):
        others = np.arange(len(errors)) != place
        try:
            part = law.fit(pilots.where(others))
            predicted = part.predict(pilots.shares[place : place + 1], float(pilots.sizes[place]))
            errors[place] = float(predicted[0]) - float(pilots.losses[place])
        except (SetupError, ValueError):
            continue
    return LawResult(law, fit, errors)


def ridge(features: Floats, values: Floats, penalised: Sequence[int]) -> Floats:
    """Least squares with a penalty on some coefficients, of the strength with the smallest leave-one-out error."""
    # Columns of one scale, so that a penalty means the same to each.
    scale = np.maximum(np.abs(features).max(axis=0), 1e-12)
    scaled = features / scale
    strengths = [0.0, 1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0] if penalised else [0.0]
    best: tuple[float, Floats] | None = None
    for strength in strengths:
        weights = np.zeros(features.shape[1])
        weights[list(penalised)] = strength
        # Few pilots may not determine all coefficients, so the matrix may have no inverse.
        inverse = np.linalg.pinv(scaled.T @ scaled + np.diag(weights))
        fitted = inverse @ scaled.T @ values
        leverage = np.einsum("ij,jk,ik->i", scaled, inverse, scaled)
        if (leverage > 1 - 1e-6).any():  # a pilot that its own loss alone determines
            error = math.inf
        else:
            # Leave-one-out residuals without fitting again: r / (1 - h), with h the leverage.
            error = float((((values - scaled @ fitted) / (1 - leverage)) ** 2).mean())
        if best is None or error < best[0]:
            best = error, fitted
    assert best is not None
    return np.asarray(best[1] / scale, dtype=np.float64)
