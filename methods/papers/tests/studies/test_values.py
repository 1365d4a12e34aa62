"""Values by least squares on a chain that is known by hand, the choice by a score, and the smallest form of the measure."""

from pathlib import Path

import numpy as np
import pytest

from rollmill.pipelines.train.measures.bench import Bench, StudyModel
from rollmill.stats.linear_head import trained_head
from rollmill_papers.studies.values import SolutionValues, share_right, value_head
from tests.pipelines.train.student_files import SHIPPED

A, B = [1.0, 0.0], [0.0, 1.0]


def test_a_state_has_the_value_of_what_follows_it_and_not_of_its_own_few_ends() -> None:
    """Eight episodes of Sutton & Barto 2018, example 6.4: A was seen once and lost, but B, which follows it, has .75."""
    episodes = [np.asarray([A, B]), *[np.asarray([B])] * 7]
    rewards = np.asarray([0.0, *[1.0] * 6, 0.0])
    value = value_head(episodes, rewards, ridge=1e-9)
    assert value(np.asarray([A, B])) == pytest.approx([0.75, 0.75], abs=1e-6)


def test_a_chain_without_chance_carries_the_reward_to_its_beginning() -> None:
    episodes = [np.eye(6)[[0, 1, 2]], np.eye(6)[[3, 4, 5]]]
    value = value_head(episodes, np.asarray([1.0, 0.0]), ridge=1e-9)
    assert value(np.eye(6)) == pytest.approx([1, 1, 1, 0, 0, 0], abs=1e-5)


def test_the_highest_score_is_chosen_and_equal_ones_share() -> None:
    solutions = [[("a", True), ("b", False)], [("a", True), ("b", False), ("c", True)]]
    scores = [np.asarray([0.2, 0.9]), np.asarray([0.5, 0.5, 0.1])]
    assert share_right(scores, solutions).tolist() == [0.0, 0.5]


def test_the_critic_of_finished_solutions_finds_a_planted_sign_of_the_outcome() -> None:
    """The last state of a right solution leans to one side; classifier and value both choose among four by it."""
    chance = np.random.default_rng(2)
    right = chance.random((200, 4)) < 0.4
    ends = chance.normal(size=(200, 4, 5)) + 4.0 * right[..., None] * np.eye(5)[0]
    solutions = [[(str(at), bool(one)) for at, one in enumerate(own)] for own in right]
    states, labels = ends[:100].reshape(400, 5), right[:100].reshape(400).astype(float)
    critic = trained_head(states, labels, 1.0)
    value = value_head([state[None] for state in states], labels, 1.0)
    some = right[100:].any(axis=1)
    for head in (critic, value):
        chosen = share_right([head(own) for own in ends[100:]], solutions[100:])
        assert chosen[some].mean() > 0.95
        assert chosen.mean() > right[100:].mean() + 0.3


@pytest.mark.train
def test_the_smallest_form_on_the_shipped_model(tmp_path: Path) -> None:
    bench = Bench(tmp_path, 1, {"init": [StudyModel(SHIPPED)]})
    measured = SolutionValues(problems=6, samples=3).measure(bench)
    assert set(measured.effects) == {
        "value - random", "value - log-prob", "value - classifier", "classifier - random", "auroc at half less .5",
    }  # fmt: skip
    assert set(measured.table) == {"right by value", "right by classifier", "right by log-prob", "right by random"}
    assert all(row.low <= row.value <= row.high for row in measured.effects.values())
    assert SolutionValues(problems=6, samples=3).measure(bench).effects == measured.effects  # draws are kept
