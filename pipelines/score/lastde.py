"""Scorer `lastde`: likelihood of a text over the spread of its local structure, which tells texts of a model from others.

Xu et al. 2024 (arXiv:2410.06072), Lastde: the log-probabilities of the tokens are a series; its diversity entropy at
several scales varies more in texts of people. The model should be the one that a text is suspected to come from.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from rollmill.ground.records import Completion
from rollmill.pipelines.option_checks import checked_count
from rollmill.pipelines.score.text_likelihood import GivenTextScorer

Floats = npt.NDArray[np.float64]
SAME = 1e-12  # spread of entropies below which a text has no score


@dataclass(kw_only=True)
class Lastde(GivenTextScorer):
    """Mean log-probability of a token over the standard deviation of the diversity entropy at scales 1 to `scales`; nats.

    Higher for texts of the model. A text that is too short, or whose entropies are equal, has no score.
    """

    window: int = 3
    """Number of tokens in a window."""
    bins: int = 10
    """Bins of the entropy for each token of the text."""
    scales: int = 5
    """Scales: averages of 1 to so many neighbours."""
    name: str = field(init=False, default="lastde")

    def __post_init__(self) -> None:
        checked_count("scorer", self.name, "window", self.window, least=2)
        checked_count("scorer", self.name, "bins", self.bins)
        checked_count("scorer", self.name, "scales", self.scales, least=2)

    @property
    def version(self) -> str:
        """Version with the model and the options."""
        return self.versioned("1", window=str(self.window), bins=str(self.bins), scales=str(self.scales))

    def value_of(self, answer: Completion) -> float | None:
        """The score of a text that the model has read."""
        if not answer.logprobs:
            return None
        return lastde(answer.logprobs, window=self.window, bins=self.bins * len(answer.logprobs), scales=self.scales)


def lastde(logprobs: Sequence[float], *, window: int, bins: int, scales: int) -> float | None:
    """Mean of a series over the standard deviation of its diversity entropies; None if undefined."""
    series = np.asarray(logprobs, dtype=np.float64)
    if len(series) < window + scales:  # two windows at the largest scale
        return None
    entropies = [diversity_entropy(averages(series, scale), window, bins) for scale in range(1, scales + 1)]
    spread = float(np.std(entropies))
    return float(series.mean()) / spread if spread > SAME else None


def averages(series: Floats, scale: int) -> Floats:
    """Means of `scale` neighbours: (n - scale + 1,)."""
    return np.asarray(np.lib.stride_tricks.sliding_window_view(series, scale).mean(axis=1), dtype=np.float64)


def diversity_entropy(series: Floats, window: int, bins: int) -> float:
    """Entropy of the cosines of successive windows over equal bins of [-1, 1], as a share of its maximum, 0 to 1.

    A window of zeros has the cosine 0. Source: Wang et al. 2021, diversity entropy.
    """
    windows = np.lib.stride_tricks.sliding_window_view(series, window)
    lengths = np.linalg.norm(windows, axis=1)
    products = (windows[:-1] * windows[1:]).sum(axis=1)
    scale = lengths[:-1] * lengths[1:]
    cosines = np.divide(products, scale, out=np.zeros_like(products), where=scale > 0)
    # Rounding puts the cosine of equal windows on both sides of the last edge.
    counts, _ = np.histogram(np.clip(cosines, -1.0, 1.0), bins=bins, range=(-1.0, 1.0))
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log(shares)).sum() / np.log(bins)) if bins > 1 else 0.0
