"""Planted samplers with a known fault, and one without: a test that cannot tell them apart proves nothing."""

from collections.abc import Callable, Mapping

import numpy as np

from rollmill.ground.pool import Floats, Ints

PlantedSampler = Callable[[Floats, int, np.random.Generator], Ints]
"""Function of chances, number of draws and random generator that gives the count of each token."""

RARE_TOKENS, RARE_MASS = 50_000, 1e-3
GUMBEL_STEP = 2.0**-24
"""Spacing of the uniform numbers from which 32-bit Gumbel noise is computed."""


def exact(chances: Floats, draws: int, generator: np.random.Generator) -> Ints:
    """Draws of the distribution itself."""
    return np.asarray(generator.multinomial(draws, chances / chances.sum()))


def warmer(chances: Floats, draws: int, generator: np.random.Generator) -> Ints:
    """Temperature .97 in place of 1."""
    return exact(np.where(chances > 0, chances, 0.0) ** (1 / 0.97), draws, generator)


def gumbel_32(chances: Floats, draws: int, generator: np.random.Generator) -> Ints:
    """The largest of log p + Gumbel noise of 24-bit uniforms, as float32 has them: noise above 16.64 does not occur.

    Zheng et al. 2024, arXiv:2409.02908. `chances`: those of one likely token, then of rare ones with equal chances.
    """
    wins, rare = rare_wins(chances, draws, generator), len(chances) - 1
    return np.concatenate([[draws - wins], np.bincount(generator.integers(rare, size=wins), minlength=rare)])


def rare_wins(chances: Floats, draws: int, generator: np.random.Generator) -> int:
    """Draws in which a rare token has the largest value.

    The largest of m uniforms is one uniform to the power of 1 / m, so that the rare ones need a single number a draw.
    """
    rare, steps = len(chances) - 1, 1 / GUMBEL_STEP
    grid = np.floor(generator.random((2, draws)) ** np.asarray([[1.0], [1.0 / rare]]) * steps) / steps
    with np.errstate(divide="ignore"):
        noise = -np.log(-np.log(grid))
        logp = np.log(np.asarray([chances[0], chances[1]]))
        values = logp[:, None] + noise
    return int((values[1] > values[0]).sum())


def moved_by_gumbel_32(chances: Floats) -> float:
    """Probability mass that 32-bit Gumbel noise can move at most: half a step of its uniforms a token, or all it has."""
    return float(np.minimum(chances, GUMBEL_STEP / 2).sum())


def rare_chances() -> Floats:
    """One likely token, and 50,000 of 2e-8 each."""
    return np.concatenate([[1 - RARE_MASS], np.full(RARE_TOKENS, RARE_MASS / RARE_TOKENS)])


FAULTS: Mapping[str, PlantedSampler] = {"none": exact, "temperature .97": warmer}
"""Faults that show on the distributions of a model, and none, which should hardly ever fail."""
RARE_FAULTS: Mapping[str, PlantedSampler] = {"32-bit Gumbel noise": gumbel_32}
"""Faults that show on a distribution with many rare tokens."""
