"""Budgets that grow by a factor: what they cost, where the sentence stands, and which end counts."""

import pytest

from rollmill.ground.errors import SetupError
from rollmill.pipelines.search.tree import ROOT, Growth, Tree, TreeNode
from rollmill_reasoning.search.procedures.iterative_deepening import IterativeDeepening
from tests.pipelines.search.worlds import World

SMALL = IterativeDeepening(n=1, first=10, growth=2.0, rounds=3)


def node(cid: str, parent: str, tokens: int, *, finished: bool = False, wave: int = 0) -> TreeNode:
    return TreeNode(cid, parent, 1, wave, finished, 0.5, tokens, tokens)


@pytest.mark.parametrize(("growth", "total"), [(1.0, 15), (2.0, 5 + 10 + 20), (3.0, 5 + 15 + 45)])
def test_an_answer_that_never_ends_costs_the_geometric_sum(growth: float, total: int) -> None:
    """And one piece more, which states the result."""
    policy = IterativeDeepening(n=2, first=5, growth=growth, rounds=3)
    tree = World(depth=1_000).grown(policy)
    assert tree.tokens == 2 * (total + 1)
    assert policy.longest == total
    assert len(policy.votes(tree)) == 2


def test_the_sentence_stands_behind_a_spent_budget_and_behind_an_early_end_which_it_keeps() -> None:
    nodes = [node("a", ROOT, 6)]
    assert SMALL.grow(Tree("toy", tuple(nodes))) == [Growth("a", 1)]
    nodes.append(node("b", "a", 4, wave=1))
    assert SMALL.grow(Tree("toy", tuple(nodes))) == [Growth("b", 1, "wait")]  # 10 of 10 tokens
    nodes.append(node("c", "b", 3, finished=True, wave=2))
    assert SMALL.grow(Tree("toy", tuple(nodes))) == [Growth("c", 1, "wait")]  # an end, behind which it goes on
    assert not SMALL.votes(Tree("toy", tuple(nodes)))
    nodes.append(node("d", "c", 39, wave=3))
    assert SMALL.grow(Tree("toy", tuple(nodes))) == [Growth("d", 1)]  # the last budget is 40
    nodes.append(node("e", "d", 1, wave=4))
    assert SMALL.grow(Tree("toy", tuple(nodes))) == [Growth("e", 1, "end")]
    nodes.append(node("f", "e", 2, finished=True, wave=5))
    assert not SMALL.grow(Tree("toy", tuple(nodes)))
    assert SMALL.votes(Tree("toy", tuple(nodes))) == {"f": 1.0}  # earlier ends were superseded


def test_an_end_in_the_last_budget_ends_the_answer() -> None:
    nodes = [
        node("a", ROOT, 9, finished=True),
        node("b", "a", 5, finished=True, wave=1),
        node("c", "b", 7, finished=True, wave=2),
    ]
    assert not SMALL.grow(Tree("toy", tuple(nodes)))
    assert SMALL.votes(Tree("toy", tuple(nodes))) == {"c": 1.0}


def test_a_factor_of_1_and_one_round_are_the_controls() -> None:
    assert IterativeDeepening(first=8, growth=1).budgets == [8, 8, 8]
    tree = World(depth=4).grown(IterativeDeepening(n=3, first=50, rounds=1))
    assert [len(wave) for wave in tree.waves] == [3] * 4  # plain answers


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"growth": 0.5}, "option 'growth' is 0.5, and must be a number from 1 to 100"),
        ({"rounds": 0}, "option 'rounds' is 0"),
        ({"rounds": 200, "growth": 100}, "option 'rounds' is 200, and must be a whole number from 1 to 100"),
        ({"trigger": ""}, "option 'trigger' is ''"),
        ({"end": "{prompt}"}, "must be a text without a place"),
    ],
)
def test_senseless_options_are_named(options: dict[str, object], message: str) -> None:
    with pytest.raises(SetupError, match=message):
        IterativeDeepening(**options)  # type: ignore[arg-type]
