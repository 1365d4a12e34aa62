"""Allocator `uniform`: the same number of pulls for every arm. The baseline of the others."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from rollmill.pipelines.allocate.arms import ArmOptions, Arms, PullCosts, pulls_one_by_one, tie_break


@dataclass(frozen=True, slots=True)
class UniformAllocator(ArmOptions):
    """The arm with the fewest pulls is next."""

    name = "uniform"
    version = "1"

    def next(self, counts: Arms, costs: PullCosts, seed: int) -> Mapping[str, int]:  # noqa: ARG002 - nothing is random
        """One batch."""

        def fewest(able: list[str], planned: Counter[str]) -> str:
            return min(able, key=lambda name: (len(counts[name].pulls) + planned[name], tie_break(name)))

        return pulls_one_by_one(self, counts, costs, fewest)
