"""Signs of faulty problems: those by the texts alone."""

from rollmill.ground.records import Problem
from rollmill.storage.queries.judge.suspects import _texts


def test_repeated_prompts_and_missing_references_are_told_apart() -> None:
    problems = [
        Problem("What is 2 + 3?", "5"),
        Problem("what is  2 + 3?", "5"),
        Problem("What is 2 +\n3?", "6"),
        Problem("What is 2 + 4?", ""),
        Problem("Write f.", "", kind="code", tests=("assert f() == 1",)),
    ]
    told = {key: (fault, why) for key, fault, why, _ in _texts(problems)}
    assert {key: fault for key, (fault, _) in told.items()} == {
        problems[1].id: "duplicate",
        problems[2].id: "wrong_reference",
        problems[3].id: "other",
    }
    assert "its reference is '6'" in told[problems[2].id][1]
