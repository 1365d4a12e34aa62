"""ModelSwitch against the pooled vote, which it must equal with two models, equal numbers and unanimity."""

from itertools import product

import numpy as np
import pytest

from rollmill.pipelines.aggregate.model_switch import ModelSwitch
from rollmill.roles.blind_pool import BlindPool
from rollmill.stats import vote, weighted_vote

CASES = list(product(["a", "b", None], repeat=6))


def switched(first: tuple[str | None, ...], second: tuple[str | None, ...], **options: object) -> tuple[set[str], int]:
    pool = BlindPool.of([*first, *second], models=[0] * len(first) + [1] * len(second))
    election = ModelSwitch(**options).elect(pool)  # type: ignore[arg-type]
    strength = election.strength[0]
    assert election.used is not None
    best = strength.max(initial=-np.inf)
    return {pool.answers[at] for at in np.flatnonzero(strength == best) if best > -np.inf}, int(election.used.sum())


def test_with_two_models_and_unanimity_it_is_the_pooled_vote_with_ties_to_the_earlier_model() -> None:
    asked = 0
    for case in CASES:
        first, second = case[:3], case[3:]
        elected, used = switched(first, second)
        asked += used
        pooled = vote([first, second])
        assert pooled is None if not elected else pooled in elected, case
        assert len(elected) <= 1 or len({first.count(a) for a in elected} | {0}) <= 2
        assert used == (3 if len(set(first)) == 1 and first[0] is not None else 6)
    assert asked < 6 * len(CASES)


def test_weights_by_agreement_are_those_of_the_weighted_vote() -> None:
    for case in CASES[::5]:
        first, second = case[:3], case[3:]
        if len(set(first)) == 1 and first[0] is not None:
            continue  # it stops
        elected, _ = switched(first, second, weights="agreement")
        answer = weighted_vote([first, second])
        assert answer is None if not elected else answer in elected, case


def test_a_model_that_abstains_does_not_agree_with_itself() -> None:
    assert switched(("a", None, None), ("b", "b", "b"), threshold=0.6) == ({"b"}, 6)
    assert switched(("a", "a", None), ("b", "b", "b"), threshold=0.6) == ({"a"}, 3)


def test_answers_of_a_model_that_was_not_asked_are_not_elected() -> None:
    pool = BlindPool.of(["a", "a", "b", "b"], models=[0, 0, 1, 1])
    assert ModelSwitch().elect(pool).top(pool, 5) == ("a",)


def test_tied_answers_go_to_the_model_that_was_asked_first() -> None:
    assert switched(("a", "b", "b"), ("a", "a", "b")) == ({"b"}, 6)
    assert switched(("a",), ("b",), threshold=1.0) == ({"a"}, 1)


@pytest.mark.parametrize("threshold", [0.5, 0.8, 1.0])
def test_a_lower_threshold_never_asks_more(threshold: float) -> None:
    for case in CASES[::11]:
        assert switched(case[:3], case[3:], threshold=threshold)[1] <= switched(case[:3], case[3:], threshold=1.0)[1]
