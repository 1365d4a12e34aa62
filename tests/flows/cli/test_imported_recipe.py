"""An imported recipe says which imports it takes, is the same run while those are the same, and names its estimand."""

import json
from pathlib import Path

import pytest

from storage.versions import load_manifest, resolve
from storage.workspace import Workspace
from tests.flows.conftest import Run

RECIPE = """\
recipe_schema: 1
name: mine
problems: {imported: sums}
generate: {engine: imported, imports: [good]}
select: {method: all_correct}
"""
PROBLEMS = [{"id": str(number), "prompt": f"What is {number} + 1?", "reference": str(number + 1)} for number in range(4)]


def rollouts(path: Path, model: str, offset: int) -> str:
    rows = [{"problem_id": p["id"], "model": model, "text": f"#### {int(p['reference']) + offset}"} for p in PROBLEMS]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rollmill: Run) -> Path:
    """A workspace with the imports `good` (all right) and `bad` (all wrong) of one problem set."""
    folder = tmp_path / "ws"
    Workspace.init(folder).close()
    monkeypatch.chdir(folder)
    (folder / "mine.yaml").write_text(RECIPE)
    (folder / "sums.jsonl").write_text("".join(json.dumps(row) + "\n" for row in PROBLEMS))
    assert rollmill("import", "problems", "sums.jsonl", "--name", "sums").status == 0
    for name, offset in (("good", 0), ("bad", 1)):
        file = rollouts(folder / f"{name}.jsonl", name, offset)
        said = rollmill("import", "rollouts", file, "--name", name, "--problems", "sums")
        assert said.out.splitlines()[-1] == (
            "Next: rollmill curate RECIPE, where the recipe has problems: {imported: sums} and "
            f"generate: {{engine: imported, imports: [{name}]}} "
            "(without imports it takes every imported rollout of these problems)"
        )
    return folder


def test_the_summary_says_which_imports_were_taken(mine: Path, rollmill: Run) -> None:
    said = rollmill("curate", "mine.yaml", "--direct")
    assert "  taken        the rollouts imported as good\n" in said.out
    assert "    correct            4   100.0%" in said.out
    (mine / "mine.yaml").write_text(RECIPE.replace(", imports: [good]", "").replace("name: mine", "name: all"))
    said = rollmill("curate", "mine.yaml", "--direct")
    assert (
        "  taken        every imported rollout of these problems; "
        "generate.imports: [NAME] takes only those imported as NAME\n" in said.out
    )
    assert "    incorrect          4    50.0%" in said.out


def test_another_import_of_the_problems_is_no_other_run_unless_it_is_taken(mine: Path, rollmill: Run) -> None:
    first = json.loads(rollmill("curate", "mine.yaml", "--direct", "--json").out)
    more = rollouts(mine / "more.jsonl", "more", 2)
    assert rollmill("import", "rollouts", more, "--name", "other", "--problems", "sums").status == 0
    again = json.loads(rollmill("curate", "mine.yaml", "--direct", "--json").out)
    assert (again["run"], again["spent"]["judged"], again["created"]) == (first["run"], 0, False)
    assert rollmill("import", "rollouts", more, "--name", "good", "--problems", "sums").status == 0
    third = json.loads(rollmill("curate", "mine.yaml", "--direct", "--json").out)
    assert third["run"] == f"{first['run']}-2"
    assert (third["funnel"]["drawn"], third["spent"]["judged"]) == (8, 4)


def test_the_estimand_names_no_templates_where_there_are_none(mine: Path, rollmill: Run) -> None:
    assert rollmill("curate", "mine.yaml", "--direct").status == 0
    manifest = load_manifest(resolve(mine / "datasets", "mine"))
    assert manifest["metrics"]["estimand"] == "mean pass rate of the population that these problems were drawn from"


@pytest.mark.parametrize("count", ["1000001", "1000000000000"])
def test_more_problems_than_memory_holds_are_refused(mine: Path, rollmill: Run, count: str) -> None:
    said = rollmill("curate", "mine.yaml", "--set", f"problems.count={count}")
    assert said.status == 2
    assert "problems.count: input should be less than or equal to 1000000" in said.err
