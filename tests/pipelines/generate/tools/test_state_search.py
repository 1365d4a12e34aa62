"""Searches over states of programs: plans against brute force, and what property tests catch."""

from fractions import Fraction
from itertools import product
from typing import Any

import pytest

from rollmill.ground.errors import SetupError
from rollmill.pipelines.generate.tools.state_search import StateSearch

pytestmark = pytest.mark.integration

COUNTDOWN = """```python
from fractions import Fraction
TARGET = None

def start(problem):
    global TARGET
    *numbers, TARGET = map(int, problem.split())
    return tuple(sorted(Fraction(number) for number in numbers))

def successors(state):
    for i in range(len(state)):
        for j in range(len(state)):
            if i != j:
                a, b = state[i], state[j]
                rest = [state[k] for k in range(len(state)) if k not in (i, j)]
                for value in [a + b, a - b, a * b] + ([a / b] if b else []):
                    yield tuple(sorted([*rest, value]))

def is_goal(state):
    return state == (TARGET,)
```"""
CHECKS = """
from fractions import Fraction

def check(start, successors, is_goal):
    state = start("2 3 4 24")
    after = set(successors(state))
    legal = {2 + 3, 2 - 3, 3 - 2, 2 * 3, Fraction(2, 3), Fraction(3, 2)}
    made = {other for following in after if 4 in following for other in following if len(following) == 2 and other != 4}
    assert made <= legal | {Fraction(4)}, "a successor combines two numbers"
    assert all(len(following) == 2 for following in after), "a successor has one number less"
    assert legal <= made, "every combination is a successor"
    assert is_goal((Fraction(24),)) and not is_goal((Fraction(23),)), "the goal is the target alone"
    assert not is_goal((Fraction(24), Fraction(1))), "the goal uses all numbers"
"""


def searching(**options: Any) -> StateSearch:
    return StateSearch(sandbox="none", threads=1, **options)


def text_of(engine: StateSearch, program: str, problem: str) -> str:
    return engine.made(program, {"problem": problem}, 1).text


def reachable(numbers: tuple[Fraction, ...]) -> set[Fraction]:
    """Every value of the numbers, each used once, by brute force over splits."""
    if len(numbers) == 1:
        return {numbers[0]}
    values: set[Fraction] = set()
    for picks in product((0, 1), repeat=len(numbers)):
        left = tuple(number for number, pick in zip(numbers, picks, strict=True) if pick)
        right = tuple(number for number, pick in zip(numbers, picks, strict=True) if not pick)
        if left and right:
            for a, b in product(reachable(left), reachable(right)):
                values |= {a + b, a - b, a * b} | ({a / b} if b else set())
    return values


def test_it_solves_exactly_the_instances_that_brute_force_solves() -> None:
    engine = searching(checks=CHECKS)
    for numbers in ((1, 2, 3), (2, 5, 7)):
        solvable = reachable(tuple(map(Fraction, numbers)))
        for target in range(0, 40, 3):
            text = text_of(engine, COUNTDOWN, " ".join(map(str, (*numbers, target))))
            assert (text.splitlines()[-1] == "#### 2") == (target in solvable), (numbers, target)
            assert target in solvable or text.strip() == "[none]"
    engine.close()


@pytest.mark.parametrize(
    ("good", "mutated", "caught"),
    [
        ("a * b]", "a * b + 1]", "a successor combines two numbers"),
        ("a - b, ", "", "every combination is a successor"),
        ("[*rest, value]", "[*rest, value, value]", "a successor"),
        ("state == (TARGET,)", "TARGET in state", "the goal uses all numbers"),
    ],
)
def test_a_mutated_component_is_caught_before_the_search(good: str, mutated: str, caught: str) -> None:
    engine = searching(checks=CHECKS)
    assert good in COUNTDOWN
    text = text_of(engine, COUNTDOWN.replace(good, mutated), "1 2 3 6")
    assert text.startswith("[a property does not hold: " + caught)
    engine.close()


def test_breadth_finds_a_shortest_path_and_depth_any_and_both_stop_at_the_most_states() -> None:
    steps = "```python\ndef start(problem):\n    return 0\ndef successors(n):\n    return [n + 1, n + 3]\n"
    steps += "def is_goal(n):\n    return n == 9\n```"
    breadth = searching()
    assert text_of(breadth, steps, "") == "0\n3\n6\n9\n#### 3\n"
    small = searching(most=5)
    assert text_of(small, steps, "").strip() == "[limit]"
    for engine in (breadth, small):
        engine.close()


def test_a_program_without_the_functions_or_with_a_crash_says_so() -> None:
    engine = searching()
    assert text_of(engine, "```python\nx = 1\n```", "") == "[the program does not define start, successors, is_goal]\n"
    assert "ZeroDivisionError" in text_of(engine, "```python\n1 / 0\n```", "")
    assert engine.made("no program", {}, 1).meta["failed"].startswith("no fenced block")
    engine.close()


def test_options_decide_the_model_and_are_checked() -> None:
    digests = {searching(**options).model_digest for options in ({}, {"order": "depth"}, {"most": 5}, {"checks": CHECKS})}
    assert len(digests) == 4
    with pytest.raises(SetupError, match="option 'order' is 'best'"):
        searching(order="best")
    with pytest.raises(SetupError, match="checks is no Python"):
        searching(checks="def")
