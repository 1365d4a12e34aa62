"""The mutation matrix of abstractions: each of the tests kills its class, and the second solver the class that is left."""

import json
from collections.abc import Iterator

import pytest

from rollmill.ground.records import Completion, Problem, Verdict
from rollmill.pipelines.verify.functional.abstraction import CHECKS, AbstractionVerifier, answer_elsewhere

TEXT = "Mia has 4 bags of 6 marbles and 5 more. How many marbles does Mia have?"
SOLUTION = "4 * 6 = 24\n24 + 5 = 29\n#### 29"
BARE, WORKED = Problem(TEXT, "29"), Problem(TEXT, "29", meta={"solution": SOLUTION})
GOOD = """import random

original = {"bags": 4, "each": 6, "more": 5}

def sample(seed):
    rng = random.Random(seed)
    return {"bags": rng.randint(2, 9), "each": rng.randint(10, 30), "more": rng.randint(31, 99)}

def render(params):
    return "Mia has {bags} bags of {each} marbles and {more} more. How many marbles does Mia have?".format(**params)

def solve(params):
    return params["bags"] * params["each"] + params["more"]
"""
SUM = 'return params["bags"] * params["each"] + params["more"]'
MUTANTS = {
    "no solve": ("is_extractable", GOOD.replace("def solve", "def answer")),
    "no original": ("is_extractable", GOOD.replace("original =", "first =")),
    "crash": ("is_executable", GOOD.replace(SUM, 'return params["bags"] // (params["bags"] - 4)')),
    "endless": ("is_executable", GOOD.replace(SUM, "while True: pass")),
    "no text": ("is_executable", GOOD.replace('return "Mia', 'return [] and "Mia')),
    "zero degrees of freedom": ("has_dof", GOOD.replace("    rng = random.Random(seed)\n", "    return dict(original)\n")),
    "constant solver": ("has_dof", GOOD.replace(SUM, "return 29")),
    "own chance": ("single_valued", GOOD.replace("random.Random(seed)", "random.Random()")),
    "chance in solve": ("single_valued", GOOD.replace(SUM, f"{SUM} + (params != original) * random.randint(0, 10**9)")),
    "wrong original": ("matches_original", GOOD.replace('"more": 5}', '"more": 7}')),
    "wrong answer": ("matches_original", GOOD.replace(SUM, f"{SUM} + 1")),
}
SEED_ONLY = GOOD.replace(SUM, f"{SUM} + (params != original)")


@pytest.fixture(scope="module")
def verifier() -> Iterator[AbstractionVerifier]:
    with AbstractionVerifier("none", cpu_seconds=1.0) as chosen:
        yield chosen


def judged(verifier: AbstractionVerifier, source: str, problem: Problem = WORKED) -> Verdict:
    text = f"Here it is.\n```python\n{source}```"
    return verifier.verify(problem, Completion("c", "p", "e", "m", "", "curate", 0, None, text, "stop"))


def test_a_sound_abstraction_passes_all_tests_each_of_them_recorded(verifier: AbstractionVerifier) -> None:
    verdict, names = judged(verifier, GOOD), [name for name, *_ in CHECKS]
    assert (verdict.outcome, verdict.rule, verdict.value) == ("correct", "passed", 1.0)
    assert json.loads(verdict.evidence or "") == dict.fromkeys(names, "passed")
    assert list(json.loads(judged(verifier, GOOD, BARE).evidence or "")) == sorted(names[:5])


@pytest.mark.integration
@pytest.mark.parametrize("name", MUTANTS)
def test_each_mutant_fails_the_test_of_its_class(verifier: AbstractionVerifier, name: str) -> None:
    check, source = MUTANTS[name]
    verdict = judged(verifier, source)
    assert source != GOOD
    assert verdict.outcome == ("unparsed" if check == "is_extractable" else "incorrect")
    assert verdict.rule == check


def test_right_at_the_seed_alone_passes_five_tests_and_fails_the_second_solver(verifier: AbstractionVerifier) -> None:
    """The hole of the five tests, shown and closed."""
    assert judged(verifier, SEED_ONLY, BARE).outcome == "correct"
    verdict = judged(verifier, SEED_ONLY)
    assert (verdict.outcome, verdict.rule) == ("incorrect", "agrees_elsewhere")
    assert verdict.value == pytest.approx(5 / 6)


@pytest.mark.parametrize(
    ("variant", "answer"),
    [
        (TEXT.replace("4", "7"), 47),
        (TEXT.replace("4", "7").replace("5", "1"), 43),
        (TEXT.replace("bags", "boxes"), None),
        ("Mia has 4 bags.", None),
    ],
)
def test_the_worked_solution_is_carried_over_to_other_numbers(variant: str, answer: int | None) -> None:
    assert answer_elsewhere(TEXT, SOLUTION, variant) == answer


@pytest.mark.parametrize(
    ("prompt", "solution", "variant", "answer"),
    [
        ("Take 20% of 50.", "20% x 50 = 10", "Take 30% of 60.", 18),
        ("Take .5 of 20.", ".5 * 20 = 10", "Take .25 of 20.", 5),
        ("Halve 1,000 bags.", "1000 / 2 = 500", "Halve 3,000 bags.", 1_500),
        ("Halve 1,000 bags.", "1,000 ÷ 2 = 500", "Halve 800 bags.", 400),
        ("From -3 add 5.", "−3 + 5 = 2", "From -4 add 7.", 3),
        ("4 bags of 6.", "4 × 6 = 24", "5 bags of 7.", 35),
        ("17 and 5.", "17 % 5 = 2", "18 and 5.", None),
    ],
)
def test_signs_and_numbers_are_read_as_the_steps_read_them(
    prompt: str, solution: str, variant: str, answer: int | None
) -> None:
    """`20% x 50` was a remainder, and `.5` was 5."""
    assert answer_elsewhere(prompt, solution, variant) == answer


def test_what_cannot_be_carried_over_says_nothing() -> None:
    """Equal numbers that become different ones, a number that is also a result, a false line, no line."""
    twice = "2 cats and 2 dogs. How many?"
    assert answer_elsewhere(twice, "2 + 2 = 4", "3 cats and 2 dogs. How many?") is None
    assert answer_elsewhere(twice, "2 + 2 = 4", "3 cats and 3 dogs. How many?") == 6
    shared = "2 bags of 3 and 6 more, each 2. How many?"
    assert answer_elsewhere(shared, "2 * 3 = 6\n6 + 6 = 12", "2 bags of 4 and 7 more, each 2. How many?") is None
    assert answer_elsewhere(TEXT, "4 * 6 = 25", TEXT) is None
    assert answer_elsewhere(TEXT, "many", TEXT) is None
