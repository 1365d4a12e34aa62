"""Search policy `iterative_deepening`: answers whose budgets grow by a factor, with a request to check between them
(Iterative Deepening Sampling, Chen et al. 2025, arXiv:2502.05449).

An answer is drawn to `first` tokens or to its end. Then `trigger` is written after it, even after its end, and it continues
for `growth` times as many tokens, for `rounds` budgets in all. If the last budget is spent without an end, `end` is written
and the model states its result. Budgets count drawn tokens; the last piece of a budget may exceed it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rollmill.methods import ROOT, Growth, Tree, TreeNode, checked_count, checked_text, refused
from rollmill_reasoning.search.procedures.replayed import PastWaves, Procedure, growths_after, votes_after

MOST_ROUNDS = 100
"""Most budgets: 100 to the power of more is beyond floating point."""


@dataclass(frozen=True, slots=True)
class IterativeDeepening:
    """`n` answers side by side, each with a vote of 1 for its last end."""

    name = "iterative_deepening"
    version = "1"
    n: int = 4
    """Answers drawn side by side."""
    first: int = 24
    """Tokens of the first budget, B."""
    growth: float = 2.0
    """Ratio of each budget to the budget before it (gamma)."""
    rounds: int = 3
    """Budgets: B, gamma B, gamma^2 B for 3."""
    trigger: str = "\nWait, let me check this from the beginning."
    """Text between two budgets."""
    end: str = "#### "
    """Text that makes an answer end."""

    def __post_init__(self) -> None:
        for option in ("n", "first", "rounds"):
            checked_count("search policy", self.name, option, getattr(self, option))
        if isinstance(self.growth, bool) or not isinstance(self.growth, (int, float)) or not 1 <= self.growth <= 100:
            raise refused("search policy", self.name, "growth", self.growth, "a number from 1 to 100")
        if self.rounds > MOST_ROUNDS:
            raise refused("search policy", self.name, "rounds", self.rounds, f"a whole number from 1 to {MOST_ROUNDS}")
        for option, text in (("trigger", self.trigger), ("end", self.end)):
            checked_text(self.name, option, text)

    @property
    def budgets(self) -> Sequence[int]:
        """Tokens of each round: B, gamma B, gamma^2 B, ..., rounded."""
        return [round(self.first * self.growth**number) for number in range(self.rounds)]

    @property
    def texts(self) -> Mapping[str, str]:
        """Texts that the policy writes, by the step that continues after them."""
        return {"wait": self.trigger, "end": self.end}

    @property
    def longest(self) -> int:
        """The tokens at which an answer is ended; each budget may be exceeded by a piece."""
        return sum(self.budgets)

    def grow(self, tree: Tree) -> Sequence[Growth]:
        """A piece for each answer with tokens left, after a text where a budget is spent."""
        return growths_after(self, tree)

    def votes(self, tree: Tree) -> Mapping[str, float]:
        """Votes of 1 for each answer's end in the last budget."""
        return votes_after(self, tree)

    def procedure(self, past: PastWaves) -> Procedure:
        """All answers piece by piece, each in its own round."""
        yield [Growth(ROOT, self.n)]
        answers = {node.id: _Deepening(node) for node in past.new}
        while True:
            asked = {answer.last.id: answer for answer in answers.values() if answer.goes_on(self.budgets)}
            growths = [Growth(node, 1, answer.behind(self.budgets)) for node, answer in asked.items()]
            if not growths:
                return
            for growth in growths:
                # Before the wave is drawn: its pieces count in the new round.
                asked[growth.node].begin(growth.behind)
            yield growths
            for node in past.new:
                asked[node.parent].take(node)
            # An answer's end in this wave replaces its earlier one, which must not keep a vote.
            past.votes.clear()
            past.votes.update((answer.last.id, 1.0) for answer in answers.values() if answer.done(self.budgets))


@dataclass(slots=True)
class _Deepening:
    """An answer: its last piece, its round from 0, the tokens spent in it, and whether its end was asked for."""

    last: TreeNode
    round: int = 0
    spent: int = 0
    ended: bool = False

    def __post_init__(self) -> None:
        self.spent = self.last.tokens

    def goes_on(self, budgets: Sequence[int]) -> bool:
        return not (self.ended or self.done(budgets))

    def done(self, budgets: Sequence[int]) -> bool:
        """True for an answer at its end in the last round."""
        return self.last.finished and self.round == len(budgets) - 1

    def behind(self, budgets: Sequence[int]) -> str:
        """Text that is due: `wait` after a budget or an end, `end` after the last budget."""
        if self.round < len(budgets) - 1:
            # An end before the last round is only a first attempt, and is followed by the request to check.
            return "wait" if self.last.finished or self.spent >= budgets[self.round] else ""
        return "end" if self.spent >= budgets[-1] else ""

    def begin(self, behind: str) -> None:
        """Begin the next round after `wait`, or the end after `end`."""
        if behind == "wait":
            self.round, self.spent = self.round + 1, 0
        self.ended = behind == "end"

    def take(self, node: TreeNode) -> None:
        """Take the next piece."""
        self.last, self.spent = node, self.spent + node.tokens
