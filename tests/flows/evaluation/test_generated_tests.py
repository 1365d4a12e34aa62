"""Programs are chosen by generated tests, which run in the sandbox and may not be those that decide the problem."""

import json
from pathlib import Path
from typing import Any

import pytest

from rollmill.storage.workspace import Workspace
from tests.flows.conftest import Run
from tests.json_lines import write_lines

pytestmark = pytest.mark.sandbox
RECIPE = """\
recipe_schema: 1
name: programs
problems: {imported: sums}
generate: {engine: imported}
verify: [{method: code}]
select: {method: all_correct}
gate: {min_kept: 1}
"""
RIGHT, LAZY = "return a + b", "return a"
DECIDES = "assert add(1, 2) == 3"
GENERATED = ["assert add(2, 2) == 4", "assert add(3, 0) == 3", "assert add(5, 1) == 6", "assert add(1, 1) == 1"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two problems with five programs each, two of them right and three that fail alike."""
    from rollmill.flows import cli

    folder = tmp_path_factory.mktemp("programs") / "ws"
    Workspace.init(folder).close()
    problems = [
        {"id": f"p{n}", "prompt": f"Write add(a, b) {n}.", "tests": [DECIDES], "entry_point": "add", "kind": "code"}
        for n in (0, 1)
    ]
    bodies = (LAZY, RIGHT, LAZY, LAZY, RIGHT)
    rows = [
        {"problem_id": f"p{n}", "model": "m", "sample_index": at, "text": f"```python\ndef add(a, b):\n    {body}\n```"}
        for n in (0, 1)
        for at, body in enumerate(bodies)
    ]
    (folder / "programs.yaml").write_text(RECIPE)
    for command in (
        ["import", "problems", write_lines(folder / "problems.jsonl", problems), "--name", "sums"],
        ["import", "rollouts", write_lines(folder / "rollouts.jsonl", rows), "--name", "drawn", "--problems", "sums"],
        ["curate", "programs.yaml", "--direct"],
    ):
        assert cli.run(["-C", str(folder), *command]) == 0
    return folder


@pytest.fixture
def here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(folder)
    return folder


def test_programs_are_chosen_by_tests_that_a_model_wrote(here: Path, rollmill: Run) -> None:
    file = write_lines(
        here / "tests.jsonl", [{"problem_id": "p0", "tests": GENERATED}, {"problem_id": "another", "tests": ["x"]}]
    )
    result = rollmill("replay", "programs", "--tests", file, "--samples", "5", "--json")
    assert result.status == 0, result.err
    report = json.loads(result.out)
    rows = {row["aggregator"]: row["value"] for row in report["rows"]}
    assert (report["problems"], report["left_out"]) == (1, 1)
    assert {"majority", "max_pass", "codet", "mbr_exec", "b4"} <= set(rows)
    # the right ones pass three of four tests, one of which is wrong; the others two, and are three alike
    assert (rows["max_pass"], rows["codet"], rows["mbr_exec"], rows["majority"]) == (1.0, 1.0, 0.0, 0.0)
    assert (rows["random"], rows["oracle"]) == (0.4, 1.0)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"problem_id": "p0", "tests": [DECIDES]}, "is one that decides the problem"),
        ({"problem_id": "p0", "tests": "assert 1"}, "'tests' must be a list of texts"),
        ({"problem_id": "p9", "tests": ["assert 1"]}, "has no tests for a problem of this pool"),
        ({"problem_id": "p0", "tests": ["assert ("]}, "the generated tests of problem"),
    ],
)
def test_tests_that_cannot_be_used_are_refused(here: Path, rollmill: Run, row: dict[str, Any], message: str) -> None:
    result = rollmill("replay", "programs", "--tests", write_lines(here / "bad.jsonl", [row]))
    assert result.status == 2
    assert message in result.err
    assert "none.jsonl does not exist" in rollmill("replay", "programs", "--tests", "none.jsonl").err
