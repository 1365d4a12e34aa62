"""Definitions on real rows: each reference is the answer in the published solution, and the checker takes that solution."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rollmill.flows.recipe.benchmarks import layout_of, load_definition
from rollmill.ground.records import Completion, Problem, Verdict
from rollmill.pipelines.verify import VERIFIERS
from rollmill.storage.imports.problems import import_problems
from rollmill.storage.imports.spec import ImportSpec
from rollmill.storage.segments.schema import from_table
from rollmill.storage.workspace import Workspace
from tests.json_lines import write_lines
from tests.shared_data import shared_data

pytestmark = pytest.mark.data
Row = dict[str, Any]


def read(name: str) -> list[Row]:
    return [json.loads(line) for line in shared_data(name).read_text(encoding="utf-8").splitlines()]


def gsm8k(row: Row) -> Row:
    """A row as it is published: the copy here marks the answer by `A: ` and has it beside the solution."""
    solution, mark, answer = row["solution"].rpartition("\nA: ")
    assert mark
    return {"question": row["prompt"], "answer": f"{solution}\n#### {answer}"}


def imported(folder: Path, name: str, rows: list[Row]) -> list[Problem]:
    """The problems of rows in the published form, in the order of the file."""
    file = folder / "file.jsonl"
    write_lines(file, rows)
    layout, constants = layout_of(name, Path())
    with Workspace.init(folder / "ws") as workspace:
        assert import_problems(workspace, ImportSpec(file, name, {}, constants, layout=layout)).problems.new == len(rows)
        problems: list[Problem] = from_table("problems", workspace.segments.read("problems", producer=f"import:{name}"))
    return problems


def judged(name: str, problem: Problem, text: str) -> Verdict:
    """The verdict of a definition's chain."""
    completion = Completion("id", problem.prompt_id, "e", "m", "d", "evaluate", 0, None, text, "stop")
    verdicts: Iterator[Verdict] = (
        VERIFIERS[part.method](**part.options).verify(problem, completion) for part in load_definition(name, Path()).verify
    )
    return next(verdict for verdict in verdicts if verdict.outcome != "undecided")


def test_gsm8k(tmp_path: Path) -> None:
    rows = read("gsm8k_problems.jsonl")
    problems = imported(tmp_path, "gsm8k", [gsm8k(row) for row in rows])
    known = {row["prompt"]: row["reference"] for row in rows}
    assert len(problems) == 660
    assert all(judged("gsm8k", problem, f"#### {known[str(problem.prompt)]}").outcome == "correct" for problem in problems)
    assert all(judged("gsm8k", problem, problem.meta["solution"]).outcome == "correct" for problem in problems)
    assert all(
        judged("gsm8k", problem, f"#### {known[str(problem.prompt)]}7").outcome == "incorrect" for problem in problems
    )


def test_math(tmp_path: Path) -> None:
    rows = read("math_problems.jsonl")
    published = [
        {"problem": row["prompt"], "solution": row["solution"], "level": row["level"], "type": "?"} for row in rows
    ]
    problems = imported(tmp_path, "math", published)
    known = {row["prompt"]: row["reference"] for row in rows}
    assert (len(problems), {problem.level for problem in problems}) == (50, {1, 2, 3, 4, 5})
    assert [problem.reference for problem in problems if problem.reference != known[str(problem.prompt)]] == []
    assert {judged("math", problem, problem.meta["solution"]).outcome for problem in problems} == {"correct"}


def test_humaneval(tmp_path: Path) -> None:
    rows = read("humaneval.jsonl")
    problems = imported(tmp_path, "humaneval", rows)
    assert [problem.external_id for problem in problems] == [row["task_id"] for row in rows]
    assert [(problem.reference, problem.tests) for problem in problems] == [
        (row["canonical_solution"], (row["test"],)) for row in rows
    ]
    assert [problem.meta["entry_point"] for problem in problems] == [row["entry_point"] for row in rows]
    assert {problem.kind for problem in problems} == {"code"}
