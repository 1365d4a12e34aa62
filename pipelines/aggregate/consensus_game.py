"""The consensus game: candidates ranked by an equilibrium between a generator and a discriminator.

Jacob et al. 2024, The consensus game, arXiv:2310.09139. The generator sees whether it should answer correctly and names a
candidate, the discriminator sees the candidate and says which it was; both win if it is right, and pay for leaving their
initial policies (weight `pull`). Policies follow piKL: the exponential of the other's average policy and of the initial.
Many games are played at once; the first axis of every array is the game.
"""

from dataclasses import dataclass

import numpy as np

from rollmill.ground.errors import SetupError
from rollmill.roles.blind_pool import Floats

LEAST = 1e-12
"""Share of the largest likelihood that every candidate has at least: one of 0 would have no finite payoff."""


@dataclass(frozen=True, slots=True)
class ConsensusSettings:
    """`pull`: weight of the initial policies. `rate`: rate of learning. `rounds`: rounds of play."""

    pull: float = 0.1
    rate: float = 0.1
    rounds: int = 5_000

    def __post_init__(self) -> None:
        if not (self.pull > 0 and self.rate > 0 and self.rounds >= 1):
            raise SetupError(
                f"a game with pull {self.pull}, rate {self.rate} and {self.rounds} rounds has no equilibrium.",
                choices=("pull and rate above 0", "1 round or more"),
            )


@dataclass(frozen=True, slots=True)
class Consensus:
    """Equilibria, each array of shape (games, 2, candidates), index 0 of the second axis for `correct`.

    `generator` sums to 1 over the candidates of a game, `discriminator` over the two sides. A candidate that is not in a
    game has 0 in the generator's policy. `gaps` (games, 2): what each player could still win by
    another policy, on average.
    """

    generator: Floats
    discriminator: Floats
    gaps: Floats


def consensus(
    generator: Floats, discriminator: Floats, settings: ConsensusSettings | None = None, there: Floats | None = None
) -> Consensus:
    """The equilibria from initial policies, which are normalised here.

    `generator`: (games, 2, candidates) likelihoods given `correct` and `incorrect`; `discriminator`: (games, 2, candidates)
    likelihoods of the sides. `there` (games, candidates): 1 for the candidates of a game, all by default.
    """
    settings = settings or ConsensusSettings()
    here = np.ones(generator[:, :1].shape) if there is None else there[:, None, :]
    least = np.maximum(LEAST * generator.max(axis=2, keepdims=True, initial=0.0), np.finfo(float).tiny)
    with np.errstate(divide="ignore"):
        first_g = _normal(np.log(np.maximum(generator, least) * here), axis=2)
        first_d = _normal(np.log(np.maximum(discriminator, LEAST)), axis=1)
    now_g, now_d = np.exp(first_g), np.exp(first_d)
    sum_g, sum_d = np.zeros_like(now_g), np.zeros_like(now_d)
    for played in range(1, settings.rounds + 1):
        sum_g, sum_d = sum_g + now_g, sum_d + now_d
        now_g = _answer(sum_d / (2 * played), first_g, settings, played, axis=2)
        now_d = _answer(sum_g / (2 * played), first_d, settings, played, axis=1)
    mean_g, mean_d = sum_g / settings.rounds, sum_d / settings.rounds
    gaps = (_gap(mean_g, mean_d / 2, first_g, settings, 2), _gap(mean_d, mean_g / 2, first_d, settings, 1))
    return Consensus(mean_g, mean_d, np.stack(gaps, axis=1))


def _normal(logp: Floats, axis: int) -> Floats:
    """Normalised log-probabilities; a game without candidates stays without."""
    total = np.logaddexp.reduce(logp, axis=axis, keepdims=True)
    return np.asarray(logp - np.where(np.isfinite(total), total, 0.0))


def _answer(values: Floats, first: Floats, settings: ConsensusSettings, played: int, *, axis: int) -> Floats:
    """The policy for average values of the actions: exp((Q + pull log first) / (1 / (rate t) + pull))."""
    exponents = (values + settings.pull * first) / (1 / (settings.rate * played) + settings.pull)
    largest = exponents.max(axis=axis, keepdims=True, initial=-np.inf)
    weights = np.exp(exponents - np.where(np.isfinite(largest), largest, 0.0))
    return np.asarray(weights / np.maximum(weights.sum(axis=axis, keepdims=True), np.finfo(float).tiny))


def _gap(policy: Floats, values: Floats, first: Floats, settings: ConsensusSettings, axis: int) -> Floats:
    """Maximum over pi of sum pi Q - pull KL(pi, first), or pull log sum first exp(Q / pull), less its value at policy."""
    best = settings.pull * np.logaddexp.reduce(first + values / settings.pull, axis=axis)
    finite = np.where(policy > 0, first, 0.0)
    spread = np.where(policy > 0, policy * (np.log(np.maximum(policy, np.finfo(float).tiny)) - finite), 0.0)
    own = (policy * values).sum(axis=axis) - settings.pull * spread.sum(axis=axis)
    return np.asarray(np.where(np.isfinite(best), best - own, 0.0).sum(axis=1))
