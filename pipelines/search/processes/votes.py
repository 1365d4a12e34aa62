"""Process `votes`: the model is asked of each begun answer whether it is right so far; label-free."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Problem
from rollmill.pipelines.option_checks import checked_count
from rollmill.pipelines.search.partial import Partial, PieceDraws
from rollmill.steps.reading import check_reader, fields_of
from rollmill.steps.step_template import places_of

QUESTION = "{prompt}\n\nThe answer so far:\n{piece}\n\nIs every step of it right? Say yes or no."


@dataclass(frozen=True, slots=True)
class Votes:
    """The share of `count` votes that say `yes`; one half if none can be read.

    `template`: the question, with no other placeholders than {prompt} and {piece}, since a process sees no label.
    `pattern`: regular expression that finds the vote; the last match counts, in lower case. `max_tokens`: most tokens of a
    vote.
    """

    name = "votes"
    version = "1"
    count: int = 4
    """Votes on each begun answer."""
    template: str = QUESTION
    """Text of the question, with `{prompt}` and `{piece}`."""
    pattern: str = r"(?i)\b(yes|no)\b"
    """Regular expression that finds the vote; its last match counts."""
    yes: str = "yes"
    """Vote that counts as a yes."""
    max_tokens: int = 16
    """Most tokens of a vote."""
    draws: PieceDraws = field(init=False)

    def __post_init__(self) -> None:
        for option in ("count", "max_tokens"):
            checked_count("process", self.name, option, getattr(self, option))
        named = {place.name for place in places_of(self.template, ["piece"])}
        if named != {"prompt", "piece"}:
            raise SetupError(
                f"process 'votes': the template names {sorted(named)}, and must name only {{prompt}} and {{piece}}."
            )
        check_reader("process 'votes'", {"vote": self.pattern})
        object.__setattr__(self, "draws", PieceDraws(self.count, self.template, self.max_tokens))

    def read(self, text: str) -> str | None:
        """Vote in the text, in lower case."""
        vote = fields_of(text, {"vote": self.pattern}).get("vote")
        return None if vote is None else vote.lower()

    def scores(self, problem: Problem, partials: Sequence[Partial]) -> Sequence[float]:
        """Scores, one for each text."""
        del problem
        return [self._share(partial.said) for partial in partials]

    def _share(self, said: Sequence[str | None]) -> float:
        read = [vote for vote in said if vote is not None]
        return sum(vote == self.yes.lower() for vote in read) / len(read) if read else 0.5
