"""Worked solutions as programs: right answers for other numbers, and a refusal of whatever could be meant in two ways."""

import json
from typing import Any

import pytest

from rollmill.ground.records import Problem
from rollmill.pipelines.synthesize import SYNTHESIZERS
from rollmill.pipelines.synthesize.derived.composed import Composed, shared_steps
from rollmill.pipelines.synthesize.derived.joined import joined, near, with_number
from rollmill.pipelines.synthesize.derived.worked import program_of, replaced
from rollmill.pipelines.synthesize.library import TEMPLATES
from rollmill.pipelines.synthesize.sources import Source
from tests.shared_data import shared_data

PROMPT = "Weng earns $18 an hour for babysitting. She did 5 jobs of 4 hours. How much did she earn?"
SOLUTION = "She worked 5*4=<<5*4=20>>20 hours.\nShe earned 18*20=$<<18*20=360>>360.\nA: 360"


def problem(prompt: str = PROMPT, solution: str = SOLUTION, reference: str = "360", **meta: Any) -> Problem:
    return Problem(prompt, reference, meta={"solution": solution, **meta})


def answers(one: Problem, value: int) -> dict[int, int]:
    program = program_of(one)
    assert program is not None
    return {old: answer for old, _, answer in replaced(one, program, value)}


def test_a_number_is_replaced_and_the_answer_follows() -> None:
    assert answers(problem(), 6) == {18: 120, 5: 432, 4: 540}
    hop = joined(problem(), 6, "X")
    assert hop is not None
    assert (hop.text, hop.answer) == (PROMPT.replace("5 jobs", "X jobs"), "432")
    assert hop.plain == PROMPT.replace("5 jobs", "6 jobs")


@pytest.mark.parametrize(
    ("prompt", "solution", "reference"),
    [
        (PROMPT, SOLUTION.replace("18*20=360>>360", "18*20=350>>350"), "350"),  # a calculation that is wrong
        (PROMPT, SOLUTION, "361"),  # another end than the reference
        (PROMPT, SOLUTION.replace("5*4", "5x4"), "360"),  # no arithmetic
        (PROMPT.replace("$18", "$20"), "<<5*4=20>> <<20*20=400>>", "400"),  # 20: the wage or the hours
        (PROMPT, "no annotations", "360"),
    ],
)
def test_a_solution_that_cannot_be_trusted_is_no_program(prompt: str, solution: str, reference: str) -> None:
    assert program_of(problem(prompt, solution, reference)) is None


def test_a_number_that_words_may_state_too_is_left_alone() -> None:
    """Trap: in "3 apples, three times as many" the 3 of the solution may be either."""
    one = problem("Ann has 3 apples, Ben three times as many. How many has Ben?", "<<3*3=9>>", "9")
    assert answers(one, 4) == {}
    week = problem("Ann reads 7 pages a day. How many in a week?", "<<7*7=49>>", "49")
    assert answers(week, 8) == {}


def test_wholes_stay_whole_and_above_zero() -> None:
    one = problem("Ann shares 12 pears among 4 friends and keeps 1 more. How many has each?", "<<12/4=3>> <<3-1=2>>", "2")
    assert 13 not in answers(one, 13)
    assert answers(one, 13) == {}
    assert answers(one, 16) == {12: 3}


def test_answers_agree_with_templates_that_know_better() -> None:
    """The measured error of this origin: the same replacements through programs that know what they compute."""
    told = wrong = 0
    for one in SYNTHESIZERS["templates"](levels=(1, 2, 3, 4)).synthesize(400, 3):
        template = TEMPLATES[str(one.template)]()
        steps = "".join(f"<<{step.replace(' ', '')}>>" for step in template.solve(one.meta["params"]).steps)
        same = Problem(one.prompt, one.reference, meta={"solution": steps})
        program = program_of(same)
        numbers = [(key, value) for key, value in one.meta["params"].items() if type(value) is int and key != "level"]
        for key, number in numbers if program else ():
            assert program is not None
            for old, (start, end), answer in replaced(same, program, number + 1):
                params = with_number(one.meta["params"], (key, None), number + 1)
                text = f"{str(one.prompt)[:start]}{number + 1}{str(one.prompt)[end:]}"
                same_text = template.render(params, one.meta["phrasing"]) == text
                if old == number and near(int(one.reference), answer) and same_text:
                    told += 1
                    wrong += template.solve(params).answer != str(answer)
    assert told > 80
    assert wrong <= 1


@pytest.mark.data
def test_chains_of_real_problems() -> None:
    rows = [json.loads(line) for line in shared_data("gsm8k_problems.jsonl").read_text().splitlines()]
    problems = [Problem(row["prompt"], row["reference"], meta={"solution": row["solution"]}) for row in rows]
    assert sum(program_of(one) is not None for one in problems) == 490
    source = Source("gsm8k@v1", "0" * 64, tuple(sorted(problems, key=lambda one: one.id)))
    made = list(Composed(roles=("parts", "composed"), source=source).synthesize(3_000, 1))
    wholes = [one for one in made if one.meta["made"]["role"] == "composed"]
    assert len(wholes) > 100
    assert shared_steps(made) == {}
    assert all(one.reference.isdigit() and one.template is None for one in wholes)


@pytest.mark.parametrize("number", ["²", "7" * 5_000])
def test_numbers_that_python_does_not_read_are_no_program(number: str) -> None:
    solution = "So 2+3=<<2+3=5>>5."
    assert program_of(Problem("Ann has 2 and 3 pens. How many?", number, meta={"solution": solution})) is None
    stated = Problem(f"Ann has {number} and 2 and 3 pens. How many?", "5", meta={"solution": solution})
    assert program_of(stated) is not None, "the other numbers can be traced"
    shown = Problem("Ann has 2 pens. How many?", "5", meta={"solution": f"<<2+{number}={number}>>"})
    assert program_of(shown) is None
