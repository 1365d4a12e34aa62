"""Policy `tournament`: comparisons in both orders, rounds, and the published bound on its failures."""

from statistics import fmean

import pytest

from methods.reasoning.tests.procedures.pair_judge import Answers, is_right
from rollmill.ground.errors import SetupError
from rollmill.pipelines.aggregate.knockout import knockout_bound
from rollmill.pipelines.search.tree import ROOT, Tree, TreeNode
from rollmill_reasoning.search.procedures.tournament import Tournament


def test_every_pair_is_shown_in_both_orders_and_an_unpaired_answer_goes_on() -> None:
    policy = Tournament(n=3, comparisons=4)
    tree = Answers(1).play(policy)
    assert [len(wave) for wave in tree.waves] == [3, 4, 4]
    shown = {node.parent for node in tree.waves[1]}
    assert len(shown) == 2
    assert {node.id for node in tree.waves[0]} > shown
    assert not any(node.finished for node in tree.nodes if node.step == "direction")


def test_the_votes_of_both_orders_decide() -> None:
    policy = Tournament(n=2, comparisons=2)
    answers = [TreeNode(name, ROOT, 1, 0, True, 0.5, 1, 1, piece=name) for name in ("a", "b")]

    def elected(texts: tuple[str, str]) -> set[str]:
        said = [
            TreeNode(f"of {name}", name, 2, 1, False, 0.5, 1, 1, piece=text, step="direction")
            for name, text in zip("ab", texts, strict=True)
        ]
        return {next(iter(policy.votes(Tree("toy", (*answers, *said), seed)))) for seed in range(20)}

    for texts, winners in (
        (("Better: 1", "Better: 2"), {"a"}),
        (("Better: 2", "Better: 1"), {"b"}),
        (("Better: 1", "Better: 1"), {"a", "b"}),  # a preference for the first place: chance decides
        (("Better: 1 or 2? Better: 2", "I cannot say."), {"b"}),
    ):
        assert elected(texts) == winners


def test_equal_texts_are_not_compared() -> None:
    policy = Tournament(n=2)
    nodes = tuple(TreeNode(name, ROOT, 1, 0, True, 0.5, 1, 1, piece="42") for name in ("a", "b"))
    assert not policy.grow(Tree("toy", nodes))
    assert list(policy.votes(Tree("toy", nodes)).values()) == [1.0]


@pytest.mark.integration
def test_failures_are_below_the_published_bound_and_a_biased_judge_is_chance() -> None:
    policy = Tournament(n=8, comparisons=32)
    bound = knockout_bound(8, 32, 0.4, 0.8)
    assert 0 < bound < 0.03
    failures = [not is_right(Answers(seed, p_gen=0.4).play(policy), policy) for seed in range(300)]
    assert fmean(failures) <= bound + 3 * (bound * (1 - bound) / 300) ** 0.5

    few, many = Tournament(n=8), Tournament(n=8, comparisons=16)
    rates = [fmean(is_right(Answers(seed, 0.4, 0.65).play(each), each) for seed in range(300)) for each in (few, many)]
    assert 0.5 < rates[0] < rates[1] - 0.1
    biased = fmean(is_right(Answers(seed, 0.5, always="1").play(few), few) for seed in range(400))
    assert 0.42 < biased < 0.58


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"comparisons": 3}, "comparisons is 3"),
        ({"n": 0}, "n"),
        ({"pattern": "Better"}, "has 0 groups, not one"),
        ({"pattern": "("}, "pattern"),
        ({"template": "{prompt}"}, "'template' must be a text with {prompt} and {piece*}"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(SetupError) as error:
        Tournament(**options)  # type: ignore[arg-type]
    assert message in str(error.value)
