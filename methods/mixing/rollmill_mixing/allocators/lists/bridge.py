"""Allocator `bridge`: the best subset of demonstrations by Bayesian optimisation.

The optimising half of BRIDGE (Wan, Zhou, Sun, Nakhost, Jiang & Arik 2025, From Few to Many): a Gaussian process over
inclusion vectors predicts the value of every subset, and the next one is that of largest expected improvement (Jones,
Schonlau & Welch 1998). Kernel and priors are ours (rollmill_mixing.allocators.lists.hamming_process).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from rollmill.methods import Arms, PullCosts
from rollmill_mixing.allocators.lists.demonstrations import Doubles, ListOptions, by_value, evaluated, inclusion
from rollmill_mixing.allocators.lists.hamming_process import HammingProcess

LEAST = 1e-12  # standard deviation


@dataclass(frozen=True, slots=True)
class Bridge(ListOptions):
    """One evaluation of one subset is a round. The order of a list is not read."""

    name = "bridge"
    version = "1"

    def next(self, counts: Arms, costs: PullCosts, seed: int) -> Mapping[str, int]:
        """Evaluations of random subsets at first, then of the subset with the largest expected improvement."""
        able = self.able(counts, costs)
        chosen = self.at_random(able, counts, seed)
        if able and not chosen:
            means, errors = self._predicted(counts)
            seen, names = max((means[name] for name in evaluated(counts)), default=0.0), list(able)
            gains = np.array([means[name] - seen for name in names])
            hoped = improvement(gains, np.array([errors[name] for name in names]))
            chosen = by_value(dict(zip(names, hoped.tolist(), strict=True)))[:1]
        return self.affordable(chosen, able, counts, costs)

    def answer(self, counts: Arms, costs: PullCosts, seed: int) -> list[str]:  # noqa: ARG002 - the process says it
        """The evaluated subsets by their predicted values, then the others by theirs."""
        means, _ = self._predicted(counts)
        known = {name: means[name] for name in evaluated(counts)}
        return [*by_value(known), *by_value({name: means[name] for name in counts if name not in known})]

    def _predicted(self, counts: Arms) -> tuple[dict[str, float], dict[str, float]]:
        """Predicted value of each arm and its standard deviation; 0 and 1 before any evaluation."""
        names, seen = sorted(counts), evaluated(counts)
        if not seen:
            return dict.fromkeys(names, 0.0), dict.fromkeys(names, 1.0)
        points = inclusion([self.list_of(name) for name in names])
        values = np.array([counts[name].mean() for name in seen])
        pulls = np.array([float(len(counts[name].pulls)) for name in seen])
        places = {name: place for place, name in enumerate(names)}
        process = HammingProcess.fit(points[[places[name] for name in seen]], values, pulls)
        means, errors = process.predict(points)
        return dict(zip(names, means.tolist(), strict=True)), dict(zip(names, errors.tolist(), strict=True))


def improvement(gains: Doubles, errors: Doubles) -> Doubles:
    """Expected improvements of normal values with these means above the best seen, and these standard deviations."""
    from scipy.special import ndtr

    spread = np.maximum(errors, LEAST)
    ratio = gains / spread
    return np.asarray(gains * ndtr(ratio) + spread * np.exp(-0.5 * ratio**2) / np.sqrt(2.0 * np.pi))
