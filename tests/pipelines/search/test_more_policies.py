"""The traps of the policies that are no beam and no filter, each on a tree small enough to know what is right."""

from collections import Counter
from dataclasses import replace

from pipelines.search.backtracking import Backtracking
from pipelines.search.best_first import BestFirst
from pipelines.search.diverse_beam import DiverseBeam
from pipelines.search.lookahead import Lookahead
from pipelines.search.mcts import Backup, Mcts, prior
from pipelines.search.tree import ROOT, Growth, Node, Tree
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
    later = [Node(f"m{at}", "n01", 2, 1, False, 0.2, 1, 2) for at in range(2)]
    policy = BestFirst(expand=2, together=1)
    assert policy.grow(Tree("toy", first)) == [Growth("n01", 2)]
    assert policy.grow(Tree("toy", (*first, *later))) == [Growth("n00", 2)]


def test_backtracking_tries_again_before_it_goes_further_back() -> None:
    policy = Backtracking(answers=1, chains=1, tries=2)
    good = Node("a", ROOT, 1, 0, False, 0.9, 1, 1)
    bad = [Node(f"b{at}", "a", 2, 1 + at, False, 0.1, 1, 2) for at in range(2)]
    assert policy.grow(Tree("toy", (good,))) == [Growth("a", 1)]
    assert policy.grow(Tree("toy", (good, bad[0]))) == [Growth("a", 1)]
    assert policy.grow(Tree("toy", (good, *bad))) == [Growth(ROOT, 1)]
    right = Node("c", "a", 2, 2, False, 0.8, 1, 2)
    assert policy.grow(Tree("toy", (good, bad[0], right))) == [Growth("c", 1)]
    stuck = [Node(f"d{at}", "c", 3, 3 + at, False, 0.1, 1, 3) for at in range(2)]
    assert policy.grow(Tree("toy", (good, bad[0], right, *stuck))) == [Growth(ROOT, 1)]
    assert policy.grow(Tree("toy", (good, right, *stuck))) == [Growth("a", 1)]


def test_backtracking_accepts_no_answer_that_is_doubted_while_it_has_another() -> None:
    world = World(depth=4, score=lambda text: 0.1 if "0" in text else 0.9)
    policy = Backtracking(answers=2, chains=2, tries=4)
    tree = world.grown(policy, 1)
    assert {world.texts[node] for node in policy.votes(tree)} == {"1111"}


def test_the_numbers_of_a_tree_search_follow_from_the_tree() -> None:
    nodes = (
        Node("a", ROOT, 1, 0, False, 0.6, 2, 2, -1.0),
        Node("b", ROOT, 1, 0, False, 0.2, 2, 2, -4.0),
        Node("c", "a", 2, 1, True, 1.0, 2, 4, -2.0),
        Node("d", "a", 2, 1, False, 0.5, 2, 4, -3.0),
    )
    tree = Tree("toy", nodes)
    below = Backup(tree)
    assert (below.visits["a"], below.visits["b"], below.visits[ROOT]) == (3, 1, 4)
    assert abs(below.total["a"] - 2.1) < 1e-12
    assert below.open == {"a", "b", "d"}
    assert abs(prior(tree, nodes[3]) - 0.36787944117144233) < 1e-12  # exp(-2 / 2): of its own piece alone
    assert Mcts(expand=2, together=1, c=0.1).grow(tree) == [Growth("d", 2)]
    alike = Tree("toy", tuple(replace(node, path_logprob=None) for node in nodes))
    assert Mcts(expand=2, together=1, c=100.0).grow(alike) == [Growth("b", 2)]
    assert {one.node for one in Mcts(expand=2, together=2, c=0.1).grow(tree)} == {"d", "b"}  # none is chosen twice


def test_a_tree_search_spends_more_where_answers_are_better() -> None:
    world = World(depth=6, score=lambda text: 0.9 if text.startswith("1") else 0.1)
    tree = world.grown(Mcts(most=96, c=0.5))
    spent = Counter(world.texts[node.id][0] for node in tree.nodes)
    assert spent["1"] > 2 * spent["0"]


def test_a_lookahead_keeps_what_leads_somewhere_and_not_what_looks_good() -> None:
    candidates = one_wave([0.9, 0.4]).nodes
    policy = Lookahead(width=2, expand=2, ahead=1)
    assert policy.grow(Tree("toy", candidates)) == [Growth("n00", 1), Growth("n01", 1)]
    looks = (Node("x", "n00", 2, 1, False, 0.1, 1, 2), Node("y", "n01", 2, 1, False, 0.8, 1, 2))
    assert policy.grow(Tree("toy", (*candidates, *looks))) == [Growth("n01", 2)]


def test_a_lookahead_looks_as_far_as_it_is_told() -> None:
    tree = World(depth=7, score=lambda text: text.count("1") / 7).grown(Lookahead(width=4, expand=2, ahead=2))
    assert [len(wave) for wave in tree.waves][:4] == [4, 4, 4, 4]
    assert tree.finished
