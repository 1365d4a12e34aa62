"""Verifier `classes`: structure apart from behaviour, and pass@o that never exceeds pass@k."""

from dataclasses import replace
from typing import Any

import pytest

from rollmill.ground.records import OUTCOMES, Problem, Verdict
from rollmill.pipelines.verify.acceptance import POLICIES
from rollmill.pipelines.verify.structured.class_structure import ClassVerifier
from rollmill.stats import pass_at_k
from tests.pipelines.select.rollouts import rollout

CLASSES = {
    "Shape": {"methods": ["area"]},
    "Square": {"bases": ["Shape"], "methods": ["__init__", "area"], "attributes": ["side"]},
}
PROBLEM = Problem("Write Square.", "", "code", ("assert Square(2).area() == 4",), meta={"classes": CLASSES})
RIGHT = """\
class Shape:
    def area(self):
        raise NotImplementedError

class Square(Shape):
    def __init__(self, side):
        self.side = side

    def area(self):
        return self.side ** 2
"""
FREE = """\
def Square(side):
    return Value(side ** 2)

class Value:
    def __init__(self, value):
        self.value = value

    def area(self):
        return self.value
"""


def judged(text: str, **meta: Any) -> Verdict:
    problem = replace(PROBLEM, meta={**PROBLEM.meta, **meta})
    completion = replace(rollout(0, "correct", "").completion, text=f"```python\n{text}\n```")
    return ClassVerifier().verify(problem, completion)


def test_behaviour_in_a_free_function_lacks_the_structure() -> None:
    assert judged(RIGHT).outcome == "correct"
    free = judged(FREE)
    assert (free.outcome, free.value) == ("incorrect", 0.0)
    assert free.cause == (
        "no class Shape; Shape has no method area; no class Square; Square has no base Shape; "
        "Square has no method __init__; Square has no method area; Square has no attribute side"
    )


@pytest.mark.parametrize(
    ("old", "new", "cause"),
    [
        ("class Square(Shape)", "class Square", "Square has no base Shape"),
        ("class Square(Shape)", "class Square(shapes.Shape)", None),
        ("self.side = side", "self._side = side", "Square has no attribute side"),
        ("self.side = side", "other = side", "Square has no attribute side"),
        ("    def __init__(self, side):\n        self.side = side", "    side: int = 2", "Square has no method __init__"),
        ("        self.side = side", "        pass\n    name, [side, *_] = 'square', (2, 3)", None),
        ("        self.side = side", "        pass\n    Shape.side = sides[side] = 2", "Square has no attribute side"),
        ("def area(self):\n        return", "def size(self):\n        return", "Square has no method area"),
    ],
)
def test_each_part_is_looked_for(old: str, new: str, cause: str | None) -> None:
    verdict = judged(RIGHT.replace(old, new))
    assert (verdict.outcome, verdict.cause) == ("correct" if cause is None else "incorrect", cause)
    assert verdict.value == (1.0 if cause is None else pytest.approx(6 / 7))


@pytest.mark.parametrize("classes", [None, {}, [], {"A": []}, {"A": {"method": ["f"]}}, {"A": {"methods": "f"}}])
def test_a_problem_without_a_structure_is_undecided(classes: Any) -> None:
    assert judged(RIGHT, classes=classes).outcome == "undecided"


def test_pass_at_o_never_exceeds_pass_at_k() -> None:
    policy = POLICIES["all_of"]()
    for structure in OUTCOMES:
        for tests in OUTCOMES:
            given = (("code", tests), ("classes", structure))
            verdicts = [Verdict("c", "p", name, "1", outcome, "r") for name, outcome in given]
            if policy.decide(verdicts).outcome == "correct":
                assert tests == structure == "correct"
    for n in range(1, 7):
        for passed in range(n + 1):
            for both in range(passed + 1):
                for k in range(1, n + 1):
                    o, of_tests = pass_at_k(n, both, k), pass_at_k(n, passed, k)
                    assert o is not None
                    assert of_tests is not None
                    assert o <= of_tests
