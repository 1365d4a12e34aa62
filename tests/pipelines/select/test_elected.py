"""Selector `elected`: the highest score, ties to the earlier completion, kept only where it is correct."""

from dataclasses import replace

import pytest

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Rollout, Score
from rollmill.pipelines.select.elected import Elected
from rollmill.pipelines.select.of_steps import OfSteps
from rollmill.pipelines.select.quota import Quota
from tests.pipelines.select.rollouts import PROBLEM, rollout


def scored(index: int, outcome: str, value: float | None) -> Rollout:
    one = rollout(index, outcome, f"text {index}")  # type: ignore[arg-type]
    given = () if value is None else (Score(one.completion.id, PROBLEM.id, "votes", "1", value),)
    return replace(one, scores=given)


def reasons(pool: list[Rollout], per_problem: int = 1) -> list[str]:
    return [decision.reason for decision in Elected(by="votes", per_problem=per_problem).select("run", pool)]


def test_the_highest_score_is_elected_and_ties_go_to_the_earlier_one() -> None:
    pool = [scored(0, "correct", 0.5), scored(1, "correct", 0.75), scored(2, "correct", 0.75), scored(3, "correct", None)]
    assert reasons(pool) == ["not_elected", "kept", "not_elected", "not_elected"]
    assert reasons(pool, per_problem=3) == ["kept", "kept", "kept", "not_elected"]


def test_a_wrong_completion_takes_the_place_that_it_was_elected_to() -> None:
    """What the score would have chosen is measured, not what it would have chosen knowing the verdicts."""
    assert reasons([scored(0, "correct", 0.5), scored(1, "incorrect", 0.75)]) == ["not_elected", "incorrect"]


def test_a_selector_of_some_steps_sees_no_others() -> None:
    pool = [replace(rollout(index, "correct", f"text {index}"), step=step) for index, step in enumerate("abab")]
    decisions = list(OfSteps(Quota(per_problem=1), ("b",)).select("run", pool))
    assert [one.reason for one in decisions] == ["other_step", "kept", "other_step", "over_quota"]
    assert [one.completion_id for one in decisions] == [one.completion.id for one in pool]


def test_what_is_below_a_least_value_of_any_score_is_not_elected() -> None:
    def both(index: int, gain: float, own: float | None) -> Rollout:
        one = scored(index, "correct", gain)
        more = () if own is None else (Score(one.completion.id, PROBLEM.id, "likelihood", "1", own),)
        return replace(one, scores=(*one.scores, *more))

    pool = [both(0, 9.0, -9.0), both(1, 2.0, -1.0), both(2, 3.0, None), both(3, -1.0, -0.5)]
    selector = Elected(by="votes", least={"votes": 0.0, "likelihood": -2.0}, per_problem=4)
    assert selector.scores == ("votes", "likelihood")
    decided = [decision.reason for decision in selector.select("run", pool)]
    assert decided == ["not_elected", "kept", "not_elected", "not_elected"]
    with pytest.raises(SetupError, match="least of votes is 'much'"):
        Elected(least={"votes": "much"})  # type: ignore[dict-item]


def test_nobody_is_elected_without_scores() -> None:
    assert reasons([scored(0, "correct", None), scored(1, "incorrect", None)]) == ["not_elected", "incorrect"]
