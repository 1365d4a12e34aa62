"""Allocator `thompson`: each pull goes to the arm that is best in one draw from the posteriors (Thompson 1933)."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from rollmill.pipelines.allocate.arms import ArmOptions, Arms, PullCosts, pulls_one_by_one, random_of_round


@dataclass(frozen=True, slots=True)
class Thompson(ArmOptions):
    """Beta(1 + correct, 1 + wrong) for each arm, divided by the cost of a pull."""

    name = "thompson"
    version = "1"

    def next(self, counts: Arms, costs: PullCosts, seed: int) -> Mapping[str, int]:
        """One batch; every pull has a draw of its own."""
        generator = random_of_round(seed, counts)
        right = {name: sum(pull.right for pull in arm.pulls) for name, arm in counts.items()}
        wrong = {name: sum(pull.drawn for pull in arm.pulls) - right[name] for name, arm in counts.items()}

        def sampled(able: list[str], planned: Counter[str]) -> str:
            del planned
            rates = [float(generator.beta(1 + right[name], 1 + wrong[name])) / costs.get(name, 1.0) for name in able]
            return able[rates.index(max(rates))]

        return pulls_one_by_one(self, counts, costs, sampled)
