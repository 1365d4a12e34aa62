"""Scorer `leading_steps`: the share of a chain's steps before the first wrong one.

For problems whose `meta.states` has the result of each step (synthesizer `instructions`). The last step alone decides
whether an answer is right; this score says where it went wrong.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rollmill.ground.records import Completion, Problem, Score

_LINE = re.compile(r"^[^\w\n]*+step\s++(\d+)\W*:\s*+(.*)$", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class LeadingSteps:
    """From 0 to 1, by lines `Step N: result`; if a step has two lines, the last counts. No score without states."""

    name = "leading_steps"
    version = "1"

    def score(self, problem: Problem, completions: Sequence[Completion]) -> Iterator[Score]:
        """Yield a score for each completion, in input order."""
        states = problem.meta.get("states")
        if not isinstance(states, (list, tuple)) or not states:
            return
        for completion in completions:
            given = {int(number[:4]): _plain(state) for number, state in _LINE.findall(completion.text)}
            right = [given.get(at) == _plain(str(state)) for at, state in enumerate(states, 1)]
            leading = right.index(False) if False in right else len(right)
            yield Score(completion.id, problem.id, self.name, self.version, leading / len(right))


def _plain(text: str) -> str:
    return " ".join(text.strip().casefold().rstrip(".").split())
