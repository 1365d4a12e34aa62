"""Scorer `votes`: the votes of a step about a completion, as one number.

The votes are completions of a step with role `vote`, drawn, stored and paid for like any other; this module only reads
them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rollmill.ground.records import Score
from rollmill.pipelines.vote_field import VoteField, mean
from rollmill.roles.protocols import VOTES, Candidates


@dataclass(frozen=True, slots=True)
class VotesScorer:
    """`of`: the step and the field that is read, `grade.score`.

    - Votes about one completion: the mean of their numbers; with `says`, the share of them that say one of these words.
    - Votes that choose from a gathered group by its number: the share of the votes shown the completion that chose it.

    A vote without the field counts in no number. Fewer votes than `readable` that could be read: no score. `referenced`:
    the step sees a reference or a verdict, so these numbers may rank training data and elect no answer.
    """

    of: str
    """Step and field that are read, for example `grade.score`."""
    says: tuple[str, ...] = ()
    """Words that count as a yes; empty: the votes are numbers."""
    readable: int = 1
    """Readable votes that a score needs."""
    referenced: bool = False
    """Say that the step sees a reference or a verdict; such a score elects no answer."""
    needs = (VOTES,)

    @property
    def name(self) -> str:
        """`votes`, or `label_votes` where they rest on a label."""
        return "label_votes" if self.referenced else "votes"

    def __post_init__(self) -> None:
        self.field.check("scorer 'votes'", self.readable)

    @property
    def field(self) -> VoteField:
        """Field that is read of each vote."""
        return VoteField(self.of, tuple(self.says))

    @property
    def version(self) -> str:
        """Version with the field; the votes themselves are in the mark which a run adds."""
        return f"2 {self.field.version} readable={self.readable}"

    def score_groups(self, groups: Sequence[Candidates]) -> Iterator[Score]:
        """Yield a score for each completion with votes enough, in input order."""
        read = self.field.value
        for group in groups:
            for completion, votes in zip(group.completions, group.votes, strict=True):
                values = [value for vote in votes if (value := read(vote)) is not None]
                if len(values) >= self.readable:
                    yield Score(completion.id, group.problem.id, self.name, self.version, mean(values))
