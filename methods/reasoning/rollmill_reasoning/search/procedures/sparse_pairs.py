"""Search policy `sparse_pairs`: the model compares a share of all ordered pairs of answers, and the best one is elected
(Gienapp et al. 2022, Sparse pairwise re-ranking with pre-trained transformers, arXiv:2207.04470).

`n` answers are drawn. Of the n x (n - 1) ordered pairs a `share` is compared, each pair in both orders and every answer
equally often, give or take one round. Every comparison is a draw of the run: stored, paid, and never asked again. Pairs of
equal texts are ties and are not asked. Answers are ranked by `by`: the share of comparisons that an answer wins, or its
strength by Bradley and Terry.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from rollmill.methods import (
    ROOT,
    Growth,
    PairComparison,
    Tree,
    checked_choice,
    checked_count,
    checked_share,
    comparison_plan,
    pair_ranking,
    votes_by_score,
)
from rollmill_reasoning.search.procedures.pair_question import PairQuestion
from rollmill_reasoning.search.procedures.replayed import PastWaves, Procedure, growths_after, to_their_ends, votes_after

Pair = tuple[str, str]
Ranking = Literal["strength", "wins"]


@dataclass(frozen=True, slots=True)
class SparsePairs(PairQuestion):
    """A vote of 1 for the strongest answer."""

    name = "sparse_pairs"
    version = "1"
    whole = False
    n: int = 8
    """Answers drawn first."""
    share: float = 1 / 3
    """Share of all ordered pairs that is compared, at least one round of pairs."""
    by: Ranking = "wins"
    """Measure that ranks the answers: `wins`, the share of comparisons won, or `strength`, that of Bradley and Terry."""

    def __post_init__(self) -> None:
        PairQuestion.__post_init__(self)
        checked_count("search policy", self.name, "n", self.n)
        checked_share("search policy", self.name, "share", self.share)
        checked_choice("search policy", self.name, "by", self.by, ("strength", "wins"))

    @property
    def questions(self) -> Mapping[str, str]:
        """The question about a pair."""
        return {"direction": self.template}

    def grow(self, tree: Tree) -> Sequence[Growth]:
        """Pieces of the answers, then the planned comparisons."""
        return growths_after(self, tree)

    def votes(self, tree: Tree) -> Mapping[str, float]:
        """The vote of the strongest answer; before the comparisons, finished answers by their scores."""
        return votes_after(self, tree) or votes_by_score(tree)

    def procedure(self, past: PastWaves) -> Procedure:
        """Answers, then comparisons, in waves in which no answer is shown first twice."""
        yield [Growth(ROOT, self.n)]
        answers = [node.id for node in (yield from to_their_ends(past))]
        if len(answers) < 2:
            past.votes.update(dict.fromkeys(answers, 1.0))
            return
        places = {answer: at for at, answer in enumerate(answers)}
        plan = comparison_plan(answers, self._count(len(answers)), past.chance.randrange(2**32))
        compared: list[PairComparison] = []
        for wave in _waves(plan):
            # Keyed by the first answer, of which a wave holds one pair.
            second = dict(pair for pair in wave if past.text(pair[0]) != past.text(pair[1]))
            compared += [PairComparison(*pair, 0.5) for pair in wave if pair[0] not in second]
            if second:
                yield [Growth(one, 1, "direction", (other,)) for one, other in second.items()]
                replies = [(node.parent, self.first_is_better(node)) for node in past.new]
                compared += [PairComparison(one, second[one], _won(first)) for one, first in replies]
        # Of equally strong answers the one that ended first.
        past.votes[max(self._strengths(compared).items(), key=lambda item: (item[1], -places[item[0]]))[0]] = 1.0

    def _count(self, answers: int) -> int:
        """Comparisons of so many answers: an even number."""
        # Even, as each pair is asked in both orders; answers // 2 pairs are one round.
        return 2 * max(round(self.share * answers * (answers - 1) / 2), answers // 2)

    def _strengths(self, compared: Sequence[PairComparison]) -> dict[str, float]:
        """Measure of each compared answer."""
        if self.by == "strength":
            ranking = pair_ranking(compared)
            return {answer: one.value for answer, one in zip(ranking.models, ranking.strengths, strict=True)}
        won: dict[str, list[float]] = {}
        for row in compared:
            won.setdefault(row.first, []).append(row.won)
            won.setdefault(row.second, []).append(1.0 - row.won)
        return {answer: sum(wins) / len(wins) for answer, wins in won.items()}


def _won(first_is_better: bool | None) -> float:
    """1 if the first answer won, 0 if the second did, .5 if the reply names neither."""
    return 0.5 if first_is_better is None else float(first_is_better)


def _waves(plan: Sequence[Pair]) -> Iterator[list[Pair]]:
    """The pairs in order, in groups in which no answer is first twice."""
    wave: list[Pair] = []
    for pair in plan:
        # The first answer is the node that grows, and a wave may name a node only once.
        if any(pair[0] == other[0] for other in wave):
            yield wave
            wave = []
        wave.append(pair)
    if wave:
        yield wave
