"""Levels of detail: where the search climbs and goes down, what it finds, and which panels of judges lead it to the truth
(MOOSE-Chem2, arXiv:2505.19209).
"""

from dataclasses import dataclass, field
from random import Random
from statistics import fmean

import pytest

from rollmill.ground.errors import SetupError
from rollmill.pipelines.search.kernel import wave_of
from rollmill.pipelines.search.tree import ROOT, Growth, Tree, TreeNode
from rollmill_reasoning.search.procedures.coarse_to_fine import CoarseToFine


def text(cid: str, score: float, parent: str = ROOT, wave: int = 0, step: str = "rewritten") -> TreeNode:
    return TreeNode(cid, parent, wave + 1, wave, step != "direction", score, 1, 1, step=step)


def test_a_level_is_climbed_until_nothing_is_better_and_the_next_one_begins_with_its_best() -> None:
    policy = CoarseToFine(n=2, levels=2, branch=2, climbs=2)

    def asked() -> list[Growth]:
        return list(policy.grow(Tree("toy", tuple(nodes))))

    nodes = [text("a", 0.2, step="piece"), text("b", 0.4, step="piece")]
    assert asked() == [Growth("b", 2, "rewritten")]
    nodes += [text("c", 0.6, "b", 1), text("d", 0.1, "b", 1)]
    assert asked() == [Growth("c", 2, "rewritten")]  # better: the climb goes on from it
    nodes += [text("e", 0.6, "c", 2), text("f", 0.5, "c", 2)]
    assert asked() == [Growth("c", 2, "direction")]  # as good is not better
    assert policy.votes(Tree("toy", tuple(nodes))) == {"c": 1.0}
    nodes += [text("g", 0.5, "c", 3, "direction"), text("h", 0.5, "c", 3, "direction")]
    assert asked() == [Growth("g", 1, "rewritten", ("c",)), Growth("h", 1, "rewritten", ("c",))]
    nodes += [text("i", 0.3, "g", 4), text("j", 0.5, "h", 4)]
    assert asked() == [Growth("j", 2, "rewritten")]  # worse than the coarse one, and yet it goes on: it says more
    nodes += [text("k", 0.2, "j", 5), text("l", 0.1, "j", 5)]
    assert asked() == []
    assert policy.votes(Tree("toy", tuple(nodes))) == {"j": 1.0}


@dataclass
class Landscape:
    """Hypotheses of three choices, coarse to fine, one of each right; a finer choice counts behind right ones alone.

    A panel is `judges`, by number: a judge is wrong about a text always by as much, and a little by chance each time.
    """

    seed: int
    judges: tuple[int, ...] = ()
    whole: bool = False
    options: int = 5
    nodes: list[TreeNode] = field(default_factory=list)
    made: dict[str, list[int]] = field(default_factory=dict)
    named: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.rng = Random(self.seed)
        self.hidden = [self.rng.randrange(self.options) for _ in range(3)]

    def truth(self, choices: list[int]) -> float:
        right = next((at for at, one in enumerate(choices) if one != self.hidden[at]), len(choices))
        return 0.1 + (0.0, 0.4, 0.6, 0.8)[right]

    def judged(self, choices: list[int]) -> float:
        """The mean of the panel; without one the truth."""
        if not self.judges:
            return self.truth(choices)
        bias = [Random(f"{self.seed} {judge} {choices}").gauss(0, 0.25) for judge in self.judges]
        score = self.truth(choices) + fmean(one + self.rng.gauss(0, 0.1) for one in bias)
        return min(1.0, max(0.0, score))

    def reached(self, policy: CoarseToFine) -> list[int]:
        """What the policy ends with."""
        while growths := wave_of(policy, tree := Tree("toy", tuple(self.nodes), self.seed)):
            for growth in growths:
                for _ in range(growth.count):
                    self._draw(growth, len(tree.waves))
        (end,) = policy.votes(Tree("toy", tuple(self.nodes), self.seed))
        return self.made[end]

    def _draw(self, growth: Growth, wave: int) -> None:
        cid, any_choice = f"n{len(self.nodes):04}", self.rng.randrange(self.options)
        if growth.behind == "direction":
            self.named[cid] = any_choice
            self.nodes.append(text(cid, 0.5, growth.node, wave, "direction"))
            return
        if growth.behind == "rewritten":
            choices = list(self.made[growth.beside[0] if growth.beside else growth.node])
            if growth.beside:
                choices.append(self.named[growth.node])
            else:
                choices[self.rng.randrange(3) if self.whole else -1] = any_choice
        else:
            choices = [self.rng.randrange(self.options) for _ in range(3 if self.whole else 1)]
        self.made[cid] = choices
        self.nodes.append(text(cid, self.judged(choices), growth.node, wave, growth.behind or "piece"))

    @property
    def written(self) -> int:
        return len(self.made)


def test_levels_find_the_hypothesis_more_often_than_whole_ones_at_as_many_texts() -> None:
    levels, flat, written = [], [], [0, 0]
    for seed in range(60):
        fine, whole = Landscape(seed), Landscape(seed, whole=True)
        levels.append(fine.reached(CoarseToFine(n=8, branch=8, climbs=1)) == fine.hidden)
        flat.append(whole.reached(CoarseToFine(n=16, levels=1, branch=8, climbs=5)) == whole.hidden)
        written = [written[0] + fine.written, written[1] + whole.written]
    assert written[0] <= 50 * 60
    assert fmean(levels) > 0.75
    assert fmean(levels) > fmean(flat) + 0.2


def test_judges_of_several_minds_lead_to_the_truth_more_often_than_one_asked_as_often() -> None:
    """Repeating a judge averages chance alone; what it always gets wrong about a text stays (the paper's question)."""

    def found(judges: tuple[int, ...]) -> float:
        policy, worlds = CoarseToFine(n=8, branch=8, climbs=1), [Landscape(seed, judges) for seed in range(150)]
        return fmean(world.reached(policy) == world.hidden for world in worlds)

    one, repeated, diverse = found((0,)), found((0,) * 5), found(tuple(range(5)))
    assert diverse > repeated + 0.15
    assert abs(repeated - one) < diverse - repeated


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"levels": 0}, "option 'levels' is 0"),
        ({"climbs": -1}, "option 'climbs' is -1"),
        ({"detail": "{prompt}"}, "option 'detail' must be a text with"),
    ],
)
def test_senseless_options_are_named(options: dict[str, object], message: str) -> None:
    with pytest.raises(SetupError, match=message):
        CoarseToFine(**options)  # type: ignore[arg-type]
