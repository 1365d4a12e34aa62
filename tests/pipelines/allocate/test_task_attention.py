"""The formula of attention to tasks, by hand, and that its two users compute the same."""

import pytest

from rollmill.ground.errors import SetupError
from rollmill.pipelines.allocate.arms import Arm, Pull
from rollmill.pipelines.allocate.mastering import Mastering
from rollmill.pipelines.allocate.task_attention import AttentionWeights, ancestors, one_after_another, slope, task_attention
from rollmill.pipelines.train.between.mastering_rate import MasteringRate

WEIGHTS = AttentionWeights(power=2, unmastered=0.5, to_before=0.2, to_after=0.1)
BRANCHED = {"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"]}


def test_attention_on_a_branched_graph_by_hand() -> None:
    rates = {"a": 0.8, "b": 0.5, "c": 0.4, "d": 0.0}
    slopes = {"a": 0.0, "b": -0.1, "c": 0.2, "d": 0.0}
    own = {
        "a": 1.0 * (0.5 * 0.0 + 0.5 * 0.2) * (1 - 0.4),
        "b": 0.8**2 * (0.5 * 0.5 + 0.5 * 0.5) * (1 - 0.0),
        "c": 0.8**2 * (0.5 * 1.0 + 0.5 * 0.6) * (1 - 0.0),
        "d": 0.4**2 * (0.5 * 0.0 + 0.5 * 1.0),  # its lowest ancestor is c; no successor
    }
    expected = {
        "a": own["a"] * 0.9 + (own["b"] + own["c"]) * 0.2,  # nothing is before a
        "b": own["b"] * 0.7 + own["a"] * 0.05 + own["d"] * 0.1,
        "c": own["c"] * 0.7 + own["a"] * 0.05 + own["d"] * 0.1,
        "d": own["d"] * 0.8 + (own["b"] + own["c"]) * 0.1,
    }
    given = task_attention(rates, slopes, BRANCHED, WEIGHTS)
    assert given == pytest.approx(expected)
    assert sum(given.values()) == pytest.approx(sum(own.values()))


def test_rounding_errors_of_equal_rates_are_no_progress() -> None:
    assert slope([0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1]) == 0.0
    assert slope([0.2, 0.5]) == pytest.approx(0.3)
    assert (slope([0.2]), slope([])) == (0.0, 0.0)


def test_ancestors_are_all_tasks_before_and_a_circle_is_refused() -> None:
    assert ancestors("d", BRANCHED) == {"a", "b", "c"}
    assert one_after_another(["x", "y", "z"]) == {"x": [], "y": ["x"], "z": ["y"]}
    with pytest.raises(SetupError, match="'b' comes before itself"):
        ancestors("b", {"a": ["b"], "b": ["a"]})


def test_the_allocator_and_the_round_policy_pay_the_same_attention() -> None:
    rounds = [{"1": 0.5, "2": 0.2, "3": 0.0}, {"1": 0.9, "2": 0.3, "3": 0.0}]
    arms = {task: Arm(tuple(Pull(10, round(10 * by_task[task])) for by_task in rounds)) for task in "123"}
    policy = MasteringRate(most=1.0).attention(rounds)
    assert Mastering().attention(arms) == pytest.approx(
        {task: value / sum(policy.values()) for task, value in policy.items()}
    )
