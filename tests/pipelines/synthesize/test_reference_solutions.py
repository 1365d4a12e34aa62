"""Reference solutions: of templates as they compute them, of imported problems as these bring them, else none."""

from dataclasses import replace

from rollmill.ground.records import Problem
from rollmill.pipelines.synthesize.derived.new_numbers import new_numbers
from rollmill.pipelines.synthesize.reference_solutions import reference_solution
from rollmill.pipelines.synthesize.templates import Templates


def test_a_templates_solution_ends_with_the_reference() -> None:
    problems = list(Templates(levels=[1, 4, 7]).synthesize(60, 1))
    solutions = [reference_solution(problem) for problem in problems]
    assert all(
        text is not None and text.endswith(f"\n#### {problem.reference}")
        for text, problem in zip(solutions, problems, strict=True)
    )


def test_new_numbers_have_a_new_solution() -> None:
    problem = next(iter(Templates(levels=[3]).synthesize(1, 1)))
    (changed,) = new_numbers([problem], 1)
    solution = reference_solution(changed)
    assert solution is not None
    assert solution.endswith(f"#### {changed.reference}")
    assert solution != reference_solution(problem)


def test_a_repaired_reference_or_a_plain_answer_has_no_solution() -> None:
    problem = next(iter(Templates(levels=[3]).synthesize(1, 1)))
    assert reference_solution(replace(problem, reference="-7")) is None
    assert reference_solution(Problem("How many?", "4")) is None
    assert reference_solution(Problem("How many?", "4", meta={"solution": "2 + 2 = 4"})) == "2 + 2 = 4"
