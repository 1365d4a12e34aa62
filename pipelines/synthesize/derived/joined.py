"""A number of a problem taken out and made the answer to another problem: the step of every chain.

The result is solved again: by the template's program, or without one by the worked solution (`worked`). A join is refused
if it changes the solution, leaves the range of the template, or does not depend on the number, since its first problem
could then be skipped.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rollmill.ground.records import Problem
from rollmill.pipelines.synthesize.derived.new_numbers import numbers_fit_split, of_template
from rollmill.pipelines.synthesize.derived.worked import program_of, replaced
from rollmill.pipelines.synthesize.library import TEMPLATES
from rollmill.pipelines.synthesize.template import SCENERY, CheckedTemplate, Params, Template, solution_graph

LETTERS = "XYZW"  # of the numbers that are handed on


@dataclass(frozen=True, slots=True)
class Hop:
    """A problem with one of its numbers handed on from another. `place`: the position of that number in the parameters.

    `text` has a letter for it, `plain` the number itself.
    """

    problem: Problem
    params: Params
    place: tuple[str, int | None]
    text: str
    plain: str
    answer: str

    def record(self) -> dict[str, Any]:
        """Record from which the answer can be computed again."""
        if not self.params:  # a worked solution knows no second way
            return {"problem": self.problem.id, "template": None, "params": None, "place": list(self.place)}
        return {"template": self.problem.template, "params": dict(self.params), "place": list(self.place)}


def first_hop(problem: Problem) -> Hop | None:
    """The problem unchanged, if a program knows its answer and the answer can be a number of another problem."""
    if not (can_be_joined(problem) and isinstance(problem.prompt, str) and problem.reference.isdigit()):
        return None
    params = problem.meta["params"] if of_template(problem) else {}
    return Hop(problem, params, ("", None), problem.prompt, problem.prompt, problem.reference)


def joined(problem: Problem, value: int, letter: str) -> Hop | None:
    """The problem with a number of its own replaced by `value`, which its text calls `letter`; None if none can be."""
    if not isinstance(problem.prompt, str) or not problem.reference.isdigit():
        return None
    if not of_template(problem):
        return _joined_worked(problem, value, letter)
    template = TEMPLATES[str(problem.template)]()
    for place, number in places(problem.meta["params"]):
        if not near(number, value):
            continue
        params = with_number(problem.meta["params"], place, value)
        plain = template.render(params, problem.meta["phrasing"])
        text = _lettered(plain, value, letter)
        answer = None if text is None else _answer(template, params, problem)
        if text is not None and answer is not None and _depends(template, params, place, answer):
            return Hop(problem, params, place, text, plain, answer)
    return None


def _joined_worked(problem: Problem, value: int, letter: str) -> Hop | None:
    program, prompt = program_of(problem), str(problem.prompt)
    if program is None or re.search(rf"\b{letter}\b", prompt):
        return None
    for old, (start, end), answer in replaced(problem, program, value):
        # What `_depends` asks of templates: with another number the answer must be another one.
        others = {
            changed for other in (value + 1, 2 * value) for at, _, changed in replaced(problem, program, other) if at == old
        }
        if near(old, value) and near(int(problem.reference), answer) and others - {answer}:
            text, plain = (f"{prompt[:start]}{number}{prompt[end:]}" for number in (letter, value))
            return Hop(problem, {}, ("", None), text, plain, str(answer))
    return None


def can_be_joined(problem: Problem) -> bool:
    """True if a program of ours, or a worked solution, gives the answer for other numbers."""
    return of_template(problem) or program_of(problem) is not None


def with_number(params: Params, place: tuple[str, int | None], value: int) -> dict[str, Any]:
    """The parameters with another number in a place."""
    key, at = place
    if at is None:
        return {**params, key: value}
    entries = list(params[key])
    return {**params, key: [*entries[:at], value, *entries[at + 1 :]]}


def near(old: int, new: int) -> bool:
    """True if two numbers are of about the same size, so that a problem stays as hard as it was."""
    # The + 1 lets small numbers change: 1 may become 3.
    return 0 < new <= 2 * abs(old) + 1 and abs(old) <= 2 * new + 1


def places(params: Params) -> Iterator[tuple[tuple[str, int | None], int]]:
    """Places of the numbers in the parameters, with the numbers."""
    for key, old in params.items():
        if key == "level" or key in SCENERY:
            continue
        # Not `isinstance`, for which a bool is a number too.
        if type(old) is int:
            yield (key, None), old
        elif isinstance(old, (list, tuple)):
            yield from (((key, at), entry) for at, entry in enumerate(old) if type(entry) is int)


def _lettered(text: str, value: int, letter: str) -> str | None:
    """The text with the letter in place of the number; None unless the number occurs exactly once."""
    if re.search(rf"\b{letter}\b", text):
        return None
    replaced, places = re.subn(rf"(?<!\d){value}(?!\d)", letter, text)
    return replaced if places == 1 else None


def _answer(template: Template, params: Params, problem: Problem) -> str | None:
    """The new answer; None if it no longer belongs to this template, graph and split, or is much larger or smaller."""
    try:
        solution = template.solve(params)
    # The template divides by the number or by a result of it, and the quotient is not whole.
    except (ArithmeticError, ValueError):
        return None
    answer = solution.answer
    if not answer.isdigit() or int(answer) < 1 or not near(int(problem.reference), int(answer)):
        return None
    # A value below 0 on the way may not fit the story.
    if solution_graph(solution) != problem.meta["graph"] or any("= -" in step for step in solution.steps):
        return None
    if isinstance(template, CheckedTemplate) and template.answer_check(params) != answer:
        return None  # outside what the template was made for
    return answer if numbers_fit_split(problem, params) else None


def _depends(template: Template, params: Params, place: tuple[str, int | None], answer: str) -> bool:
    """True if another number in the place gives another answer; else the problem that gives the number is not needed."""
    key, at = place
    value = params[key] if at is None else params[key][at]
    # One other number may give the same answer by chance, as with remainders.
    for other in (value + 1, value - 1, 2 * value, value + 2, 3 * value, value + 10):
        try:
            if other > 0 and template.solve(with_number(params, place, other)).answer != answer:
                return True
        except (ArithmeticError, ValueError):
            continue
    return False
