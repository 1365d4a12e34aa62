"""Process `none`: every text is as good as every other; what a policy gains without a process."""

from collections.abc import Sequence

from pipelines.search.partial import Partial
from storage.records import Problem


class Constant:
    """One half for each text."""

    name = "none"
    version = "1"

    def scores(self, problem: Problem, partials: Sequence[Partial]) -> Sequence[float]:
        """One half each."""
        del problem
        return [0.5] * len(partials)
