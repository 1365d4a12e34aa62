"""Scorer `votes`: what the votes of a step say of the completion that they follow, one number of all of them.

The votes are completions of a step with role `vote`, drawn, stored and paid for like any other; here they are read, never
asked for.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import fsum, isfinite

from pipelines.protocols import VOTES, Candidates, Vote
from storage.errors import SetupError
from storage.records import Score


@dataclass(frozen=True, slots=True)
class Votes:
    """`of`: the step and the field that is read, `grade.score`.

    - Votes about one completion: the mean of their numbers; with `yes`, the share of them that say one of these words.
    - Votes that choose from a gathered group by its number: the share of the votes shown the completion that chose it.

    A vote without the field counts in no number. Fewer than `least` votes that could be read: no score. `referenced`: the
    step sees a reference or a verdict, so these numbers may rank training data and elect no answer.
    """

    of: str
    yes: tuple[str, ...] = ()
    least: int = 1
    referenced: bool = False
    needs = (VOTES,)

    @property
    def name(self) -> str:
        """`votes`, or `label_votes` where they rest on a label."""
        return "label_votes" if self.referenced else "votes"

    def __post_init__(self) -> None:
        step, _, field = self.of.partition(".")
        if not step or not field:
            raise SetupError(f"scorer 'votes': of is {self.of!r}.", choices=("STEP.FIELD, grade.score for one",))
        if isinstance(self.least, bool) or not isinstance(self.least, int) or self.least < 1:
            raise SetupError(f"scorer 'votes': least is {self.least!r}, and must be a whole number of at least 1.")

    @property
    def version(self) -> str:
        """Its version with what it reads; the votes themselves are in the mark which a run adds."""
        yes = "" if not self.yes else f" yes={'|'.join(self.yes)}"
        return f"1 of={self.of}{yes} least={self.least}"

    def score_groups(self, groups: Sequence[Candidates]) -> Iterator[Score]:
        """One score per completion with votes enough, in input order."""
        for group in groups:
            for completion, votes in zip(group.completions, group.votes, strict=True):
                values = [value for vote in votes if (value := self.value(vote)) is not None]
                if len(values) >= self.least:
                    yield Score(completion.id, group.problem.id, self.name, self.version, fsum(values) / len(values))

    def value(self, vote: Vote) -> float | None:
        """What one vote says of a completion; None where it says nothing that can be read."""
        step, _, field = self.of.partition(".")
        said = vote.fields.get(field)
        if vote.step != step or said is None:
            return None
        if self.yes:
            return float(said in self.yes)
        try:
            number = float(said)
        except ValueError:
            return None
        if vote.place:
            return float(number == vote.place) if 1 <= number <= vote.of else None
        return number if isfinite(number) else None
