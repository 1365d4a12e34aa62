"""What every round policy must do: say who it is, and change what it says as a pure function of the rounds so far."""

from collections.abc import Mapping
from typing import Any

import pytest

from rollmill.pipelines.method_checks import check_method
from rollmill.pipelines.train.between import ROUND_POLICIES
from rollmill.pipelines.train.between.roles import NEEDED, SeenProblem, SeenRound

CHANGED: Mapping[str, dict[str, list[str]]] = {
    "hpt": {},
    "itool": {},
    "toolace_r": {},
    "gvm_norms": {"curate": ["budget.options.norms"]},
    "mastering_rate": {"curate": ["problems.options.shares"]},
    "targeted": {"curate": ["problems.options.shares"]},
}
"""Keys that each policy changes after two rounds, of the dataset recipe and of the training recipe."""


def seen_round(number: int) -> SeenRound:
    """Forty problems of four levels; level 1 is always solved, level 4 never."""
    problems = {
        f"p{place:02}": SeenProblem(
            f"p{place:02}",
            8,
            (8, 5, 2, 0)[place % 4],
            {"level": place % 4 + 1, "skill": "sums", "template": f"t{place % 4}"},
        )
        for place in range(40)
    }
    return SeenRound(number, problems, {name: 1.0 + place for place, name in enumerate(problems)})


def test_the_table_covers_the_registry() -> None:
    assert set(CHANGED) == set(ROUND_POLICIES)


@pytest.mark.parametrize("name", sorted(ROUND_POLICIES))
def test_a_policy_is_a_function_of_the_rounds_so_far(name: str) -> None:
    policy: Any = ROUND_POLICIES[name]()
    check_method("round policy", name, policy)
    assert policy.name == name
    assert set(policy.needs) <= set(NEEDED)
    rounds = [seen_round(0), seen_round(1)]
    row = {"problem_id": "p01", "outcome": "correct", "step": None}
    for seen in ([], rounds[:1], rounds):
        first, again = policy.keys(seen), ROUND_POLICIES[name]().keys(seen)
        assert (first.curate, first.train) == (again.curate, again.train)
    changed = policy.keys(rounds)
    keys = {"curate": sorted(changed.curate), "train": sorted(changed.train)}
    assert {part: names for part, names in keys.items() if names} == CHANGED[name]
    for one in rounds:
        weights = [policy.weigh(one)({**row, "problem_id": problem}) for problem in one.problems]
        assert weights == [ROUND_POLICIES[name]().weigh(one)({**row, "problem_id": problem}) for problem in one.problems]
        assert all(weight is None or isinstance(weight, float) for weight in weights)
        assert all(isinstance(value, float) for value in policy.figures(one).values())
