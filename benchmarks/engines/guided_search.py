"""Verifier-guided search against drawing again and again, when the verifier misranks: a simulation, no claim on any model.

The published finding (Scaling Flaws of Verifier-Guided Search) is that a beam wins with few samples and loses with many,
because a verifier that is wrong on a step prunes every valid path, which more samples cannot bring back. Knows no
verifier: its scores are drawn.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class SearchWorld:
    """Problems of `steps` steps, a step right with a chance of its problem's own, uniform between `low` and `high`.

    Scores of valid steps are uniform in [gap, 1], of wrong ones in [0, 1 - gap]: gap .5 orders perfectly. On a share
    `inverted` of (problem, step) pairs they are turned round. The defaults reproduce the card's table.
    """

    problems: int = 500
    steps: int = 6
    branching: int = 4
    inverted: float = 0.15
    low: float = 0.3
    high: float = 0.6
    gap: float = 0.28


@dataclass(frozen=True, slots=True)
class Found:
    """Shares of problems with a valid path at the end. `pruned`: a selection dropped the last one of valid paths."""

    samples: int
    beam: float
    repeated: float
    pruned: float


def guided_search(world: SearchWorld, samples: int, *, seed: int = 0, sharpness: float | None = None) -> Found:
    """A beam of samples / branching paths against `samples` independent draws on the same problems.

    `sharpness`: instead of the best, paths are selected at random without replacement in proportion to
    exp(sharpness * score), the mitigation by stochastic selection (Gumbel top-k).
    """
    rng = np.random.default_rng(seed)
    chance = rng.uniform(world.low, world.high, world.problems)
    inverted = rng.random((world.problems, world.steps)) < world.inverted
    valid: Flags = np.ones((world.problems, 1), dtype=bool)
    pruned: Flags = np.zeros(world.problems, dtype=bool)
    width = max(1, samples // world.branching)
    for step in range(world.steps):
        children = np.repeat(valid, max(1, samples // valid.shape[1]), axis=1)
        children &= rng.random(children.shape) < chance[:, None]
        if step == world.steps - 1:
            valid = children
            break
        kept = _selected(world, rng, children, inverted[:, step], width, sharpness)
        pruned |= children.any(axis=1) & ~kept.any(axis=1)
        valid = kept
    repeated = 1.0 - (1.0 - chance**world.steps) ** samples
    return Found(samples, float(valid.any(axis=1).mean()), float(repeated.mean()), float(pruned.mean()))


def _selected(
    world: SearchWorld, rng: np.random.Generator, children: Flags, inverted: Flags, width: int, sharpness: float | None
) -> Flags:
    """The `width` children of each problem that the verifier's scores keep."""
    scores = rng.random(children.shape) * (1.0 - world.gap) + np.where(children, world.gap, 0.0)
    scores = np.where(inverted[:, None], -scores, scores)
    if sharpness is not None:
        scores = scores * sharpness + rng.gumbel(size=scores.shape)
    if children.shape[1] <= width:
        return children
    best = np.argpartition(-scores, width - 1, axis=1)[:, :width]
    return np.take_along_axis(children, best, axis=1)
