"""Policy `sparse_pairs`: planned comparisons in both orders, ties, and accuracy by the share of pairs."""

from collections import Counter
from statistics import fmean

import pytest

from methods.reasoning.tests.procedures.pair_judge import Answers, is_right
from rollmill.ground.errors import SetupError
from rollmill.pipelines.search.tree import ROOT, Tree, TreeNode
from rollmill_reasoning.search.procedures.sparse_pairs import SparsePairs


@pytest.mark.parametrize(("n", "share", "count"), [(8, 1 / 3, 18), (8, 1.0, 56), (8, 0.01, 8), (5, 0.5, 10), (2, 1.0, 2)])
def test_a_share_of_all_ordered_pairs_is_compared_in_both_orders(n: int, share: float, count: int) -> None:
    tree = Answers(1).play(SparsePairs(n=n, share=share))
    replies = [node for node in tree.nodes if node.step == "direction"]
    assert len(replies) == count
    for wave in tree.waves[1:]:
        assert max(Counter(node.parent for node in wave).values()) == 1  # no answer is first twice in a wave
    shown = Counter(node.parent for node in replies)
    assert max(shown.values()) - min(shown.get(node.id, 0) for node in tree.waves[0]) <= 1
    assert not any(node.finished for node in replies)


def test_the_answer_that_wins_most_comparisons_is_elected_by_either_measure() -> None:
    answers = [TreeNode(name, ROOT, 1, 0, True, 0.5, 1, 1, piece=name) for name in "abc"]
    for by in ("wins", "strength"):
        policy = SparsePairs(n=3, share=1.0, by=by)
        nodes = list(answers)
        while growths := policy.grow(Tree("toy", tuple(nodes))):
            wave = max(node.wave for node in nodes) + 1
            for growth in growths:
                [other] = growth.beside
                better = "1" if growth.node == "b" or (growth.node, other) == ("a", "c") else "2"
                reply = {"piece": f"Better: {better}", "step": "direction"}
                nodes.append(TreeNode(f"{growth.node}{other}", growth.node, 2, wave, False, 0.5, 1, 1, **reply))  # type: ignore[arg-type]
        assert len(nodes) == 3 + 6
        assert policy.votes(Tree("toy", tuple(nodes))) == {"b": 1.0}


def test_equal_texts_are_ties_and_cost_nothing() -> None:
    policy = SparsePairs(n=3, share=1.0)
    nodes = tuple(TreeNode(name, ROOT, 1, 0, True, 0.5, 1, 1, piece="42") for name in "abc")
    assert not policy.grow(Tree("toy", nodes))
    assert list(policy.votes(Tree("toy", nodes)).values()) == [1.0]
    assert policy.votes(Tree("toy", nodes[:1])) == {"a": 1.0}


@pytest.mark.integration
def test_more_pairs_find_a_right_answer_more_often_and_a_biased_judge_is_chance() -> None:
    rates = {
        share: fmean(is_right(Answers(seed, 0.4, 0.65).play(policy), policy) for seed in range(400))
        for share, policy in ((share, SparsePairs(share=share)) for share in (0.1, 1 / 3, 1.0))
    }
    assert 0.45 < rates[0.1] < rates[1 / 3] < rates[1.0]
    assert rates[1 / 3] - rates[0.1] > 0.04
    few = SparsePairs()
    biased = fmean(is_right(Answers(seed, 0.5, always="1").play(few), few) for seed in range(400))
    assert 0.42 < biased < 0.58


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"share": -0.1}, "share"),
        ({"share": 1.5}, "share"),
        ({"n": 0}, "n"),
        ({"by": "luck"}, "option 'by' is 'luck'. Valid: strength, wins."),
        ({"pattern": "Better"}, "search policy 'sparse_pairs': pattern 'Better' has 0 groups, not one"),
        ({"template": "{prompt}"}, "'template' must be a text with {prompt} and {piece*}"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(SetupError) as error:
        SparsePairs(**options)  # type: ignore[arg-type]
    assert message in str(error.value)
