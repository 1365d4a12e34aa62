"""Process `back_verification`: a finished answer is put back into the problem, and the model judges whether all of it holds
(BEATS, Sun et al. 2024, arXiv:2409.17972); label-free.

The judge sees the problem and the final answer, not the reasoning. The released evaluation of the paper applies this rule
only where the majority was wrong, which takes the reference; here the judgement is a score, and no election sees a label.
"""

from dataclasses import dataclass

from rollmill.methods import PieceDraws, SetupError, Votes, check_reader, checked_count, places_of

QUESTION = """{prompt}

Suppose that the answer is {piece.answer}. Put it back into the problem, and check whether every statement of the problem \
then holds. End with yes or no."""


@dataclass(frozen=True)
class BackVerification(Votes):
    """The share of `count` judgements of a finished answer that say yes; one half for a text without an answer."""

    name = "back_verification"
    version = "1"
    count: int = 3
    """Judgements of each finished answer."""
    template: str = QUESTION
    """Text of the question, with `{prompt}` and `{piece.answer}`."""
    pattern: str = r"(?i)\b(yes|no)\b"
    """Regular expression that finds the judgement; its last match counts."""
    yes: str = "yes"
    """Judgement that counts as a yes."""
    max_tokens: int = 128
    """Most tokens of a judgement."""
    answer: str = r"####\s*(.+)"
    """Regular expression that finds the final answer in the last piece; its last match counts."""

    def __post_init__(self) -> None:
        for option in ("count", "max_tokens"):
            checked_count("process", self.name, option, getattr(self, option))
        places = {(place.name, place.field) for place in places_of(self.template, ["piece"])}
        if places != {("prompt", ""), ("piece", "answer")}:
            raise SetupError(
                "process 'back_verification': the template must name {prompt} and {piece.answer}, and nothing else."
            )
        check_reader("process 'back_verification'", {"judgement": self.pattern, "answer": self.answer})
        reads = {"answer": self.answer}
        object.__setattr__(self, "draws", PieceDraws(self.count, self.template, self.max_tokens, reads=reads))
