"""Allocator `ease`: the best ordered list of demonstrations, by a small network and its uncertainty.

EASE (Wu, Lin, Dai, Hu, Shu, Ng, Jaillet & Low 2024, Prompt Optimization with EASE): a network predicts the value of a list
from its embedding, and the next list has the largest value plus nu-scaled uncertainty of the network's gradient (NeuralUCB,
with the diagonal of the information matrix). It is trained again from its initial weights after each round. The published
embedding is a sentence encoder's; here a list is embedded by its items at their places.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from rollmill.methods import Arms, PullCosts, checked_count, checked_positive
from rollmill_mixing.allocators.lists.demonstrations import ListOptions, by_value, evaluated, positions
from rollmill_mixing.allocators.lists.list_network import ListNetwork


@dataclass(frozen=True, slots=True)
class Ease(ListOptions):
    """`arms` evaluations, each of one list, are a round."""

    name = "ease"
    version = "1"
    arms: int = 1
    """Number of lists that are evaluated in one round."""
    width: int = 32
    """Hidden units of the network."""
    penalty: float = 0.1
    """Weight that holds the network to its initial weights (lambda)."""
    bonus: float = 0.01
    """Weight of the uncertainty (nu)."""

    def __post_init__(self) -> None:
        ListOptions.__post_init__(self)
        checked_count("allocator", self.name, "arms", self.arms)
        checked_count("allocator", self.name, "width", self.width)
        checked_positive("allocator", self.name, "penalty", self.penalty)
        checked_positive("allocator", self.name, "bonus", self.bonus)

    def next(self, counts: Arms, costs: PullCosts, seed: int) -> Mapping[str, int]:
        """Evaluations of random lists at first, then of the lists with the largest bounds."""
        able = self.able(counts, costs)
        chosen = self.at_random(able, counts, seed)
        if able and not chosen:
            fresh = [name for name in able if not counts[name].pulls] or list(able)
            bounds = self._predicted(counts, seed, self.bonus)
            chosen = by_value({name: bounds[name] for name in fresh})[: self.arms]
        return self.affordable(chosen, able, counts, costs)

    def answer(self, counts: Arms, costs: PullCosts, seed: int) -> list[str]:  # noqa: ARG002 - the means say it
        """The evaluated lists by their means, then the others as the network values them."""
        values, seen = self._predicted(counts, seed, 0.0), evaluated(counts)
        others = {name: values[name] for name in counts if counts[name].mean() < 0.0}
        return [*by_value({name: counts[name].mean() for name in seen}), *by_value(others)]

    def _predicted(self, counts: Arms, seed: int, bonus: float) -> dict[str, float]:
        """Value of each arm with so much of the uncertainty; 0 before any evaluation."""
        names, seen = sorted(counts), evaluated(counts)
        if not seen:
            return dict.fromkeys(names, 0.0)
        points = positions([self.list_of(name) for name in names])
        places = {name: place for place, name in enumerate(names)}
        known = points[[places[name] for name in seen]]
        values = np.array([counts[name].mean() for name in seen])
        centre, spread = values.mean(), values.std() or 1.0
        network = ListNetwork.fit(known, (values - centre) / spread, self.width, self.penalty, seed)
        bounds = network.values(points)
        if bonus:
            bounds = bounds + np.sqrt(self.penalty * bonus) * network.uncertainty(points, known, self.penalty)
        return dict(zip(names, bounds.tolist(), strict=True))
