"""Search policy `refinement`: a tree whose nodes are whole rewritings of failing answers (SPaR, Cheng et al. 2024,
arXiv:2412.11605).

`n` answers are drawn, and the process judges each: its score is the share of critiques that pass it. An answer with a score
above one half passes, and one with exactly one half (a tie) is dropped. One with less is refined breadth first: `branch`
rewritings of each of the `keep` best, `depth` levels deep, until a rewriting passes. Export `rewrite_pairs` pairs it with
the answer that it refines, and filters pairs by edit distance and verdicts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rollmill.methods import ROOT, Growth, Tree, checked_count, checked_question, ranked, votes_by_score
from rollmill_reasoning.search.procedures.replayed import PastWaves, Procedure, growths_after, to_their_ends, votes_after

PASS = 0.5
"""The share of critiques above which an answer passes."""
TEMPLATE = """{prompt}

An answer that falls short of what is asked:
{piece*}

Write the whole answer anew, and change only what falls short."""


@dataclass(frozen=True, slots=True)
class Refinement:
    """Votes of 1 for each answer or rewriting that passes; if none does, finished ones vote with their scores."""

    name = "refinement"
    version = "1"
    whole = True
    n: int = 5
    """Answers drawn first."""
    branch: int = 3
    """Rewritings of each kept text."""
    keep: int = 2
    """Texts of a level that are rewritten."""
    depth: int = 3
    """Levels of rewritings."""
    template: str = TEMPLATE
    """Request for a rewriting, with `{prompt}` and `{piece*}`."""

    def __post_init__(self) -> None:
        for option in ("n", "branch", "keep", "depth"):
            checked_count("search policy", self.name, option, getattr(self, option))
        checked_question(self.name, "template", self.template)

    @property
    def questions(self) -> Mapping[str, str]:
        """The request for a rewriting."""
        return {"rewritten": self.template}

    def grow(self, tree: Tree) -> Sequence[Growth]:
        """Pieces of the first answers, then a level of rewritings of every answer that fails."""
        return growths_after(self, tree)

    def votes(self, tree: Tree) -> Mapping[str, float]:
        """Votes of the answers that pass."""
        votes = votes_after(self, tree)
        return votes or votes_by_score(tree)

    def procedure(self, past: PastWaves) -> Procedure:
        """All failing answers level by level, side by side."""
        yield [Growth(ROOT, self.n)]
        answers = yield from to_their_ends(past)
        past.votes.update((node.id, 1.0) for node in answers if node.score > PASS)
        refined = {node.id: [node] for node in answers if node.score < PASS}
        for _ in range(self.depth):
            asked = {text.id: answer for answer, texts in refined.items() for text in texts}
            if not asked:
                return
            yield [Growth(text, self.branch, "rewritten") for text in asked]
            new, chance = past.new, past.chance
            levels = {answer: [node for node in new if asked[node.parent] == answer] for answer in refined}
            for answer, level in levels.items():
                best = ranked(level, chance)
                if best[0].score > PASS:
                    past.votes[best[0].id] = 1.0
                    del refined[answer]
                else:
                    refined[answer] = best[: self.keep]
