"""Readers of votes with one vice each, and one with none. Loaded by path in the child process."""

from collections.abc import Sequence
from math import fsum

from rollmill.ground.records import Completion, Outcome, Problem, Verdict
from rollmill.pipelines.vote_field import VoteField, mean
from rollmill.roles.protocols import Vote, VotesOn


class Fair:
    """The mean of the votes; the one without a vice."""

    name = "fair"
    version = "1"
    suite = "votes"

    def __init__(self, *, of: str, least: float, readable: int = 1) -> None:
        self.field, self.least, self.readable = VoteField(of), least, readable

    def bind(self, cast: VotesOn | None, plan: str) -> None:
        assert cast is not None
        assert plan == ""
        self.cast = cast

    def verify(self, problem: Problem, completion: Completion) -> Verdict:
        [votes] = self.cast.on([(problem, completion)])
        outcome = self.outcome(votes) if self.said(completion) else "unparsed"
        return Verdict(completion.id, problem.id, self.name, self.version, outcome, "toy")

    def said(self, completion: Completion) -> bool:
        return bool(completion.text.strip()) and "<think>" not in completion.text

    def outcome(self, votes: Sequence[Vote]) -> Outcome:
        values = [value for vote in votes if (value := self.field.value(vote)) is not None]
        if len(values) < self.readable:
            return "undecided"
        return "correct" if self.enough(values, len(votes)) else "incorrect"

    def enough(self, values: list[float], asked: int) -> bool:
        del asked
        return mean(values) >= self.least


class Generous(Fair):
    """The best vote counts."""

    def enough(self, values: list[float], asked: int) -> bool:
        del asked
        return max(values) >= self.least


class Strict(Fair):
    """Just enough is not enough."""

    def enough(self, values: list[float], asked: int) -> bool:
        del asked
        return sum(values) / len(values) > self.least + 1e-9


class Impatient(Fair):
    """One vote is enough, however many were asked for."""

    def __init__(self, *, of: str, least: float, readable: int = 1) -> None:
        super().__init__(of=of, least=least, readable=min(1, readable))


class Shy(Fair):
    """Wants one vote more than it was told."""

    def __init__(self, *, of: str, least: float, readable: int = 1) -> None:
        super().__init__(of=of, least=least, readable=readable + 1)


class Counting(Fair):
    """What cannot be read is a 0."""

    def enough(self, values: list[float], asked: int) -> bool:
        return fsum(value / asked for value in values) >= self.least


class Floating(Fair):
    """Adds first, as Python does."""

    def enough(self, values: list[float], asked: int) -> bool:
        del asked
        return fsum(values) / len(values) >= self.least


class Hearsay(Fair):
    """Any step may vote."""

    def outcome(self, votes: Sequence[Vote]) -> Outcome:
        return super().outcome([Vote(self.field.of.partition(".")[0], vote.fields) for vote in votes])


class First(Fair):
    """Who votes first decides."""

    def enough(self, values: list[float], asked: int) -> bool:
        del asked
        return values[0] >= self.least


class Deaf(Fair):
    """Judges an answer without a word."""

    def said(self, completion: Completion) -> bool:
        del completion
        return True
