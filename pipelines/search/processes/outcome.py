"""Process `outcome`: a finished answer is worth its verdict. It sees labels, so the pieces of its search are marked so.

An unfinished text is worth what `estimate` says, and one half with `none`. Policy `mcts` with `back_up: ends` backs up
outcomes of -1 and 1 (AlphaMath Almost Zero, arXiv:2405.03553). With an estimate, values move from estimated to measured
ones as answers end (I-MCTS, arXiv:2502.14693).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Problem
from rollmill.pipelines.search import PROCESSES
from rollmill.pipelines.search.partial import DrawingProcess, JudgedProcess, Partial

WORTH = {"correct": 1.0, "incorrect": 0.0, "unparsed": 0.0}


@dataclass(frozen=True, slots=True)
class Outcome:
    """1 for a correct answer, 0 for an incorrect or missing one, one half for one that no verifier decides."""

    name = "outcome"
    version = "1"
    reads_verdicts: ClassVar[bool] = True
    nested: ClassVar[Mapping[str, str]] = {"estimate": "process"}
    estimate: Any = "none"
    """The process that values unfinished texts, one that draws nothing: a name, or `{method, options}`."""

    def __post_init__(self) -> None:
        built = [PROCESSES[self.estimate]()] if isinstance(self.estimate, str) else list(self.estimate)
        if len(built) != 1 or isinstance(built[0], (DrawingProcess, JudgedProcess)):
            raise SetupError(
                f"process 'outcome': estimate is {[process.name for process in built]}, and must be one process that draws "
                "nothing and reads no verdicts.",
                choices=("none", "lines", "logprob"),
            )
        object.__setattr__(self, "estimate", built)

    def scores(self, problem: Problem, partials: Sequence[Partial]) -> Sequence[float]:
        """Scores, one for each text."""
        (process,) = self.estimate
        estimates = iter(process.scores(problem, [partial for partial in partials if not partial.finished]))
        return [WORTH.get(partial.outcome or "", 0.5) if partial.finished else next(estimates) for partial in partials]
