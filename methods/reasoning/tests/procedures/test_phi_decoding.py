"""Foresight: what is pruned, what a step is worth, how it is drawn, and where foresight ends."""

import math
from collections import Counter
from dataclasses import replace

import pytest

from rollmill.ground.errors import SetupError
from rollmill.pipelines.search.tree import ROOT, Growth, Tree, TreeNode
from rollmill_reasoning.search.procedures.phi_decoding import PhiDecoding, cluster_sizes
from rollmill_reasoning.search.procedures.replayed import PastWaves
from tests.pipelines.search.tables import TableTree, right
from tests.pipelines.search.worlds import World


def step(cid: str, logprob: float, *, parent: str = ROOT, depth: int = 1, wave: int = 0, piece: str = "a") -> TreeNode:
    return TreeNode(cid, parent, depth, wave, False, 0.5, 2, 2 * depth, logprob, piece, piece=piece)


def test_steps_below_mean_minus_deviation_of_the_confidence_are_not_foreseen() -> None:
    steps = tuple(step(cid, logprob) for cid, logprob in zip("abcd", (-1.0, -1.2, -0.8, -6.0), strict=True))
    asked = PhiDecoding(beams=2, expand=2).grow(Tree("toy", steps))
    assert asked == [Growth(cid, 1) for cid in "abc"]
    whole = PhiDecoding(beams=2, expand=2, prune=False).grow(Tree("toy", steps))
    assert whole == [Growth(cid, 1) for cid in "abcd"]
    alike = tuple(replace(node, path_logprob=-1.0) for node in steps)
    assert len(PhiDecoding(beams=2, expand=2).grow(Tree("toy", alike))) == 4


def test_paths_of_one_meaning_are_one_cluster() -> None:
    paths = ["3 + 4 = 7\n#### 7", "3 + 4 = 7\n#### 7", "twelve boxes of sixty apples remain", "3 + 4 = 7\nso #### 7"]
    assert cluster_sizes(paths, 2) == [3, 3, 1, 3]
    assert cluster_sizes(["same"] * 4, 3) == [4] * 4
    assert cluster_sizes([""] * 3, 3) == [3] * 3


def test_the_advantage_is_the_gain_of_the_foreseen_likelihood_and_the_alignment_the_share_of_the_cluster() -> None:
    policy = PhiDecoding(tau_advantage=0.5, tau_alignment=2.0)
    rewards = policy._rewards([0.5, 0.0], [0.75, 0.25])
    advantages = [math.e / (1 + math.e), 1 / (1 + math.e)]
    root = math.exp(0.25)
    alignments = [root / (1 + root), 1 / (1 + root)]
    assert rewards == pytest.approx([one + other for one, other in zip(advantages, alignments, strict=True)])
    assert replace(policy, choose_by="alignment")._rewards([0.5, 0.0], [0.75, 0.25]) == pytest.approx(alignments)
    assert replace(policy, choose_by="advantage")._rewards([0.5, 0.0], [0.75, 0.25]) == pytest.approx(advantages)


def test_a_step_whose_path_grew_likelier_than_its_beam_is_chosen_and_not_the_likeliest_path() -> None:
    """F is relative to the beam: a path of -1.0 a token behind a beam of -2.0 gains more than -.9 behind one of -.8."""
    policy = PhiDecoding(beams=2, expand=1, clusters=1, most_steps=4, least_steps=2, ahead=1, tau=1e-6, prune=False)
    nodes = [step("a", -1.0), step("b", -1.0)]
    nodes += [
        step("fa", -1.0 - 2 * 2.0, parent="a", depth=2, wave=1),
        step("fb", -1.0 - 2 * 0.8, parent="b", depth=2, wave=1),
    ]
    tree = Tree("toy", tuple(nodes))
    assert policy.grow(tree) == [Growth("a", 1), Growth("b", 1)]
    nodes += [step("sa", -2.0, parent="a", depth=2, wave=2), step("sb", -2.0, parent="b", depth=2, wave=2)]
    assert policy.grow(Tree("toy", tuple(nodes))) == [Growth("sa", 1), Growth("sb", 1)]
    nodes += [
        step("ga", -2.0 - 2 * 1.0, parent="sa", depth=3, wave=3),
        step("gb", -2.0 - 2 * 0.9, parent="sb", depth=3, wave=3),
    ]
    assert policy.grow(Tree("toy", tuple(nodes))) == [Growth("sa", 1), Growth("sb", 1)]


def test_without_foresight_a_step_is_chosen_by_its_own_confidence_and_not_by_its_gain() -> None:
    policy = PhiDecoding(beams=2, expand=1, most_steps=4, least_steps=2, tau=1e-6, prune=False, choose_by="confidence")
    policy = replace(policy, tau_advantage=0.1, beams=2, expand=2)
    begun = [step(cid, logprob) for cid, logprob in (("a", -8.0), ("b", -2.0), ("c", -9.0), ("d", -9.0))]
    assert policy.grow(Tree("toy", tuple(begun))) == [Growth("a", 2), Growth("b", 2)]
    nodes = [*begun, *(step(f"a{at}", -8.0 - 2 * 1.5, parent="a", depth=2, wave=1) for at in range(2))]
    nodes += [step(f"b{at}", -2.0 - 2 * 0.8, parent="b", depth=2, wave=1) for at in range(2)]
    assert policy.grow(Tree("toy", tuple(nodes))) == [Growth("b0", 2), Growth("b1", 2)]  # the gains of a's are greater


def test_steps_are_drawn_without_replacement_by_the_exponential_of_their_reward() -> None:
    policy, steps = PhiDecoding(tau=1.0), [step(cid, -1.0) for cid in "abc"]
    counts: Counter[str] = Counter()
    for seed in range(3_000):
        past = PastWaves(Tree("toy", tuple(steps), seed))
        past.take()
        drawn = policy._drawn(past, steps, [math.log(2.0), 0.0, 0.0], 2)
        assert len({node.id for node in drawn}) == 2
        counts.update(node.id for node in drawn)
    # P(a among two) = 1/2 + 2 * 1/4 * 2/3 = 5/6
    assert counts["a"] / 3_000 == pytest.approx(5 / 6, abs=0.025)
    assert counts["b"] / 3_000 == pytest.approx(7 / 12, abs=0.03)


def test_agreement_ends_foresight_after_the_least_steps() -> None:
    """Paths that agree end it: the beams are completed piece by piece, and nothing is drawn beside them."""
    alike = World(depth=9, draw=lambda _, chance: chance.choice(["x", "x"]))
    waves = [len(wave) for wave in alike.grown(PhiDecoding(beams=2, expand=2, least_steps=2)).waves]
    assert waves[-7:] == [2] * 7
    longer = alike.grown(PhiDecoding(beams=2, expand=2, least_steps=2, prune=False))
    assert len(longer.nodes) > sum(waves)


def test_every_beam_ends_and_votes_once() -> None:
    for seed in range(10):
        world = World(depth=5, ends=lambda text: text.endswith("11"))
        policy = PhiDecoding(beams=3, expand=3)
        tree = world.grown(policy, seed)
        votes = policy.votes(tree)
        assert len(votes) == 3
        assert set(votes.values()) == {1.0}
        assert set(votes) <= {node.id for node in tree.finished}


def test_foresight_is_paid_for() -> None:
    tokens = {}
    for choose_by in ("both", "confidence"):
        policy = PhiDecoding(beams=2, expand=3, choose_by=choose_by, prune=False)
        tokens[choose_by] = sum(TableTree(right).grown(policy, seed).tokens for seed in range(5))
    assert tokens["both"] > 2 * tokens["confidence"]


def test_an_engine_without_log_probabilities_is_refused_and_senseless_options_are_named() -> None:
    with pytest.raises(SetupError, match="the engine gives no log-probabilities"):
        TableTree(right, silent=True).grown(PhiDecoding())
    for options, message in (
        ({"beams": 0}, "option 'beams' is 0"),
        ({"most_steps": 3}, "option 'most_steps' is 3, and must be a whole number of at least 4"),
        ({"agreement": 1.5}, "option 'agreement' is 1.5"),
        ({"choose_by": "length"}, "option 'choose_by' is 'length'"),
    ):
        with pytest.raises(SetupError, match=message):
            PhiDecoding(**options)
