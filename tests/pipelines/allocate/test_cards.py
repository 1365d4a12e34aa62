"""The numbers of the method cards: simple regret of halving and attention."""

from collections.abc import Sequence

import numpy as np
import pytest

from rollmill.ground.errors import SetupError
from rollmill.pipelines.allocate.allocation_rounds import Allocation, allocate
from rollmill.pipelines.allocate.arms import Allocator, Arm, Pull
from rollmill.pipelines.allocate.halving import Brackets, Halving
from rollmill.pipelines.allocate.mastering import Mastering
from rollmill.pipelines.allocate.thompson import Thompson
from rollmill.pipelines.allocate.ucb import Ucb
from rollmill.pipelines.allocate.uniform import UniformAllocator


def played(allocator: Allocator, rates: Sequence[float], seed: int) -> Allocation:
    """An allocation over Bernoulli arms, the k-th pull of an arm the same for every allocator."""
    generator = np.random.default_rng(seed)
    rewards = generator.random((len(rates), 400)) < np.array(rates)[:, None]

    def pulls(arm: str, first: int, count: int) -> list[Pull]:
        return [Pull(1, int(reward)) for reward in rewards[int(arm), first : first + count]]

    return allocate(allocator, {f"{place:02}": 400 for place in range(len(rates))}, pulls, seed=seed)


def regrets(allocator: Allocator, rates: Sequence[float], runs: int) -> float:
    """Mean simple regret over runs, with the rates given to the arms in a new order each time."""
    lost = []
    for seed in range(runs):
        order = np.random.default_rng([7, seed]).permutation(np.array(rates))
        lost.append(order.max() - order[int(played(allocator, order.tolist(), seed).answer[0])])
    return float(np.mean(lost))


SIXTEEN = np.linspace(0.3, 0.7, 16).tolist()


@pytest.mark.integration
def test_halving_loses_less_than_uniform_by_the_figures_of_the_card() -> None:
    uniform = regrets(UniformAllocator(total=320, batch=320), SIXTEEN, 1_000)
    published = regrets(Halving(total=320, pooled=False), SIXTEEN, 1_000)
    pooled = regrets(Halving(total=320), SIXTEEN, 1_000)
    assert uniform == pytest.approx(0.0499, abs=0.004)  # standard errors near .0014
    assert published == pytest.approx(0.0365, abs=0.004)
    assert pooled < published


def test_brackets_work_with_fewer_pulls_than_arms_where_halving_refuses() -> None:
    with pytest.raises(SetupError, match="at least 64"):
        Halving(total=12).next({f"{place:02}": Arm() for place in range(16)}, {}, 0)
    done = played(Brackets(total=12), SIXTEEN, 1)
    assert done.cost <= 12
    by_lot = 0.7 - 0.5  # the mean of all arms
    assert regrets(Brackets(total=12), SIXTEEN, 300) < by_lot - 0.01


def test_halving_needs_a_pull_of_the_dearest_arm_in_every_round() -> None:
    arms, costs = {"a": Arm(), "b": Arm()}, {"a": 1.0, "b": 3.0}
    with pytest.raises(SetupError, match="at least 6"):
        Halving(total=5.9).next(arms, costs, 0)
    assert Halving(total=6).next(arms, costs, 0) == {"a": 3, "b": 1}


def test_brackets_find_a_good_arm_with_enough_pulls() -> None:
    assert regrets(Brackets(total=320), SIXTEEN, 300) < 0.06


@pytest.mark.parametrize("allocator", [Ucb(total=400, batch=1, c=0.5), Thompson(total=400, batch=1)])
def test_bandits_spend_most_on_the_best_arm(allocator: Allocator) -> None:
    done = played(allocator, [0.2, 0.3, 0.8, 0.4], 2)
    assert done.answer[0] == "02"
    assert len(done.arms["02"].pulls) > 200


def test_a_dear_arm_is_pulled_less() -> None:
    arms = {name: Arm((Pull(1, 1), Pull(1, 0))) for name in "ab"}
    plan = Ucb(total=1000, batch=30).next(arms, {"a": 1.0, "b": 3.0}, 0)
    assert plan["a"] > 3 * plan.get("b", 0)


def test_attention_on_a_chain_of_four_tasks_by_hand() -> None:
    """Task 1 mastered to .8, task 2 to .5, the others not yet; nothing moves."""
    arms = {
        "1": Arm((Pull(10, 8),) * 10),
        "2": Arm((Pull(10, 5),) * 10),
        "3": Arm(),
        "4": Arm(),
    }
    first = 0.5 * (1 - 0.8) * (1 - 0.5)
    second = 0.8**6 * 0.5 * (1 - 0.5)
    third = 0.5**6 * 0.5
    given = [
        first * 0.95 + second * 0.2,
        second * 0.75 + first * 0.05 + third * 0.2,
        third * 0.75 + second * 0.05,
        third * 0.05,
    ]
    attention = Mastering().attention(arms)
    assert sum(attention.values()) == pytest.approx(1.0)
    assert [attention[name] for name in "1234"] == pytest.approx([value / sum(given) for value in given])


def test_no_task_comes_before_its_ancestors_and_mastered_ones_end_it() -> None:
    start = Mastering().attention({name: Arm() for name in "123"})
    assert start["1"] == pytest.approx(0.95)
    assert start["3"] == 0.0
    assert Mastering().next({name: Arm((Pull(10, 10),) * 10) for name in "123"}, {}, 0) == {}
    with pytest.raises(SetupError, match="comes before itself"):
        Mastering(before={"1": ["2"], "2": ["1"]}).attention({name: Arm() for name in "12"})


def test_progress_is_the_slope_of_the_pass_rate() -> None:
    arm = Arm(tuple(Pull(10, right) for right in (1, 2, 3, 4)))
    assert Mastering().progress(arm) == pytest.approx(0.1)
