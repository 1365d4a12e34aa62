"""The traps of the policies that are no beam and no filter, each on a tree small enough to know what is right."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest

from rollmill.ground.errors import SetupError
from rollmill.pipelines.search.kernel import SearchSteps, draws_of, wave_of
from rollmill.pipelines.search.policies.best_first import BestFirst
from rollmill.pipelines.search.tree import ROOT, Growth, Tree, TreeNode
from rollmill_reasoning.search.policies.backtracking import Backtracking
from rollmill_reasoning.search.policies.budget_forcing import BudgetForcing
from rollmill_reasoning.search.policies.diverse_beam import DiverseBeam
from rollmill_reasoning.search.policies.lookahead import Lookahead
from rollmill_reasoning.search.policies.mcts import Backup, Mcts
from tests.pipelines.search.worlds import World, one_wave


def test_a_diverse_beam_keeps_one_node_of_each_group_and_not_the_four_best() -> None:
    tree = one_wave([0.9, 0.8, 0.85, 0.95, 0.1, 0.2, 0.3, 0.15])
    assert DiverseBeam(width=8, expand=4).grow(tree) == [Growth("n03", 4), Growth("n06", 4)]


def test_groups_of_a_diverse_beam_do_not_keep_the_same_piece() -> None:
    nodes = [
        replace(node, mark="same" if at in (0, 2) else str(at)) for at, node in enumerate(one_wave([0.9, 0.1] * 2).nodes)
    ]
    tree = Tree("toy", tuple(nodes))
    assert [one.node for one in DiverseBeam(width=4, expand=2).grow(tree)] == ["n00", "n03"]
    assert [one.node for one in DiverseBeam(width=4, expand=2, apart=False).grow(tree)] == ["n00", "n02"]


def test_the_groups_of_a_diverse_beam_stay_apart_to_the_end() -> None:
    world = World(depth=5, score=lambda text: text.count("1") / 5)
    tree = world.grown(DiverseBeam(width=16, expand=4))
    assert len({tree.path(node.id)[0].id for node in tree.finished}) == 4


def test_best_first_goes_back_to_an_earlier_leaf_when_the_later_ones_are_worse() -> None:
    first = one_wave([0.5, 0.9]).nodes
    later = [TreeNode(f"m{at}", "n01", 2, 1, False, 0.2, 1, 2) for at in range(2)]
    policy = BestFirst(expand=2, together=1)
    assert policy.grow(Tree("toy", first)) == [Growth("n01", 2)]
    assert policy.grow(Tree("toy", (*first, *later))) == [Growth("n00", 2)]


def test_backtracking_tries_again_before_it_goes_further_back() -> None:
    policy = Backtracking(answers=1, chains=1, tries=2)
    good = TreeNode("a", ROOT, 1, 0, False, 0.9, 1, 1)
    bad = [TreeNode(f"b{at}", "a", 2, 1 + at, False, 0.1, 1, 2) for at in range(2)]
    assert policy.grow(Tree("toy", (good,))) == [Growth("a", 1)]
    assert policy.grow(Tree("toy", (good, bad[0]))) == [Growth("a", 1)]
    assert policy.grow(Tree("toy", (good, *bad))) == [Growth(ROOT, 1)]
    right = TreeNode("c", "a", 2, 2, False, 0.8, 1, 2)
    assert policy.grow(Tree("toy", (good, bad[0], right))) == [Growth("c", 1)]
    stuck = [TreeNode(f"d{at}", "c", 3, 3 + at, False, 0.1, 1, 3) for at in range(2)]
    assert policy.grow(Tree("toy", (good, bad[0], right, *stuck))) == [Growth(ROOT, 1)]
    assert policy.grow(Tree("toy", (good, right, *stuck))) == [Growth("a", 1)]


def test_backtracking_accepts_no_answer_that_is_doubted_while_it_has_another() -> None:
    world = World(depth=4, score=lambda text: 0.1 if "0" in text else 0.9)
    policy = Backtracking(answers=2, chains=2, tries=4)
    tree = world.grown(policy, 1)
    assert {world.texts[node] for node in policy.votes(tree)} == {"1111"}


def test_the_numbers_of_a_tree_search_follow_from_the_tree() -> None:
    nodes = (
        TreeNode("a", ROOT, 1, 0, False, 0.6, 2, 2, -1.0),
        TreeNode("b", ROOT, 1, 0, False, 0.2, 2, 2, -4.0),
        TreeNode("c", "a", 2, 1, True, 1.0, 2, 4, -2.0),
        TreeNode("d", "a", 2, 1, False, 0.5, 2, 4, -3.0),
    )
    tree = Tree("toy", nodes)
    below = Backup(tree)
    assert (below.visits["a"], below.visits["b"], below.visits[ROOT]) == (3, 1, 4)
    assert abs(below.total["a"] - 2.1) < 1e-12
    assert below.open == {"a", "b", "d"}
    assert abs(below.prior(nodes[3]) - 0.36787944117144233) < 1e-12  # exp(-2 / 2): of its own piece alone
    assert Mcts(expand=2, together=1, c=0.1).grow(tree) == [Growth("d", 2)]
    alike = Tree("toy", tuple(replace(node, path_logprob=None) for node in nodes))
    assert Mcts(expand=2, together=1, c=100.0).grow(alike) == [Growth("b", 2)]
    assert {one.node for one in Mcts(expand=2, together=2, c=0.1).grow(tree)} == {"d", "b"}  # none is chosen twice


def test_equal_pieces_of_a_parent_are_one_node_of_a_tree_search() -> None:
    """Its value is the mean of theirs, and its prior their share if the engine gives none. What follows any of them follows
    the node; the others continue only when nothing else can.
    """
    nodes = [
        TreeNode("a", ROOT, 1, 0, False, 0.6, 2, 2, mark="x"),
        TreeNode("b", ROOT, 1, 0, False, 0.4, 2, 2, mark="x"),
        TreeNode("c", ROOT, 1, 0, False, 0.6, 2, 2, mark="y"),
        TreeNode("d", ROOT, 1, 0, True, 0.6, 2, 2, mark="x"),  # the same words, and then the end
        TreeNode("e", "a", 2, 1, True, 1.0, 2, 4, mark="x"),
    ]
    tree, policy = Tree("toy", tuple(nodes)), Mcts(expand=2, together=2)
    below = Backup(tree)
    assert {parent: [child.id for child in children] for parent, children in below.children.items() if children} == {
        ROOT: ["a", "c", "d"],
        "a": ["e"],
    }
    assert dict(below.visits) == {ROOT: 4, "a": 2, "c": 1, "d": 1, "e": 1}
    assert below.total["a"] == 0.5 + 1.0
    assert below.open == {"c"}
    assert [below.prior(nodes[at]) for at in (0, 2, 3, 4)] == [0.5, 0.25, 0.25, 1.0]
    assert policy.grow(tree) == [Growth("c", 2)]
    likely = Tree("toy", tuple(replace(node, path_logprob=-1.0) for node in nodes))
    assert [len(Backup(likely, merge=merge).children[ROOT]) for merge in (False, True)] == [4, 3]
    nodes.append(TreeNode("f", "c", 2, 2, True, 0.5, 2, 4, mark="z"))
    assert policy.grow(Tree("toy", tuple(nodes))) == [Growth("b", 2)]
    nodes.append(TreeNode("g", "b", 2, 3, True, 0.0, 2, 4, mark="w"))
    below = Backup(Tree("toy", tuple(nodes)))
    assert ([child.id for child in below.children["a"]], below.visits["a"], below.open) == (["e", "g"], 3, set())
    assert policy.grow(Tree("toy", tuple(nodes))) == []


class Silent(World):
    """A world whose engine gives no log-probabilities."""

    def _node(self, tree: Tree, parent: str, index: int, wave: int) -> TreeNode:
        return replace(super()._node(tree, parent, index, wave), path_logprob=None)


SCORES: dict[str, Callable[[str], float]] = {
    "none": lambda _: 0.5,
    "share": lambda text: text.count("2") / len(text),
    "lines": lambda text: 0.02 if "0" in text else 0.98,
}


@pytest.mark.parametrize("process", SCORES)
def test_a_tree_search_ends_answers_without_log_probabilities(process: str) -> None:
    """Answers of four of three pieces, 60 pieces a problem: a dozen ends, where equal pieces that all grew gave one."""
    for seed in range(20):
        world = Silent(depth=4, draw=lambda _, chance: chance.choice("012"), score=SCORES[process])
        tree = world.grown(Mcts(most=60), seed)
        assert len(tree.nodes) <= 60
        assert len(tree.finished) >= 12


def test_a_tree_search_finds_the_one_best_answer_within_60_pieces_without_log_probabilities() -> None:
    """With 15 draws a node, a greedy descent. A node is expanded once, and of 4 draws the right mark is often none."""
    for seed in range(20):
        world = Silent(depth=4, draw=lambda _, chance: chance.choice("012"), score=lambda text: text.count("2") / 4)
        tree = world.grown(Mcts(expand=15, together=1, most=60, c=0.1), seed)
        assert len(tree.nodes) <= 60
        assert "2222" in [world.texts[node.id] for node in tree.finished]


@pytest.mark.parametrize("process", SCORES)
def test_backtracking_accepts_as_many_answers_as_are_asked_for(process: str) -> None:
    """A chain ends with its first accepted answer, and none begins that would be one too many."""
    for seed in range(20):
        world = Silent(depth=4, draw=lambda _, chance: chance.choice("012"), score=SCORES[process])
        tree = world.grown(Backtracking(answers=8), seed)
        accepted = [tree.path(node.id)[0].id for node in tree.finished if node.score >= 0.5]
        assert len(accepted) == len(set(accepted)) == 8
    assert len(World(depth=1).grown(Backtracking(answers=2, chains=4)).nodes) == 2


def test_a_tree_search_spends_more_where_answers_are_better() -> None:
    world = World(depth=6, score=lambda text: 0.9 if text.startswith("1") else 0.1)
    tree = world.grown(Mcts(most=96, c=0.5))
    spent = Counter(world.texts[node.id][0] for node in tree.nodes)
    assert spent["1"] > 2 * spent["0"]


def test_a_lookahead_keeps_what_leads_somewhere_and_not_what_looks_good() -> None:
    candidates = one_wave([0.9, 0.4]).nodes
    policy = Lookahead(width=2, expand=2, ahead=1)
    assert policy.grow(Tree("toy", candidates)) == [Growth("n00", 1), Growth("n01", 1)]
    looks = (TreeNode("x", "n00", 2, 1, False, 0.1, 1, 2), TreeNode("y", "n01", 2, 1, False, 0.8, 1, 2))
    assert policy.grow(Tree("toy", (*candidates, *looks))) == [Growth("n01", 2)]


def test_a_lookahead_looks_as_far_as_it_is_told() -> None:
    tree = World(depth=7, score=lambda text: text.count("1") / 7).grown(Lookahead(width=4, expand=2, ahead=2))
    assert [len(wave) for wave in tree.waves][:4] == [4, 4, 4, 4]
    assert tree.finished


def test_candidates_behind_looks_that_all_ended_are_no_further_look() -> None:
    policy, (first, second) = Lookahead(width=2, expand=1, ahead=2), one_wave([0.9, 0.5]).nodes
    looks = [TreeNode(f"x{at}", f"n0{at}", 2, 1, True, 0.8, 1, 2) for at in range(2)]
    assert {one.node for one in policy.grow(Tree("toy", (first, second, *looks)))} == {"n00", "n01"}
    candidates = [TreeNode(f"c{at}", f"n0{at}", 2, 2, False, 0.7, 1, 2) for at in range(2)]
    assert policy.grow(Tree("toy", (first, second, *looks, *candidates))) == [Growth("c0", 1), Growth("c1", 1)]


def node(cid: str, parent: str, tokens: int, *, finished: bool = False) -> TreeNode:
    return TreeNode(cid, parent, 1, 0, finished, 0.5, 10, tokens)


FORCED = BudgetForcing(n=1, least=40, most=60, waits=2)


def test_an_answer_that_ends_too_early_loses_its_result_and_goes_on_behind_a_word() -> None:
    begun, early = node("a", ROOT, 20), node("b", "a", 30, finished=True)
    assert FORCED.grow(Tree("toy", (begun, early))) == [Growth("a", 1, "wait")]
    on = node("c", "a", 30)
    assert FORCED.grow(Tree("toy", (begun, early, on))) == [Growth("c", 1)]
    done = node("d", "c", 45, finished=True)
    tree = Tree("toy", (begun, early, on, done))
    assert not FORCED.grow(tree)
    assert FORCED.votes(tree) == {"d": 1.0}  # what was dropped is no answer of the policy


def test_the_dropped_piece_is_no_part_of_the_length_and_a_model_that_ends_again_and_again_is_let_go() -> None:
    nodes = [node("a", ROOT, 30), node("b", "a", 39, finished=True)]
    for at in range(2):
        assert FORCED.grow(Tree("toy", tuple(nodes))) == [Growth("a", 1, "wait")]
        nodes.append(node(f"again{at}", "a", 38, finished=True))
    assert not FORCED.grow(Tree("toy", tuple(nodes)))
    assert FORCED.votes(Tree("toy", tuple(nodes))) == {"again1": 1.0}
    world = World(ends=lambda text: len(text) > 1)
    assert len(world.grown(BudgetForcing(n=3)).nodes) == 3 * (2 + 2)


def test_an_answer_of_one_piece_goes_on_as_it_is() -> None:
    whole = node("a", ROOT, 10, finished=True)
    assert FORCED.grow(Tree("toy", (whole,))) == [Growth("a", 1, "wait")]
    assert wave_of(FORCED, Tree("toy", (whole,))) == [Growth("a", 1, "wait")]
    more = node("b", "a", 45, finished=True)
    assert FORCED.votes(Tree("toy", (whole, more))) == {"b": 1.0}


def test_an_answer_without_an_end_is_ended_once() -> None:
    begun = (node("a", ROOT, 30), node("b", "a", 60))
    tree = Tree("toy", begun)
    assert FORCED.grow(tree) == [Growth("b", 1, "end")]
    (draw,) = draws_of(FORCED.grow(tree), tree, SearchSteps())
    assert (draw.step, draw.after, draw.first_index) == ("end", ("b",), 0)
    ended = Tree("toy", (*begun, node("c", "b", 64, finished=True)))
    assert not FORCED.grow(ended)
    assert FORCED.votes(ended) == {"c": 1.0}
    tree = World(depth=30).grown(BudgetForcing(n=2, least=0, most=5))
    assert [len(wave) for wave in tree.waves] == [2] * 6
    assert len(tree.finished) == 2


@pytest.mark.parametrize("growth", [Growth(ROOT, 1, "wait"), Growth("b", 1, "end"), Growth("a", 1, "stop"), Growth("b", 1)])
def test_words_are_written_behind_begun_answers_and_only_those_that_the_policy_has(growth: Growth) -> None:
    class Wrong(BudgetForcing):
        def grow(self, tree: Tree) -> list[Growth]:
            del tree
            return [growth]

    tree = Tree("toy", (node("a", ROOT, 20), node("b", "a", 30, finished=True)))
    with pytest.raises((SetupError, RuntimeError), match="asks for Growth"):
        wave_of(Wrong(), tree)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"least": 64, "most": 64}, "option 'most' is 64, and must be a whole number of at least 65"),
        ({"waits": -1}, "option 'waits' is -1"),
        ({"wait": ""}, "option 'wait' is ''"),
        ({"end": "{reference}"}, "must be a text without a place"),
    ],
)
def test_senseless_budgets_are_named(options: dict[str, object], message: str) -> None:
    with pytest.raises(SetupError, match=message):
        BudgetForcing(**options)  # type: ignore[arg-type]


def test_a_box_may_be_what_ends_an_answer() -> None:
    assert BudgetForcing(end="So the answer is \\boxed{").texts["end"].endswith("{")
