"""Aioli: shares of sources that move during a training, by the estimated effect of every source on every loss.

After Chen et al. 2024 (Aioli: A Unified Optimization Framework for Language Model Data Mixing). Linear dynamic law: one
round at shares p lowers the loss of group i by the sum over j of A[i, j] p[j]. A is estimated by short rounds near one
source each; then p goes up where the column sum of A is large, by exponentiated gradient.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rollmill.ground.errors import SetupError
from rollmill.ground.pool import Floats


def near_one_source(sources: int, weight: float) -> Floats:
    """(sources, sources): shares of the short rounds, `weight` of one source and the rest of all alike."""
    if not 0 < weight <= 1:
        raise SetupError(f"the weight of one source is {weight}.", choices=("above 0 and at most 1",))
    return weight * np.eye(sources) + (1 - weight) / sources


def estimated_effects(shares: Floats, drops: Floats) -> Floats:
    """A (groups, sources) by least squares, from the shares (rounds, sources) of rounds and the drops (rounds, groups) of
    loss in them; SetupError if the rounds do not tell the sources apart.
    """
    if np.linalg.matrix_rank(shares) < shares.shape[1]:
        raise SetupError(
            f"{len(shares)} rounds do not tell {shares.shape[1]} sources apart.", next_command="a round near every source"
        )
    return np.asarray(np.linalg.lstsq(shares, drops, rcond=None)[0].T, dtype=np.float64)


def moved_shares(shares: Floats, effects: Floats, eta: float) -> Floats:
    """Shares after one step: p times exp(eta times the column sums of A), A shifted to at least 0 and of sum 1."""
    shifted = effects - min(0.0, float(effects.min()))
    total = float(shifted.sum())
    if total <= 0:
        return shares
    weights = shares * np.exp(eta * shifted.sum(axis=0) / total)
    return np.asarray(weights / weights.sum(), dtype=np.float64)


@dataclass(frozen=True, slots=True)
class AioliSettings:
    """`sweeps`: short rounds of every source in one estimation. `weight`: share of the one source in them.
    `eta`: size of a step. `average`: weight of the newest estimate in a moving average of A, from which a step starts at
    equal shares; 1: no average, steps accumulate.
    """

    sweeps: int = 4
    weight: float = 0.625
    eta: float = 0.3
    average: float = 1.0


@dataclass(slots=True)
class AioliShares:
    """Shares of a training under way: a pure function of the drops so far, so that a killed training resumes."""

    sources: int
    settings: AioliSettings
    shares: Floats
    effects: Floats | None = None

    @classmethod
    def start(cls, sources: int, settings: AioliSettings | None = None) -> "AioliShares":
        """Equal shares."""
        return cls(sources, settings or AioliSettings(), np.full(sources, 1.0 / sources))

    def rounds(self, rng: np.random.Generator) -> list[int]:
        """The sources of the short rounds of one estimation, every sweep in a random order of its own."""
        return [int(source) for _ in range(self.settings.sweeps) for source in rng.permutation(self.sources)]

    def move(self, rounds: Sequence[int], drops: Floats) -> Floats:
        """The next shares, from the drops (rounds, groups) of loss in the short rounds."""
        tried = near_one_source(self.sources, self.settings.weight)[list(rounds)]
        newest, part = estimated_effects(tried, drops), self.settings.average
        averaged = newest if self.effects is None else part * newest + (1 - part) * self.effects
        start = self.shares if part == 1 else np.full(self.sources, 1.0 / self.sources)
        self.effects, self.shares = averaged, moved_shares(start, averaged, self.settings.eta)
        return self.shares
