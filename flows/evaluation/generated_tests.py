"""Generated tests for a replay of programs: each stored program is run against tests that decide nothing.

The file has a JSON object a line: `problem_id` (an id, or the problem's own id in its source) and `tests`, in the forms of
docs/explanation/code.md. Programs run in the sandbox of the verifier `code`.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from rollmill.ground.errors import SetupError
from rollmill.ground.pool import Flags
from rollmill.ground.records import Completion, Problem, Verdict
from rollmill.pipelines.verify.code.code_verifier import CodeVerifier
from rollmill.storage.imports.reading.readers import read_rows
from rollmill.storage.queries.pools import ScopePool
from rollmill.storage.segments.schema import from_table

Tests = tuple[str, ...]


def passes_by_row(source: ScopePool, file: Path) -> dict[int, Flags]:
    """(T,) for each row of the pool whose problem has generated tests: which of them its program passes."""
    problems, completions = _records(source)
    tests = _tests(file, problems.values())
    rows = [row for row, place in enumerate(source.pool.problem.tolist()) if source.pool.problems[place] in tests]
    items = [_item(source, row, problems, completions, tests) for row in rows]
    with CodeVerifier() as verifier:
        verdicts = list(verifier.verify_many(items))
    sizes = _sizes(verdicts)
    return {
        row: _passed_flags(verdict, sizes.get(verdict.problem_id, 0)) for row, verdict in zip(rows, verdicts, strict=True)
    }


def _records(source: ScopePool) -> tuple[dict[str, Problem], dict[str, Completion]]:
    mine = "SELECT * FROM {} WHERE id IN (SELECT {} FROM rollouts)"
    with source.scope.connection("rollouts", "problems", "completions") as connection:
        problems = connection.sql(mine.format("problems", "problem_id")).to_arrow_table()
        completions = connection.sql(mine.format("completions", "completion_id")).to_arrow_table()
    return (
        {problem.id: problem for problem in from_table("problems", problems)},
        {completion.id: completion for completion in from_table("completions", completions)},
    )


def _item(
    source: ScopePool,
    row: int,
    problems: Mapping[str, Problem],
    completions: Mapping[str, Completion],
    tests: Mapping[str, Tests],
) -> tuple[Problem, Completion]:
    """The program of a row with the generated tests in the place of the problem's own."""
    problem = problems[source.pool.problems[int(source.pool.problem[row])]]
    return replace(problem, tests=tests[problem.id]), completions[source.completions[row]]


def _tests(file: Path, problems: Any) -> dict[str, Tests]:
    """The tests of each problem by its id; SetupError for a line that is none, or a test that decides its problem."""
    by_name: dict[str, Problem] = {}
    for problem in problems:
        by_name |= {problem.id: problem, **({problem.external_id: problem} if problem.external_id else {})}
    by_problem: dict[str, Tests] = {}
    for row in read_rows(file):
        problem, tests = by_name.get(str(row.values.get("problem_id"))), row.values.get("tests")
        if problem is None:
            continue  # of a problem that is not in this pool
        if not isinstance(tests, list) or not tests or not all(isinstance(test, str) for test in tests):
            raise SetupError(f"{file}, {row.where}: 'tests' must be a list of texts, one at least.")
        # An aggregator that votes with the deciding tests would know the verdict.
        shared = set(tests) & set(problem.tests)
        if shared:
            raise SetupError(
                f"{file}, {row.where}: a test of {row.values['problem_id']} is one that decides the problem; an aggregator "
                "must not see it."
            )
        by_problem[problem.id] = tuple(tests)
    if not by_problem:
        raise SetupError(f"{file} has no tests for a problem of this pool.")
    return by_problem


def _sizes(verdicts: Sequence[Verdict]) -> dict[str, int]:
    """Number of test results of each problem: one text may hold several asserts."""
    sizes: dict[str, int] = {}
    for verdict in verdicts:
        # A machine that cannot run programs must not make them look wrong.
        if verdict.outcome == "undecided":
            raise SetupError(f"the generated tests of problem {verdict.problem_id} cannot be run: {verdict.cause}.")
        if verdict.evidence is not None:
            # The largest: a program that ended early has fewer results than there are tests.
            sizes[verdict.problem_id] = max(sizes.get(verdict.problem_id, 0), json.loads(verdict.evidence)["total"])
    return sizes


def _passed_flags(verdict: Verdict, size: int) -> Flags:
    """(T,) of one program; a completion without one passes nothing."""
    # A test without a result was not passed.
    flags = np.zeros(size, dtype=bool)
    if verdict.evidence is not None:
        body = json.loads(verdict.evidence)
        # The evidence lists at most 100 results in at most 64 KiB; those left out would look as if they failed.
        if body.get("omitted"):
            raise SetupError(
                f"problem {verdict.problem_id} has {body['total']} generated tests, and the results of {body['omitted']} "
                "are not kept: at most 100 in 64 KiB are.",
                next_command="fewer or shorter tests a problem",
            )
        flags[[row["i"] for row in body["tests"] if row["status"] == "passed"]] = True
    return flags
