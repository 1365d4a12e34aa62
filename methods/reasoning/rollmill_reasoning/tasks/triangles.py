"""Synthesizer `triangles`: name a triangle of a graph that was not named before, a task with many valid answers.

Triangle discovery of Nagarajan et al. 2025 (Roll the dice, arXiv:2504.15266), whose graph is in the weights of a model that
was trained on some of its triangles; here graph and known triangles are in the prompt. An output is creative if it is a
triangle and not a known one: metric `new@k` with scorer `known_answer` over `meta.seen`. The reference is a pattern of all
triangles, for the verifier `regex`.
"""

import random
from collections.abc import Iterator, Sequence
from itertools import combinations

from rollmill.methods import Problem
from rollmill_reasoning.tasks.drawing import LICENCE, checked_some, checked_split, distinct_problems, on_split

SIZES = tuple(range(6, 13))
_LETTERS = "ABCDEFGHIJKL"
_DENSITY = 0.55  # share of all pairs of letters that are joined


class Triangles:
    """Graphs of each size in turn; the level is the size less five. Half of the triangles, rounded down, are known."""

    name, version = "triangles", "1"

    def __init__(self, *, sizes: Sequence[int] = (6, 7, 8), split: str = "train") -> None:
        """Take the options of a recipe.

        Args:
            sizes: Letters of a graph, 6 to 12.
            split: Split of the problems: `train` or `heldout`, which share no graph.
        """
        self.sizes = checked_some(self.name, "sizes", sizes, SIZES)
        self.split = checked_split(self.name, split)

    def synthesize(self, budget: int, seed: int) -> Iterator[Problem]:
        """`budget` distinct problems."""
        return distinct_problems(self.name, self.sizes, self._of, budget, seed)

    def _of(self, size: int, rng: random.Random) -> Problem | None:
        edges = [one + other for one, other in combinations(_LETTERS[:size], 2) if rng.random() < _DENSITY]
        valid = triangles_of(edges)
        if len(valid) < 4 or not on_split(self.split, edges):
            return None
        seen = sorted(rng.sample(valid, len(valid) // 2))
        return Problem(
            f"These pairs of letters are joined: {', '.join(edges)}. Three letters of which each two are joined are a "
            f"triangle. Known triangles are {', '.join(seen)}. Name another triangle: its three letters alone, in the "
            "order of the alphabet.",
            "|".join(valid),
            kind="text",
            source="triangles",
            licence=LICENCE,
            split=self.split,
            level=size - 5,
            skill="discovery",
            template=f"triangles-{size}",
            meta={"seen": seen, "valid": len(valid)},
        )


def triangles_of(edges: Sequence[str]) -> list[str]:
    """The triangles of a graph in alphabetical order; an edge is two letters in their order."""
    joined = set(edges)
    letters = sorted({letter for edge in edges for letter in edge})
    return [a + b + c for a, b, c in combinations(letters, 3) if {a + b, a + c, b + c} <= joined]
