"""Reading what a judge wrote, and counting votes. Knows no rubric and no model.

Only the judge's own completion is read, and of it only the last line that is not blank: `VERDICT: correct` or
`VERDICT: incorrect`. Anything else is a failed vote. A text that was cut off has no last line.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from storage.records import Completion, Outcome

Said = Literal["correct", "incorrect"]
_VERDICT = re.compile(r"[\s*_`]*VERDICT\s*:[\s*_`]*(correct|incorrect)[\s*_`.]*", re.IGNORECASE)
_SHOWN = 160


@dataclass(frozen=True, slots=True)
class Vote:
    """One vote: what was said (None: nothing that counts), and in which order the texts were shown."""

    said: Said | None
    answer_first: bool
    line: str = ""

    def told(self) -> dict[str, Any]:
        """The vote as evidence."""
        return {"said": self.said, "first": "answer" if self.answer_first else "reference", "line": self.line}


@dataclass(frozen=True, slots=True)
class Count:
    """Votes counted: every vote is one of the three, so none drops out of a share."""

    correct: int
    incorrect: int
    failed: int

    @property
    def votes(self) -> int:
        """All of them."""
        return self.correct + self.incorrect + self.failed


def vote_of(completion: Completion | None, *, answer_first: bool) -> Vote:
    """The vote of a judge's completion; one that the engine did not give is a failed vote."""
    if completion is None:
        return Vote(None, answer_first, "(the engine gave no completion)")
    lines = completion.text.strip().splitlines()
    last = lines[-1].strip() if lines else ""
    match = _VERDICT.fullmatch(last)
    if match is None or completion.finish_reason in ("length", "error"):
        return Vote(None, answer_first, last[:_SHOWN])
    return Vote("correct" if match[1].lower() == "correct" else "incorrect", answer_first, last[:_SHOWN])


def count(votes: Sequence[Vote]) -> Count:
    """The votes by what they say."""
    said = [vote.said for vote in votes]
    return Count(said.count("correct"), said.count("incorrect"), said.count(None))


def majority(counted: Count, max_failed: float) -> tuple[Outcome, str, str | None]:
    """(outcome, rule, cause): undecided where too large a share of the votes failed, and on a tie."""
    if counted.failed > max_failed * counted.votes or counted.failed == counted.votes:
        return "undecided", "failures", f"judge: {counted.failed} of {counted.votes} votes gave no verdict"
    if counted.correct == counted.incorrect:
        return "undecided", "majority", f"tie: {counted.correct} votes each"
    return ("correct" if counted.correct > counted.incorrect else "incorrect"), "majority", None
