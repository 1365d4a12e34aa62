"""A partial answer, the input of a process, and the role of a process, which scores unfinished texts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from pipelines.steps.reading import fields_of
from storage.ground.records import Problem


@dataclass(frozen=True, slots=True)
class Partial:
    """The whole text so far, whether it is finished, and the tokens and summed log-probability of all its pieces.

    For a process that has something drawn: `said`: the values read from the draws of this text (for a finished one without
    draws, from itself). `known`: the values read for the problem so far, this wave included. For a process that reads
    verdicts: `outcome`: the accepted outcome of a finished text.
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

    `template`: a question that names {prompt} and {piece}; "": the model continues the text to the end of the answer, and
    finished texts have none. `max_tokens`: of each, None for those of a whole answer. `reads`: patterns of fields {piece.X}
    of the question; then only finished texts whose last piece has them all are asked about. `finished`: only those are.
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
