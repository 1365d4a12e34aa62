"""A partial answer, the input of a process, and the role of a process, which scores unfinished texts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from rollmill.ground.records import Problem
from rollmill.steps.reading import fields_of


@dataclass(frozen=True, slots=True)
class Partial:
    """The input of a process: the text of an answer so far. `finished`: True if the answer is complete. `tokens`,
    `logprob`: tokens and summed log-probability of all its pieces.

    For a process with draws, `said`: values read from the draws of this text (for a finished text without draws, from the
    text itself); `known`: values read for the problem so far, this wave included. For a process that reads verdicts,
    `outcome`: the accepted outcome of a finished text.
    """

    text: str
    finished: bool
    tokens: int
    logprob: float | None = None
    said: Sequence[str | None] = ()
    known: Sequence[str | None] = ()
    outcome: str | None = None


class Process(Protocol):
    """Scores begun answers of one problem without looking at verdicts: a pure function of problem and text."""

    name: str
    version: str

    def scores(self, problem: Problem, partials: Sequence[Partial]) -> Sequence[float]:
        """Numbers from 0 to 1, one for each text in order."""
        ...


@dataclass(frozen=True, slots=True)
class PieceDraws:
    """Draws for each new piece before it is scored: `count` completions, by the run's model.

    `template`: question that names {prompt} and {piece}. If it is "", the model continues the text to the end of the
    answer, and finished texts get no draws. `max_tokens`: most tokens of each draw; None: as for a whole answer. `reads`:
    patterns of the fields {piece.X} of the question; only finished texts whose last piece has all of them are asked about.
    `finished`: True to ask about finished texts only.
    """

    count: int
    template: str = ""
    max_tokens: int | None = None
    reads: Mapping[str, str] = field(default_factory=dict)
    finished: bool = False

    def wanted(self, piece: str, *, finished: bool) -> bool:
        """True for a text that has draws; `piece`: the last of it."""
        if not self.template:
            return not finished
        if self.reads:
            return finished and len(fields_of(piece, self.reads)) == len(self.reads)
        return finished or not self.finished


@runtime_checkable
class DrawingProcess(Process, Protocol):
    """A process that rests on draws. They are the step `process` of the run, and count against the tree's tokens."""

    draws: PieceDraws

    def read(self, text: str) -> str | None:
        """Counted part of a drawn text; None if there is none."""
        ...


@runtime_checkable
class JudgedProcess(Process, Protocol):
    """A process that scores finished texts by their outcomes. The rows of its search count as having seen a label."""

    reads_verdicts: bool
