"""Code problems as published sets write them: imported, stored, read back, and still the same tests."""

import json
from pathlib import Path
from typing import Any

from rollmill.pipelines.verify.code.suite import CallCase, ProgramSuite, RunCase, suite_of
from rollmill.storage.imports.problems import import_problems
from rollmill.storage.imports.spec import ImportSpec
from rollmill.storage.segments.schema import from_table
from rollmill.storage.workspace import Workspace


def imported(folder: Path, **row: Any) -> ProgramSuite:
    path = folder / "problems.jsonl"
    path.write_text(json.dumps(row) + "\n", encoding="utf-8")
    with Workspace.init(folder / "ws") as ws:
        import_problems(ws, ImportSpec(path, "set"))
        [problem] = from_table("problems", ws.segments.read("problems", producer="import:set"))
    assert problem.kind == "code"
    return suite_of(problem)


def test_humaneval(tmp_path: Path) -> None:
    test = "METADATA = {}\n\ndef check(candidate):\n    assert candidate(1) == 2\n"
    found = imported(
        tmp_path, task_id="H/0", prompt="def f(x):\n", entry_point="f", canonical_solution="    return x + 1\n", test=test
    )
    assert (found.entry_point, found.size, found.asserts[0].text) == ("f", 1, test)


def test_mbpp(tmp_path: Path) -> None:
    found = imported(
        tmp_path,
        task_id=7,
        text="Write f.",
        code="def f(x): return x",
        test_list=["assert f(1) == 1", "assert f(a) == a"],
        test_setup_code="a = 2",
        challenge_test_list=[],
    )
    assert found.asserts[0].names == ("f(1) == 1", "f(a) == a")
    assert found.asserts[0].text == "a = 2\nassert f(1) == 1\na = 2\nassert f(a) == a"


def test_apps(tmp_path: Path) -> None:
    cases = json.dumps({"inputs": ["1\n"], "outputs": ["2\n"]})
    found = imported(tmp_path, problem_id=3, question="Add one.", solutions="[]", input_output=cases, difficulty="easy")
    assert found.runs == (RunCase("0.0", "1\n", "2\n"),)


def test_our_own_calls(tmp_path: Path) -> None:
    tests = [{"fn": "f", "args": [{"$tuple": [1]}], "expected": [1]}, {"fn": "f", "args": [[]], "raises": "ValueError"}]
    found = imported(tmp_path, id="a", prompt="Write f.", tests=tests)
    assert found.calls == (CallCase("0", "f", ((1,),), {}, [1]), CallCase("1", "f", ([],), {}, None, None, "ValueError"))
