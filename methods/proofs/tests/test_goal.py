"""Goals: read from the test of a problem, and refused with the reason."""

import pytest

from rollmill.ground.records import Problem
from rollmill_proofs.goal import BadGoalError, Goal, goal_of

CLASSIC = "Coq.Logic.Classical_Prop.classic"


def problem(*tests: str) -> Problem:
    return Problem("Prove it.", "", "proof", tests)


def test_a_goal_comes_back_from_its_test() -> None:
    for goal in (Goal("1 = 1"), Goal("f 1 = 1", "Require Import Lia.", "Definition f (n : nat) := n.", (CLASSIC,))):
        assert goal_of(problem(goal.test())) == goal
    text = Goal('f "one. two" = Nat.add 1 1')
    assert goal_of(problem(text.test())) == text
    assert Goal("1 = 1").test() == '{"statement":"1 = 1"}'


@pytest.mark.parametrize(
    ("tests", "reason"),
    [
        ((), "0 tests; one is needed"),
        (("{}", "{}"), "2 tests; one is needed"),
        (("1 = 1",), "no JSON: "),
        (("[1]",), "no JSON object of allow, context, either, imports, statement"),
        (('{"statement": "1 = 1", "axioms": []}',), "no JSON object of allow, context"),
        (('{"statement": " "}',), "no statement"),
        (('{"statement": 1}',), "statement is no text"),
        (('{"statement": "True). Definition other := (1 = 2"}',), "a statement is one term"),
        (('{"statement": "1 = 1."}',), "a statement is one term"),
        (('{"statement": "1 = 1", "allow": ["classic"]}',), "allow is no list of full names"),
        (('{"statement": "1 = 1", "allow": "Coq.A.b"}',), "allow is no list of full names"),
    ],
)
def test_other_tests_are_refused_with_the_reason(tests: tuple[str, ...], reason: str) -> None:
    with pytest.raises(BadGoalError) as refused:
        goal_of(problem(*tests))
    assert str(refused.value).startswith(reason)
