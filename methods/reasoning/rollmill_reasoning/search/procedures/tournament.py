"""Search policy `tournament`: the model compares answers in pairs, in both orders, until one is left (knockout of Chen et
al. 2024, arXiv:2411.19477).

`n` answers are drawn and paired by chance. Each pair is compared `comparisons` times, half of them with either answer shown
first, so that a preference for a place favours neither; the answer with more votes goes on, and chance decides a tie. Every
comparison is a draw of the run: stored, paid, and never asked again. Pairs of equal texts are not compared.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

from rollmill.methods import ROOT, Growth, SetupError, Tree, TreeNode, checked_count, votes_by_score
from rollmill_reasoning.search.procedures.pair_question import PairQuestion
from rollmill_reasoning.search.procedures.replayed import PastWaves, Procedure, growths_after, to_their_ends, votes_after


@dataclass(frozen=True, slots=True)
class Tournament(PairQuestion):
    """A vote of 1 for the answer that is left. (n - 1) x comparisons draws at most, besides the answers."""

    name = "tournament"
    version = "1"
    whole = False
    n: int = 8
    """Answers drawn first."""
    comparisons: int = 2
    """Comparisons of a pair, an even number."""

    def __post_init__(self) -> None:
        PairQuestion.__post_init__(self)
        for option in ("n", "comparisons"):
            checked_count("search policy", self.name, option, getattr(self, option))
        if self.comparisons % 2:
            raise SetupError(
                f"search policy 'tournament': comparisons is {self.comparisons}; half of them show the other answer first.",
                choices=("an even number",),
            )

    @property
    def questions(self) -> Mapping[str, str]:
        """The question about a pair."""
        return {"direction": self.template}

    def grow(self, tree: Tree) -> Sequence[Growth]:
        """Pieces of the answers, then the comparisons of a round."""
        return growths_after(self, tree)

    def votes(self, tree: Tree) -> Mapping[str, float]:
        """The vote of the answer that is left; before there is one, finished answers by their scores."""
        return votes_after(self, tree) or votes_by_score(tree)

    def procedure(self, past: PastWaves) -> Procedure:
        """Rounds of pairs; an unpaired answer goes on."""
        yield [Growth(ROOT, self.n)]
        left = list((yield from to_their_ends(past)))
        past.chance.shuffle(left)
        while len(left) > 1:
            pairs = list(zip(left[::2], left[1::2], strict=False))
            differing = [pair for pair in pairs if past.text(pair[0].id) != past.text(pair[1].id)]
            if differing:
                yield [growth for pair in differing for growth in self._comparisons(*pair)]
            # If all pairs are of equal texts, the last wave is not one of comparisons.
            won = self._won(past.new if differing else ())
            # One generator for all pairs: each access gives a new one with the same seed, so all ties would fall alike.
            chance = past.chance
            left = [_winner(pair, won, chance) for pair in pairs] + left[2 * len(pairs) :]
        past.votes[left[0].id] = 1.0

    def _comparisons(self, one: TreeNode, other: TreeNode) -> list[Growth]:
        """Half of the comparisons of a pair in each order."""
        half = self.comparisons // 2
        return [Growth(one.id, half, "direction", (other.id,)), Growth(other.id, half, "direction", (one.id,))]

    def _won(self, said: Sequence[TreeNode]) -> Counter[str]:
        """Votes for each answer less votes against it; a comparison is a child of the answer that it shows first."""
        won: Counter[str] = Counter()
        for node in said:
            if (better := self.first_is_better(node)) is not None:
                won[node.parent] += 1 if better else -1
        return won


def _winner(pair: tuple[TreeNode, TreeNode], won: Mapping[str, int], chance: Random) -> TreeNode:
    one, other = pair
    margin = won.get(one.id, 0) - won.get(other.id, 0)
    return one if margin > 0 or (margin == 0 and chance.random() < 0.5) else other
