"""Trees valued by rollouts: how many, what a step is worth, and where the tree stops."""

from dataclasses import replace

import pytest

from rollmill.pipelines.search.tree import ROOT, Growth, Tree, TreeNode
from rollmill_reasoning.search.procedures.rollout_tree import GrownSteps, RolloutTree
from tests.pipelines.search.tables import ANSWERS, DEPTH, TableTree, probability, right
from tests.pipelines.search.worlds import World


def ends(text: str) -> float:
    return right(text) if len(text) == DEPTH else 0.5


def node(cid: str, parent: str = ROOT, *, depth: int = 1, score: float = 0.5, finished: bool = False) -> TreeNode:
    return TreeNode(cid, parent, depth, depth - 1, finished, score, 1, depth)


def test_rollouts_grow_fewer_with_depth_and_never_fewer_than_the_least() -> None:
    assert [RolloutTree().rollouts_at(depth) for depth in (1, 2, 3, 6)] == [10, 6, 5, 5]
    tree = World(depth=4).grown(RolloutTree(together=1, expand=2, most=2, rollouts=12, least_rollouts=3))
    assert [len(wave) for wave in tree.waves] == [2, 12, 12, 12]  # six rollouts of each step


def test_the_value_of_a_step_is_the_mean_of_its_own_and_of_its_childrens_by_visits() -> None:
    grown = GrownSteps(RolloutTree())
    grown.add([node("a"), node("b")])
    for score in (1.0, 0.0, 0.0, 0.0):
        grown.end("a", node("x", "a", score=score, finished=True))
    assert grown.value("a") == 0.25
    grown.add([node("c", "a", depth=2), node("d", "a", depth=2, score=1.0, finished=True)])
    grown.end("c", node("y", "c", score=0.5, finished=True))
    assert grown.value("a") == (0.25 + (0.5 + 1.0) / 2) / 2
    grown.add([node("e", "c", depth=3, score=0.0, finished=True)])
    assert grown.value("c") == (0.5 + 0.0) / 2
    assert grown.value("a") == (0.25 + (2 * 0.25 + 1.0) / 3) / 2
    assert grown.steps["a"].visits == 4


def test_a_doubted_step_is_reflected_on_once_and_a_sure_one_is_finished() -> None:
    policy = RolloutTree(expand=3, together=3)
    grown = GrownSteps(policy)
    grown.add([node("bad"), node("fair"), node("sure")])
    for step, score in (("bad", 0.2), ("fair", 0.6), ("sure", 1.0)):
        grown.end(step, node("x", step, score=score, finished=True))
    assert grown.next() == [Growth("fair", 3), Growth("bad", 1, "wait")]
    again = GrownSteps(replace(policy, correct=1))
    again.steps = grown.steps
    assert again.next() == []  # the finished step counts as a right end


def test_a_tree_stops_at_so_many_right_ends_and_at_its_most_steps() -> None:
    sizes = {}
    for correct in (1, 1_000):
        policy = RolloutTree(correct=correct, together=1, sure=0.95)
        world = World(depth=4, score=lambda text: float(text.endswith("1")) if len(text) == 4 else 0.5)
        sizes[correct] = sum(len(world.grown(policy, seed).nodes) for seed in range(6))
    assert sizes[1] < 0.8 * sizes[1_000]
    steps = World(depth=9, score=lambda _: 0.6).grown(RolloutTree(most=13, depth=4))
    assert len(steps.finished) > 0
    hopeless = World(depth=9, score=lambda _: 0.0).grown(RolloutTree(most=13, depth=2))
    assert {one.depth for one in hopeless.nodes} == set(range(1, 10))


def test_rollouts_are_unbiased_so_soft_labels_come_nearer_to_the_chance_of_success_than_hard_ones() -> None:
    """The Brier score against the exact chance of each first mark: soft labels of its rollouts, and `any right`."""
    soft, hard = [], []
    for seed in range(30):
        world = TableTree(ends)
        tree = world.grown(RolloutTree(together=1, most=3, rollouts=20), seed)
        for step in tree.waves[0]:
            below = [end.score for end in tree.finished if tree.path(end.id)[0].id == step.id]
            exact = chance_of(world.texts[step.id])
            soft.append((sum(below) / len(below) - exact) ** 2)
            hard.append((float(any(below)) - exact) ** 2)
    assert sum(soft) / len(soft) < 0.5 * sum(hard) / len(hard)


def chance_of(before: str) -> float:
    """The exact chance that an answer with this beginning is right."""
    below = [answer for answer in ANSWERS if answer.startswith(before)]
    return sum(probability(answer) * right(answer) for answer in below) / sum(probability(answer) for answer in below)


def test_a_tree_without_an_end_says_so() -> None:
    assert RolloutTree().votes(Tree("toy")) == {}


@pytest.mark.parametrize("seed", range(3))
def test_every_vote_is_of_a_finished_answer(seed: int) -> None:
    tree = World(depth=5).grown(RolloutTree(most=12), seed)
    assert set(RolloutTree().votes(tree)) == {one.id for one in tree.finished}
