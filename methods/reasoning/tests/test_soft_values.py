"""Policies that sample or find answers by the values of finished ones, on a tree whose every answer is known."""

from statistics import fmean

import pytest

from rollmill.ground.errors import SetupError
from rollmill.pipelines.search.tree import ROOT, Growth, Tree, TreeNode
from rollmill_reasoning.search.merged import MergedTree
from rollmill_reasoning.search.policies.mcts import Backup, Mcts
from rollmill_reasoning.search.policies.proposals import Proposals
from rollmill_reasoning.search.policies.tree_sampling import SoftTree, TreeSampling
from tests.pipelines.search.tables import ANSWERS, DEPTH, TableTree, distance, probability, right, soft_value, tilted


def ends(text: str) -> float:
    """The worth of a finished answer; an unfinished one shows nothing."""
    return right(text) if len(text) == DEPTH else 0.5


@pytest.mark.integration
@pytest.mark.parametrize(("known", "most"), [(True, 0.001), (False, 0.03)], ids=["by probability", "by draws"])
def test_20_000_rollouts_of_a_tree_sample_by_the_exponential_of_the_reward(known: bool, most: float) -> None:
    """By draws the distance is 0.017 to 0.025, of exact draws 0.009 to 0.013; with known probabilities it is none."""
    policy = TreeSampling(rollouts=20_000, together=4_000, known=known)
    target, world = tilted(right, policy.tau), TableTree(ends, silent=not known)
    tree = world.grown(policy, 1)
    assert len(tree.finished) == 20_000
    assert distance(world.shares(policy, tree), target) < most
    assert distance({text: probability(text) for text in ANSWERS}, target) > 0.5  # plain draws are far from it


@pytest.mark.parametrize("tau", [0.2, 0.5])
def test_with_known_probabilities_2_000_rollouts_are_within_a_hundredth(tau: float) -> None:
    policy = TreeSampling(rollouts=2_000, together=500, tau=tau, known=True)
    world = TableTree(ends)
    tree = world.grown(policy, 1)
    assert distance(world.shares(policy, tree), tilted(right, tau)) < 0.01
    soft = SoftTree(tree, tau, known=True)
    assert abs(soft.values[ROOT] - soft_value("", right, tau)) < 0.01


def test_more_rollouts_come_nearer() -> None:
    apart = []
    for rollouts in (50, 1_000):
        policy = TreeSampling(rollouts=rollouts, together=rollouts // 10, tau=0.5)
        worlds = [(world := TableTree(ends)).shares(policy, world.grown(policy, seed)) for seed in range(4)]
        apart.append(fmean(distance(shares, tilted(right, 0.5)) for shares in worlds))
    assert apart[1] < apart[0] / 2


def test_soft_values_are_log_mean_exponentials_over_draws() -> None:
    nodes = (
        TreeNode("a", ROOT, 1, 0, False, 0.5, 1, 1, mark="x"),
        TreeNode("b", ROOT, 1, 0, False, 0.5, 1, 1, mark="x"),
        TreeNode("c", ROOT, 1, 0, True, 0.0, 1, 1, mark="y"),
        TreeNode("d", "a", 2, 1, True, 1.0, 1, 2, mark="y"),
        TreeNode("e", "b", 2, 1, True, 0.0, 1, 2, mark="z"),
    )
    soft = SoftTree(Tree("toy", nodes), tau=1.0)
    assert abs(soft.values["a"] - 0.6201145069582775) < 1e-12  # log((e + 1) / 2)
    assert abs(soft.values[ROOT] - 0.45283) < 1e-5  # log((2 * (e + 1) / 2 + 1) / 3)
    assert dict(soft.visits) == {ROOT: 3, "a": 2, "c": 1, "d": 1, "e": 1}
    shares = soft.distribution()
    assert set(shares) == {"c", "d", "e"}
    assert abs(shares["d"] - 0.5761168847658291) < 1e-12  # e / (e + 1 + 1)
    assert abs(sum(shares.values()) - 1) < 1e-12


def test_a_rollout_leaves_the_tree_where_the_fewest_draws_are_for_the_visits() -> None:
    policy = TreeSampling(rollouts=8, together=1, choose="best", alpha=0.5)
    nodes = [TreeNode("a", ROOT, 1, 0, False, 0.5, 1, 1, mark="x")]
    assert policy.grow(Tree("toy", tuple(nodes))) == [Growth("a", 1)]  # an answer under way goes on
    nodes.append(TreeNode("b", "a", 2, 1, True, 1.0, 1, 2, mark="y"))
    assert policy.grow(Tree("toy", tuple(nodes))) == [Growth(ROOT, 1)]
    nodes.append(TreeNode("c", ROOT, 1, 2, True, 0.0, 1, 1, mark="z"))
    assert policy.grow(Tree("toy", tuple(nodes))) == [Growth("a", 1)]  # 1 draw for 1 visit, at the root 2 for 2


def test_the_greedy_tree_finds_right_answers_more_often_than_plain_draws() -> None:
    shares = []
    for choose in ("best", "sample"):
        policy = TreeSampling(rollouts=60, together=2, choose=choose, tau=0.1, alpha=0.5)
        trees = [TableTree(ends).grown(policy, seed) for seed in range(10)]
        shares.append(fmean(fmean(node.score for node in tree.finished) for tree in trees))
    plain = sum(probability(text) * right(text) for text in ANSWERS)
    assert shares[0] > 1.3 * plain
    assert shares[1] > 1.3 * plain


def test_few_proposals_are_biased_and_many_sample_the_target() -> None:
    tau, apart = 0.3, {}
    target = tilted(right, tau)
    for m in (1, 4, 32):
        world = TableTree(lambda text: soft_value(text, right, 0.3))
        policy = Proposals(n=600, m=m, alpha=tau)
        apart[m] = distance(world.shares(policy, world.grown(policy, 2)), target)
    plain = distance({text: probability(text) for text in ANSWERS}, target)
    assert abs(apart[1] - plain) < 0.05
    assert apart[32] < 0.12 < apart[4] < apart[1] - 0.1  # of 600 exact draws about .09


def test_chains_of_proposals_keep_to_their_own_pieces() -> None:
    tree = TableTree(lambda text: text.count("2") / len(text)).grown(Proposals(n=3, m=5), 1)
    assert [len(wave) for wave in tree.waves] == [15] * DEPTH
    assert len(Proposals(n=3, m=5).votes(tree)) == 3
    assert len({tree.path(node)[0].id for node in Proposals(n=3, m=5).votes(tree)}) == 3


def test_backed_up_outcomes_are_from_minus_1_to_1_and_their_mean_is_what_they_say() -> None:
    world = TableTree(ends)
    tree = world.grown(Mcts(most=400, back_up="ends"), 3)
    below = Backup(tree, ends=True)
    for node, draws in below.draws.items():
        under = [end for end in tree.finished if node == ROOT or draws[0] in tree.path(end.id)]
        assert below.counted[node] == len(under)
        assert abs(below.value(node) - (fmean(2 * end.score - 1 for end in under) if under else 0.0)) < 1e-12
        assert below.visits[node] == sum(below.visits[child.id] for child in below.children[node]) + (node != ROOT)
    assert {below.value(node.id) for node in tree.finished} <= {-1.0, 1.0}


def test_a_tree_of_all_answers_backs_up_the_exact_expected_outcome() -> None:
    texts = [text for depth in range(1, DEPTH + 1) for text in sorted({answer[:depth] for answer in ANSWERS})]
    nodes = [
        TreeNode(text, text[:-1], len(text), len(text) - 1, len(text) == DEPTH, ends(text), 1, len(text), -1.0, text[-1])
        for text in texts
    ]
    below = Backup(Tree("table", tuple(nodes)), ends=True)
    for node in ("", "0", "12", "201"):
        under = [right(text) for text in ANSWERS if text.startswith(node)]
        assert abs(below.value(node) - (2 * fmean(under) - 1)) < 1e-12


def test_pieces_without_a_mark_are_never_merged() -> None:
    nodes = tuple(TreeNode(str(at), ROOT, 1, 0, True, 0.5, 1, 1) for at in range(3))
    assert len(MergedTree(Tree("toy", nodes), every=True).children[ROOT]) == 3


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: TreeSampling(tau=0), "option 'tau' is 0"),
        (lambda: TreeSampling(alpha=2), "option 'alpha' is 2"),
        (lambda: TreeSampling(choose="worst"), "option 'choose' is 'worst'"),
        (lambda: Proposals(m=0), "option 'm' is 0"),
        (lambda: Mcts(back_up="all"), "option 'back_up' is 'all'"),
    ],
)
def test_senseless_options_are_named(build: object, message: str) -> None:
    with pytest.raises(SetupError, match=message):
        build()  # type: ignore[operator]
