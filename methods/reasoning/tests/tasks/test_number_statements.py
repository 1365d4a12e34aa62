"""Statements on integers: truth by trying every n again, and judgement and counterexample scored apart."""

import json
import math
import re

import pytest

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Completion, Problem, Verdict
from rollmill.pipelines.verify.witness import WitnessVerifier
from rollmill_reasoning.tasks.number_statements import NumberStatements

MADE = list(NumberStatements().synthesize(120, 7))


def judged(problem: Problem, text: str) -> Verdict:
    return WitnessVerifier().verify(problem, Completion("c", "p", "e", "m", "", "curate", 0, None, text, "stop"))


def holds(text: str, n: int) -> bool:
    """The statement at n, read from its text alone: a second way to its truth."""

    def value(formula: str) -> int:
        assert re.fullmatch(r"[n\d+*^ -]+", formula)
        return int(eval(formula.replace("^", "**"), {"__builtins__": {}}, {"n": n}))

    says = text.partition(", ")[2].removesuffix(".")
    if found := re.fullmatch(r"(.+) is a prime number", says):
        number = value(found[1])
        return number > 1 and all(number % d for d in range(2, math.isqrt(number) + 1))
    if found := re.fullmatch(r"(.+) is not divisible by (\d+)", says):
        return value(found[1]) % int(found[2]) != 0
    if found := re.fullmatch(r"n is divisible by (\d+) if n \* n is divisible by \d+", says):
        return n * n % int(found[1]) != 0 or n % int(found[1]) == 0
    if found := re.fullmatch(r"(.+) is divisible by (\d+)", says):
        return value(found[1]) % int(found[2]) == 0
    if found := re.fullmatch(r"(.+) is at least (.+)", says):
        return value(found[1]) >= value(found[2])
    found = re.fullmatch(r"(.+) is not a square number", says)
    assert found
    return math.isqrt(value(found[1])) ** 2 != value(found[1])


def test_the_truth_is_that_of_every_n_tried_from_the_text() -> None:
    for problem in MADE[:40]:
        entry, text = json.loads(problem.tests[0]), str(problem.prompt).splitlines()[0]
        failing = [n for n in range(1, entry["largest"] + 1) if not holds(text, n)]
        assert failing == entry["counterexamples"]


def test_levels_and_truth_take_turns() -> None:
    assert len({problem.id for problem in MADE}) == 120
    assert [problem.meta["true"] for problem in MADE[:4]] == [False, True, False, True]
    assert {level: sum(problem.level == level for problem in MADE) for level in (1, 2, 3)} == {1: 40, 2: 40, 3: 40}
    # Half of a skill is true as half of a level is.
    assert all(one.skill == two.skill for one, two in zip(MADE[::2], MADE[1::2], strict=True))
    single = [problem for problem in MADE if problem.level == 3 and not problem.meta["true"]]
    assert all(len(json.loads(problem.tests[0])["counterexamples"]) == 1 for problem in single)


def test_no_statement_is_in_both_splits() -> None:
    held = {str(problem.prompt) for problem in NumberStatements(split="heldout").synthesize(40, 7)}
    assert len(held) == 40
    assert not held & {str(problem.prompt) for problem in MADE}


def test_every_counterexample_is_right_and_every_other_number_is_a_wrong_witness() -> None:
    for problem in MADE[:20:2]:
        entry = json.loads(problem.tests[0])
        for n in range(entry["largest"] + 3):
            verdict = judged(problem, f"I tried some.\nFALSE, n = {n}")
            expected = n in entry["counterexamples"]
            assert (verdict.outcome, verdict.value) == (("correct", 1.0) if expected else ("incorrect", 0.5))
            assert verdict.cause == (None if expected else "wrong_witness")


@pytest.mark.parametrize(
    ("text", "outcome", "value"),
    [
        ("TRUE", "incorrect", 0.0), ("FALSE", "incorrect", 0.5), ("n = 9", "unparsed", None), ("", "unparsed", None),
        ("It is true at first, but FALSE, n = 9.", "correct", 1.0), ("FALSE, n = 9.5", "incorrect", 0.5),
        ("FALSE, n = 9, or n = 3", "correct", 1.0), ("FALSE, n = 3, or n = 9", "incorrect", 0.5),
        ("false (n=9)", "correct", 1.0),
        ("FALSE, n = 9. No, TRUE", "incorrect", 0.0),
    ],
)  # fmt: skip
def test_the_last_judgement_counts_and_its_first_number(text: str, outcome: str, value: float | None) -> None:
    problem = Problem("S", "FALSE, n = 9", "statement", ('{"largest": 20, "counterexamples": [9, 18]}',))
    verdict = judged(problem, text)
    assert (verdict.outcome, verdict.value) == (outcome, value)


def test_a_problem_that_does_not_say_where_it_fails_is_undecided() -> None:
    for tests in ((), ("{",), ("{}",), ('{"counterexamples": [1.5]}',), ("[" * 9_999,), ('{"counterexamples": []}',) * 2):
        assert judged(Problem("S", "TRUE", "statement", tests), "TRUE").outcome == "undecided"


def test_what_it_cannot_make_is_said() -> None:
    with pytest.raises(SetupError, match=r"levels is \[4\]"):
        NumberStatements(levels=[4])
    with pytest.raises(SetupError, match="largest is 5"):
        NumberStatements(largest=5)
    with pytest.raises(SetupError, match="split 'test' of synthesizer 'number_statements'"):
        NumberStatements(split="test")
    with pytest.raises(SetupError, match="no more statements up to 10"):
        list(NumberStatements(largest=10).synthesize(2_000, 1))
