"""`rollmill origins` on a real run: computed references hold, a planted wrong one is contradicted both ways."""

import json
from pathlib import Path
from typing import Any

import pytest

from rollmill.flows.problem_sets import version_problems
from rollmill.storage.workspace import Workspace
from tests.flows.conftest import Run
from tests.json_lines import write_lines

pytestmark = pytest.mark.integration

FIRST = """\
recipe_schema: 1
name: first
seed: 3
problems: {synthesize: templates, count: 60, options: {levels: [1, 2]}}
generate: {engine: embedded, model: models/rollmill-tiny, max_tokens: 60}
budget: {method: fixed, options: {initial: 1}}
gate: {min_kept: 0, max_undecided: 1.0}
"""
NEXT = """\
recipe_schema: 1
name: next
seed: 3
problems: {synthesize: renumbered, count: 40, options: {from: first}}
generate: {engine: embedded, model: models/rollmill-tiny, max_tokens: 60}
budget: {method: fixed, options: {initial: 4}}
gate: {min_kept: 0, max_undecided: 1.0}
"""


def origins(rollmill: Run, name: str) -> dict[str, dict[str, Any]]:
    result = rollmill("origins", name, "--json")
    assert result.status == 0, result.err
    return {row["origin"]: row for row in json.loads(result.out)["origins"]}


def test_computed_references_hold_and_planted_wrong_ones_do_not(toy: Path, rollmill: Run) -> None:
    (toy / "first.yaml").write_text(FIRST)
    (toy / "next.yaml").write_text(NEXT)
    assert rollmill("curate", "first.yaml", "--direct").status == 0
    assert rollmill("curate", "next.yaml", "--direct").status == 0
    row = origins(rollmill, "next")["computed"]
    assert (row["by"], row["problems"]) == ("renumbered", 40)
    assert row["computed_again"]["value"] == 0
    assert row["computed_again"]["n"] == 40
    assert row["solved_again"]["n"] > 25
    assert row["solved_again"]["value"] < 0.1

    with Workspace.open(toy) as workspace:
        problems = version_problems(workspace, "next")
    fields = ("prompt", "kind", "template", "level")
    rows = [
        {
            **{name: getattr(problem, name) for name in fields},
            "reference": str(int(problem.reference) + (at < 10)),
            **problem.meta,
        }
        for at, problem in enumerate(problems)
    ]
    write_lines(toy / "planted.jsonl", rows)
    assert rollmill("import", "problems", "planted.jsonl", "--name", "planted").status == 0
    imported = NEXT.replace("{synthesize: renumbered, count: 40, options: {from: first}}", "{imported: planted}")
    (toy / "planted.yaml").write_text(imported.replace("name: next", "name: planted"))
    assert rollmill("curate", "planted.yaml", "--direct").status == 0
    row = origins(rollmill, "planted")["computed"]
    assert row["computed_again"]["value"] == 0.25
    assert 0.15 < row["solved_again"]["value"] < 0.4
    assert "computed" in rollmill("origins", "planted").out
