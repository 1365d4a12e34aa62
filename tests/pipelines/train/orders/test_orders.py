"""Orders of units: permutations, curricula and priorities, and the mistakes that they name."""

from collections import Counter
from typing import Any

import numpy as np
import pytest

from rollmill.ground.errors import SetupError
from rollmill.pipelines.train.orders import ORDERS
from rollmill.pipelines.train.roles import TrainingUnits

LEVELS = [3, 1, 2, 1, 3, 2, 1, 1]
UNITS = TrainingUnits(
    8, {"level": LEVELS, "pass_rate": [0.0, 1.0, 0.5, 0.75, 0.1, 0.4, 0.9, 0.8], "skill": list("abcdefgh")}
)


def arranged(name: str, seed: int = 1, epoch: int = 0, **options: Any) -> list[int]:
    return [int(place) for place in ORDERS[name](**options).arrange(UNITS, seed, epoch)]


def test_shuffled_is_another_permutation_by_seed_and_epoch() -> None:
    seen = [arranged("shuffled", seed, epoch) for seed, epoch in ((1, 0), (1, 1), (2, 0))]
    assert [sorted(one) for one in seen] == [list(range(8))] * 3
    assert len({tuple(one) for one in seen}) == 3
    assert arranged("exported", 5, 3) == [0, 1, 2, 3, 4, 5, 6, 7]


def test_sorted_goes_from_easy_to_hard_with_ties_by_the_seed() -> None:
    first, second = arranged("sorted"), arranged("sorted", seed=2)
    assert [LEVELS[place] for place in first] == [1, 1, 1, 1, 2, 2, 3, 3]
    assert sorted(first) == list(range(8))
    assert first != second
    assert arranged("sorted", by="pass_rate", descending=True) == [1, 6, 7, 3, 2, 5, 4, 0]


def test_tiers_are_shuffled_within_and_sorted_between() -> None:
    one = arranged("sorted", by="pass_rate", tiers=2)
    assert {*one[:4]} == {0, 4, 5, 2}
    assert {*one[4:]} == {3, 7, 6, 1}
    assert one[:4] != [0, 4, 5, 2]


def test_replay_draws_by_priority() -> None:
    drawn = Counter(place for epoch in range(4000) for place in arranged("replay", epoch=epoch, alpha=1.0))
    priority = 1 - np.asarray(UNITS.columns["pass_rate"])
    expected = priority / priority.sum()
    assert drawn[1] == 0
    assert [drawn[place] / 32_000 for place in range(8)] == pytest.approx(list(expected), abs=0.01)
    evenly = Counter(place for epoch in range(4000) for place in arranged("replay", epoch=epoch, alpha=0.0))
    assert [evenly[place] / 32_000 for place in range(8)] == pytest.approx([0.125] * 8, abs=0.01)


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("sorted", {"by": "lvl"}, "unknown numeric column of the rows 'lvl'. Choices: level, pass_rate."),
        ("sorted", {"by": "skill"}, "unknown numeric column of the rows 'skill'. Choices: level, pass_rate."),
        ("sorted", {"tiers": -1}, "tiers is -1; it must be 0 or more."),
        ("replay", {"alpha": 1.5}, "alpha is 1.5; it must be between 0 and 1."),
        ("replay", {"by": "level"}, "column 'level' runs from 1 to 3, and must be shares."),
        ("cooldown", {"by": "web"}, "unknown column of the rows 'web'. Choices: level, pass_rate, skill."),
        ("cooldown", {"temperatures": [5.0, 0.0]}, "temperatures are [5.0, 0.0]."),
    ],
)
def test_mistakes_are_named(name: str, options: dict[str, Any], said: str) -> None:
    with pytest.raises(SetupError) as caught:
        arranged(name, **options)
    assert said.split(" Choices", maxsplit=1)[0] in str(caught.value)
    assert "Choices" not in said or "level" in str(caught.value)


def test_rows_without_any_priority_are_refused() -> None:
    solved = TrainingUnits(2, {"pass_rate": [1.0, 1.0]})
    with pytest.raises(SetupError, match="every row has priority 0: alpha is 1 and pass_rate is 1 everywhere"):
        ORDERS["replay"](alpha=1.0).arrange(solved, 1, 0)


def test_cooldown_draws_a_rare_source_more_often_and_less_so_in_later_epochs() -> None:
    units = TrainingUnits(1_000, {"source": ["large"] * 900 + ["small"] * 100})
    order = ORDERS["cooldown"](temperatures=[1e9, 2.0, 1.0])
    shares = [
        float(np.mean([np.mean(order.arrange(units, seed, epoch) >= 900) for seed in range(20)])) for epoch in range(4)
    ]
    assert shares == pytest.approx([0.5, 0.25, 0.1, 0.1], abs=0.015)
    drawn = Counter(int(place) for place in order.arrange(units, 1, 0))
    assert max(drawn[place] for place in range(900, 1_000)) > 1
