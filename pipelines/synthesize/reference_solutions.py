"""Reference solutions of problems: a text that answers a problem step by step, which no model wrote for it."""

from rollmill.ground.records import Problem
from rollmill.pipelines.synthesize.derived.new_numbers import of_template
from rollmill.pipelines.synthesize.library import TEMPLATES
from rollmill.pipelines.synthesize.template import solution_text


def reference_solution(problem: Problem) -> str | None:
    """The worked solution that a problem brings, or the one that its template computes; None where there is neither.

    A template's solution with another answer than the problem's reference (a problem that was changed since) is none.
    """
    given = problem.meta.get("solution")
    if isinstance(given, str) and given.strip():
        return given
    if not of_template(problem):
        return None
    solution = TEMPLATES[str(problem.template)]().solve(problem.meta["params"])
    return solution_text(solution) if solution.answer == problem.reference else None
