"""Generated theorems: levels in turn, twins, and options."""

import pytest

from rollmill.ground.errors import SetupError
from rollmill_proofs.goal import goal_of
from rollmill_proofs.goals import LEVELS, UNPROVABLE, Goals
from rollmill_proofs.prover import theorem_of


def test_two_hundred_by_level_half_of_them_false_twins() -> None:
    problems = list(Goals().synthesize(200, 7))
    assert len({problem.id for problem in problems}) == 200
    for level in LEVELS:
        of_level = [problem for problem in problems if problem.level == level]
        assert len(of_level) == 40
        assert sum(problem.reference == UNPROVABLE for problem in of_level) == 20
    for true, false in zip(problems[::2], problems[1::2], strict=True):
        assert (true.meta["provable"], false.meta["provable"]) == (True, False)
        assert (true.template, true.level) == (false.template, false.level)
        assert goal_of(true).context == goal_of(false).context


def test_a_twin_may_be_negated_or_left_out() -> None:
    negated = list(Goals(levels=[1], twins="negated").synthesize(4, 7))
    assert [goal_of(problem).statement.startswith("~ (") for problem in negated] == [False, True, False, True]
    assert all(problem.meta["provable"] for problem in negated)
    either = list(Goals(levels=[1], twins="either").synthesize(4, 7))
    assert [problem.reference.startswith("Disproof.") for problem in either] == [False, True, False, True]
    assert all(goal_of(problem).either and "prove its negation" in str(problem.prompt) for problem in either)
    assert all(problem.meta["provable"] for problem in Goals(twins="none").synthesize(10, 7))


def test_the_prompt_holds_the_goal_that_is_judged() -> None:
    for problem in Goals().synthesize(20, 1):
        assert isinstance(problem.prompt, str)
        assert theorem_of(problem.prompt) == goal_of(problem)


def test_a_wrong_option_names_the_valid_ones() -> None:
    with pytest.raises(SetupError, match=r"levels is \[7\].*1, 2, 3, 4, 5, 6"):
        Goals(levels=[7])
    with pytest.raises(SetupError, match=r"twins is 'true'.*false, negated, either, none"):
        Goals(twins="true")


def test_a_level_that_is_spent_says_so() -> None:
    with pytest.raises(SetupError, match="level 1 has no more statements"):
        list(Goals(levels=[1]).synthesize(100_000, 7))
