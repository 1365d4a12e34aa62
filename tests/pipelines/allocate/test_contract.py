"""What every allocator must do: be pure, stay within its total and the pulls that exist, and answer with all arms."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from rollmill.ground.errors import SetupError
from rollmill.pipelines.allocate.allocation_rounds import allocate
from rollmill.pipelines.allocate.arms import Allocator, Arm, Pull
from rollmill.pipelines.method_checks import check_method
from rollmill.roles.registries import registry

ALLOCATORS = registry("allocator")  # those of the shelf too
OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "uniform": {},
    "ucb": {"c": 0.5},
    "thompson": {},
    "halving": {"pooled": False},
    "brackets": {},
    "dump": {"group": 4},
    "equitable": {"first": 3},
    "mastering": {"last": 3},
    "ranking": {"delta": 0.2},
    "bridge": {"batch": 12, "first": 2, "lists": {"a": ("x",), "b": ("x", "y")}},
    "ease": {"batch": 12, "first": 2, "arms": 2, "lists": {"a": ("x", "y"), "b": ("y", "x")}},
}
RATES = {"a": 0.2, "b": 0.5, "c": 0.6, "d": 0.9, "e": 0.4}


def built(name: str, total: float = 60) -> Allocator:
    kind: Any = ALLOCATORS[name]
    made: Allocator = kind(total=total, **OPTIONS[name])
    return made


def drawn(allocator: Allocator, name: str, first: int, count: int) -> list[Pull]:
    """The same pulls whenever they are asked for."""
    made = []
    for place in range(first, first + count):
        generator = np.random.default_rng([ord(name), place])
        made.append(Pull(allocator.group, int(generator.binomial(allocator.group, RATES[name]))))
    return made


def test_every_allocator_has_a_row() -> None:
    assert set(OPTIONS) == set(ALLOCATORS)


@pytest.mark.parametrize("name", sorted(OPTIONS))
def test_it_is_complete_and_says_who_it_is(name: str) -> None:
    allocator = built(name)
    check_method("allocator", name, allocator)
    assert (allocator.name, allocator.version) == (name, "1")


@pytest.mark.parametrize("name", sorted(OPTIONS))
@pytest.mark.parametrize("left", [None, 9])
def test_it_ends_within_the_total_and_the_stored_pulls(name: str, left: int | None) -> None:
    allocator = built(name)
    costs = {"a": 1.0, "b": 2.0, "c": 1.0, "d": 1.5, "e": 1.0}
    done = allocate(
        allocator,
        dict.fromkeys(RATES, left),
        lambda arm, first, count: drawn(allocator, arm, first, count),
        costs=costs,
        seed=3,
    )
    assert 0 < done.cost <= 60
    assert sorted(done.answer) == sorted(RATES)
    assert left is None or all(len(arm.pulls) <= left for arm in done.arms.values())


@pytest.mark.parametrize("name", sorted(OPTIONS))
def test_a_killed_allocation_goes_on_as_if_it_had_not_been(name: str) -> None:
    allocator = built(name)
    counts = {arm: Arm() for arm in RATES}
    plans = []
    while plan := allocator.next(counts, {}, 5):
        again = built(name).next(dict(reversed(counts.items())), {}, 5)
        assert dict(plan) == dict(again)  # another object, and the arms in another order
        counts = {
            arm: Arm((*held.pulls, *drawn(allocator, arm, len(held.pulls), plan.get(arm, 0))))
            for arm, held in counts.items()
        }
        plans.append(dict(plan))
    whole = allocate(built(name), dict.fromkeys(RATES), lambda *draw: drawn(allocator, *draw), seed=5)
    assert [dict(plan) for plan in whole.rounds] == plans
    assert list(whole.answer) == list(allocator.answer(counts, {}, 5))


@pytest.mark.parametrize("name", sorted(OPTIONS))
def test_a_wrong_option_is_refused_with_its_value(name: str) -> None:
    with pytest.raises(SetupError, match="'total' is -1"):
        built(name, total=-1)
