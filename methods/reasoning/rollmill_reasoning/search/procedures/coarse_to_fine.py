"""Search policy `coarse_to_fine`: hypotheses searched from coarse to detailed, with judges' scores as the objective
(MOOSE-Chem2, Yang et al. 2025, arXiv:2505.19209).

`n` coarse texts are drawn. Within a level the search is hill climbing: the best text is rewritten `branch` times at its
level of detail, and a better rewriting replaces it, at most `climbs` times or until none is better. Then the next level
begins: details that the best text leaves open are named, a text is written that settles each, and climbing starts from the
best of these. The process scores texts: with `critiques`, a panel of judges who are asked one question.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rollmill.methods import ROOT, Growth, Tree, checked_count, checked_question, ranked, votes_by_score
from rollmill_reasoning.search.procedures.replayed import PastWaves, Procedure, growths_after, to_their_ends, votes_after

DETAIL = """{prompt}

A proposal:
{piece*}

Name the most important detail that it leaves open at the next level of detail, and how to settle it. Nothing finer."""
REWRITE = """{prompt}

A proposal, and before it, where one was written, a detail that it leaves open:
{piece*}

Write the whole proposal anew. With a detail before it: settle that one, and leave all finer ones open. Without: make it \
better at its own level of detail, and add none."""


@dataclass(frozen=True, slots=True)
class CoarseToFine:
    """A vote of 1 for the text that was reached. `levels` 1: a climb on one level."""

    name = "coarse_to_fine"
    version = "1"
    whole = True
    n: int = 4
    """Coarse texts drawn first."""
    levels: int = 3
    """Levels of detail, the coarse one included."""
    branch: int = 3
    """Texts written from the best one at a time."""
    climbs: int = 2
    """Most steps of a climb on a level; 0 for none."""
    detail: str = DETAIL
    """Request for an open detail, with `{prompt}` and `{piece*}`."""
    template: str = REWRITE
    """Request for a text, with `{prompt}` and `{piece*}`."""

    def __post_init__(self) -> None:
        for option in ("n", "levels", "branch"):
            checked_count("search policy", self.name, option, getattr(self, option))
        checked_count("search policy", self.name, "climbs", self.climbs, least=0)
        for option in ("detail", "template"):
            checked_question(self.name, option, getattr(self, option))

    @property
    def questions(self) -> Mapping[str, str]:
        """The requests for details and for texts."""
        return {"direction": self.detail, "rewritten": self.template}

    def grow(self, tree: Tree) -> Sequence[Growth]:
        """Pieces of the coarse texts, then details or texts of the best one."""
        return growths_after(self, tree)

    def votes(self, tree: Tree) -> Mapping[str, float]:
        """The vote of the text that was reached; before there is one, finished texts by their scores."""
        return votes_after(self, tree) or votes_by_score(tree)

    def procedure(self, past: PastWaves) -> Procedure:
        """Climb, go down, climb."""
        yield [Growth(ROOT, self.n)]
        best = ranked((yield from to_their_ends(past)), past.chance)[0]
        for level in range(self.levels):
            if level:
                yield [Growth(best.id, self.branch, "direction")]
                yield [Growth(detail.id, 1, "rewritten", (best.id,)) for detail in past.new]
                best = ranked(past.new, past.chance)[0]
            for _ in range(self.climbs):
                yield [Growth(best.id, self.branch, "rewritten")]
                other = ranked(past.new, past.chance)[0]
                if other.score <= best.score:
                    break
                best = other
            past.votes.clear()
            past.votes[best.id] = 1.0
