"""Programs of worked solutions: they get the stated values, whatever the division, and hold for other numbers."""

import random
import re
from typing import Any

import pytest

from rollmill.pipelines.edit import EDITORS, CannotEdit
from rollmill.pipelines.edit.generalised import abstracted


def run(name: str, solution: str, problem: str) -> dict[str, Any]:
    """The names that the program of an editor defines."""
    program = EDITORS[name](solution, random.Random(1), known=problem).text
    names: dict[str, Any] = {}
    exec(re.sub(r"^(```.*|print.*)$", "", program, flags=re.MULTILINE), names)
    return names


@pytest.mark.parametrize(
    ("solution", "problem", "statement", "value"),
    [
        ("7 / 2 = 3.5", "7 cakes for 2?", "n1 / n2", 3.5),
        ("6 / 2 = 3", "6 cakes for 2?", "n1 // n2", 3),
        ("7 / 2 * 4 = 14", "7, 2, 4?", "n1 / n2 * n3", 14),
        ("(10 + 4) / 2 = 7", "10 and 4 for 2?", "( n1 + n2 ) // n3", 7),
        ("0.6 * 10 / 0.3 = 20", "0.6, 10, 0.3?", "n1 * n2 / n3", 20),
        ("20% * 50 = 10", "20% of 50?", "( n1 / 100 ) * n2", 10),
        ("50 / 20% = 250", "100 or 50 by 20%?", "n2 / ( n3 / 100 )", 250),
        ("50% - 0.2 = 0.3", "50% less 0.2?", "( n1 / 100 ) - n2", 0.3),
    ],
)
def test_a_program_gets_the_value_that_the_solution_states(
    solution: str, problem: str, statement: str, value: float
) -> None:
    abstract = abstracted(solution, problem)
    assert abstract.statements == [f"s1 = {statement}"]
    names = run("efa", solution, problem)
    assert names["solve"](names["original"]) == pytest.approx(value)


def test_a_function_divides_as_its_solution_does() -> None:
    assert run("tool", "7 / 2 = 3.5", "7 cakes for 2?")["cakes"](7, 2) == 3.5
    assert run("tool", "20% * 50 = 10", "20% of 50 pears?")["pears"](20, 50) == 10


def test_variants_have_whole_quotients_where_the_original_has() -> None:
    names = run("efa", "(10 + 4) / 2 = 7", "10 and 4 pears for 2?")
    for seed in range(40):
        params = names["sample"](seed)
        assert names["solve"](params) * params["n3"] == params["n1"] + params["n2"]


@pytest.mark.parametrize("line", ["5 × 3 = 15", "(5 + 3)% * 50 = 4", "1,000 / 5 = 200"])
def test_what_python_would_read_otherwise_is_refused(line: str) -> None:
    with pytest.raises(CannotEdit, match="cannot be written as a program"):
        abstracted(line, "5 bags of 3?")
