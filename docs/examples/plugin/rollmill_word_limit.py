"""The verifier `word_limit`: a completion is right if it has words, and no more of them than allowed."""

from collections.abc import Iterable, Iterator

from rollmill import Completion, Problem, Verdict


class WordLimit:
    """`most`: the number of words that an answer may have."""

    name = "word_limit"

    def __init__(self, most: int = 100) -> None:
        self.most = most
        self.version = f"1 most={most}"

    def verify(self, problem: Problem, completion: Completion) -> Verdict:
        """The verdict on one completion."""
        words = len(completion.text.split())
        outcome = "unparsed" if not words else "correct" if words <= self.most else "incorrect"
        cause = None if outcome == "correct" else f"{words} words, {self.most} at most"
        return Verdict(completion.id, problem.id, self.name, self.version, outcome, rule="words", cause=cause)

    def verify_many(self, items: Iterable[tuple[Problem, Completion]]) -> Iterator[Verdict]:
        """The verdicts on many, in order."""
        return (self.verify(problem, completion) for problem, completion in items)

    def close(self) -> None:
        """Nothing is held open."""
