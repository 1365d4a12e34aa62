"""Committed rounds of an allocation over any source of pulls, for replays, budgets and tests."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from rollmill.ground.errors import contract_error
from rollmill.pipelines.allocate.arms import Allocator, Arm, Pull, PullCosts, cost_of_pulls

MOST_ROUNDS = 100_000  # more than any total of ours takes

Source = Callable[[str, int, int], Sequence[Pull]]
"""(arm, first, count): pulls of an arm from place `first` on, exactly `count` of them."""


@dataclass(frozen=True, slots=True)
class Allocation:
    """Result of an allocation: pulls by arm, the plan of each round, the arms in the order of the answer, the cost."""

    arms: Mapping[str, Arm]
    rounds: tuple[Mapping[str, int], ...]
    answer: tuple[str, ...]
    cost: float


def allocate(
    allocator: Allocator, sizes: Mapping[str, int | None], source: Source, *, costs: PullCosts | None = None, seed: int = 0
) -> Allocation:
    """Pull until the allocator is done. `sizes`: pulls that each arm has, None for no limit."""
    priced: PullCosts = costs or {}
    arms = {name: Arm((), size) for name, size in sizes.items()}
    rounds: list[Mapping[str, int]] = []
    while plan := {name: count for name, count in allocator.next(arms, priced, seed).items() if count}:
        if len(rounds) == MOST_ROUNDS:
            raise contract_error(f"allocator {allocator.name!r} has not ended after {MOST_ROUNDS:,} rounds")
        for name, count in plan.items():
            arm = arms.get(name)
            if arm is None or count < 0 or (arm.left is not None and count > arm.left):
                raise contract_error(f"allocator {allocator.name!r} planned {count} pulls of {name!r}, which has {arm}")
            pulls = source(name, len(arm.pulls), count)
            left = None if arm.left is None else arm.left - count
            arms[name] = Arm((*arm.pulls, *pulls), left)
        rounds.append(plan)
    answer = tuple(allocator.answer(arms, priced, seed))
    if sorted(answer) != sorted(arms):
        raise contract_error(f"allocator {allocator.name!r} answered {list(answer)}, not all of {sorted(arms)}")
    return Allocation(arms, tuple(rounds), answer, cost_of_pulls(arms, priced))
