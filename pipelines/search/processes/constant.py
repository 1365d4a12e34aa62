"""Process `none`: every text is as good as every other; what a policy gains without a process."""

from collections.abc import Sequence

from rollmill.ground.records import Problem
from rollmill.pipelines.search.partial import Partial


class Constant:
    """Constant process: one half for each text."""

    name = "none"
    version = "1"

    def scores(self, problem: Problem, partials: Sequence[Partial]) -> Sequence[float]:
        """Scores of one half each."""
        del problem
        return [0.5] * len(partials)
