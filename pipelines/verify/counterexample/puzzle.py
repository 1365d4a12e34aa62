"""What a counterexample problem holds: a trusted program, a suspect one, and what a valid input is. Runs nothing.

`Problem.reference` is the trusted program. `Problem.tests` is one JSON object: `suspect` (the subtly wrong program),
`validator` (a program that defines `valid`, called with the input's arguments; True allows it), `entry_point` (the
function that both programs define; without it both read stdin and print), and where several answers are right `checker`
(a program that defines `accepts(input, answer)`, the input being the list of arguments or the text read). `tolerance` is
for floats in answers.
"""

import json
from dataclasses import dataclass

from pipelines.verify.code.suite import BadTestsError
from storage.records import Problem


@dataclass(frozen=True, slots=True)
class Puzzle:
    """Programs of the data set, all as source."""

    trusted: str
    suspect: str
    validator: str
    entry_point: str | None = None
    checker: str | None = None
    tolerance: float | None = None


def puzzle_of(problem: Problem) -> Puzzle:
    """The puzzle of a problem; BadTestsError says what is missing."""
    if len(problem.tests) != 1:
        raise BadTestsError(f"a counterexample problem has one entry in tests, this one {len(problem.tests)}")
    try:
        told = json.loads(problem.tests[0])
    except (ValueError, RecursionError) as error:
        raise BadTestsError(f"the entry is no JSON: {error}") from None
    if not isinstance(told, dict):
        raise BadTestsError("the entry is no JSON object")
    for name in ("suspect", "validator"):
        if not isinstance(told.get(name), str) or not told[name].strip():
            raise BadTestsError(f"{name} is missing")
    for name in ("entry_point", "checker"):
        if not isinstance(told.get(name), str | None):
            raise BadTestsError(f"{name} is no text")
    if not problem.reference.strip():
        raise BadTestsError("the reference, which is the trusted program, is empty")
    tolerance = told.get("tolerance")
    if tolerance is not None and (isinstance(tolerance, bool) or not isinstance(tolerance, int | float)):
        raise BadTestsError("tolerance is no number")
    programs = (problem.reference, told["suspect"], told["validator"])
    return Puzzle(*programs, told.get("entry_point"), told.get("checker"), tolerance)
