"""Values of single steps: worth, reward, V by visits, and the prior of a piece."""

import math
from collections import Counter

import pytest

from rollmill.ground.errors import SetupError
from rollmill.pipelines.search.tree import ROOT, Growth, Tree, TreeNode
from rollmill_reasoning.search.policies.step_mcts import StepMcts, StepValues
from tests.pipelines.search.tables import DEPTH, TableTree, right


def node(cid: str, parent: str, depth: int, score: float, logprob: float = -1.0, **changes: bool) -> TreeNode:
    finished, measured = changes.get("finished", False), changes.get("measured", False)
    return TreeNode(cid, parent, depth, depth - 1, finished, score, 2, 2 * depth, logprob * depth, cid, measured=measured)


NODES = (
    node("a", ROOT, 1, 0.6),
    node("b", ROOT, 1, 0.2),
    node("c", "a", 2, 1.0, finished=True, measured=True),
    node("d", "a", 2, 0.0, finished=True, measured=True),
    node("e", "a", 2, 0.4),
    node("f", "e", 3, 0.5),
    node("g", "f", 4, 0.8),
    node("h", "g", 5, 0.8),
)


def test_a_step_is_worth_its_gain_and_what_follows_it_by_visits() -> None:
    values = StepValues(Tree("toy", NODES), gamma=0.5)
    assert values.worth("c") == 1.25
    assert values.worth("d") == -1.0
    assert values.worth("h") == 0.8 / 2  # depth 5
    assert values.q["h"] == pytest.approx(0.4 - 0.8)
    assert values.q["g"] == pytest.approx((0.8 - 0.5) + 0.5 * -0.4)
    assert values.q["c"] == pytest.approx(1.25 - 0.6)
    assert values.visits == Counter({ROOT: 8, "a": 7, "b": 1, "c": 1, "d": 1, "e": 4, "f": 3, "g": 2, "h": 1})
    v = (values.q["c"] + values.q["d"] + 4 * values.q["e"]) / 6
    assert values.v("a") == pytest.approx(v)
    assert values.q["a"] == pytest.approx(0.6 + 0.5 * v)
    assert values.q["b"] == pytest.approx(0.2)


def test_the_prior_divides_by_the_tokens_to_the_power_of_5_4() -> None:
    values = StepValues(Tree("toy", NODES), gamma=1.0)
    assert values.prior(NODES[0]) == pytest.approx(math.exp(-1.0 / 2**1.25))
    silent = Tree(
        "toy", (TreeNode("a", ROOT, 1, 0, False, 0.5, 1, 1, mark="x"), TreeNode("b", ROOT, 1, 0, False, 0.5, 1, 1))
    )
    assert StepValues(silent, 1.0).prior(silent.nodes[0]) == 0.5


def test_the_root_has_four_times_the_actions_and_the_best_bound_goes_on() -> None:
    assert StepMcts().grow(Tree("toy")) == [Growth(ROOT, 8)]
    assert StepMcts(c=0.001).grow(Tree("toy", NODES[:2])) == [Growth("a", 2)]
    assert StepMcts(c=0.001, most=3).grow(Tree("toy", NODES[:2])) == [Growth("a", 1)]
    deep = StepMcts(c=0.001, depth=1)
    assert deep.grow(Tree("toy", NODES[:2])) == [Growth("a", 1)]  # nothing may be expanded, and nothing is finished


def test_an_end_below_a_step_of_low_confidence_raises_its_q_over_a_confident_one_that_fails() -> None:
    nodes = (
        node("sure", ROOT, 1, 0.9),
        node("doubted", ROOT, 1, 0.3),
        node("fails", "sure", 2, 0.0, finished=True, measured=True),
        node("holds", "doubted", 2, 1.0, finished=True, measured=True),
    )
    q = StepValues(Tree("toy", nodes), gamma=1.0).q
    assert q["doubted"] == pytest.approx(1.25)  # gains add up to the worth of the end
    assert q["sure"] == pytest.approx(-1.0)


def test_a_search_stays_within_its_pieces_and_finds_right_ends() -> None:
    found = 0
    for seed in range(20):
        tree = TableTree(lambda text: right(text) if len(text) == DEPTH else 0.5).grown(StepMcts(most=60), seed)
        assert len(tree.nodes) <= 60
        found += any(end.score == 1.0 for end in tree.finished)
    assert found >= 10


def test_senseless_options_are_named() -> None:
    with pytest.raises(SetupError, match="option 'gamma' is 2"):
        StepMcts(gamma=2)
    with pytest.raises(SetupError, match="option 'actions' is 0"):
        StepMcts(actions=0)
