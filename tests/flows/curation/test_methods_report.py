"""reports/NAME/methods.json changes with a method's file and with a file that the recipe names, and with nothing else."""

import json
from pathlib import Path

import pytest
import yaml

from rollmill.flows.cli.operate.workspace import STAGES
from rollmill.flows.problem_sets import PROGRAM
from tests.flows.conftest import RECIPE, ROOT, Run

pytestmark = pytest.mark.integration
EXAMPLES = "own_examples.jsonl"


def report(toy: Path, rollmill: Run) -> dict[str, object]:
    assert rollmill("recipe", "methods", "toy.yaml", "--name", "toy").status == 0
    content: dict[str, object] = json.loads((toy / "reports" / "toy" / "methods.json").read_text())
    return content


def test_it_changes_with_the_files_of_methods_and_of_data(toy: Path, rollmill: Run) -> None:
    (toy / EXAMPLES).write_text('{"prompt": "1 + 1 = ?", "reference": "2"}\n')
    (toy / "toy.yaml").write_text(RECIPE + f"  - file: {EXAMPLES}\n")
    first = report(toy, rollmill)
    assert first == report(toy, rollmill)
    assert first["methods"].keys() >= {"selector quota", "budget prop2diff", "verifier number"}  # type: ignore[attr-defined]
    for name in ("toys.py", EXAMPLES):
        before = report(toy, rollmill)
        (toy / name).write_text((toy / name).read_text() + "\n")
        assert report(toy, rollmill) != before, name
    (toy / "beside.txt").write_text("no file of the recipe")
    assert report(toy, rollmill) == report(toy, rollmill)


def test_a_recipe_of_another_name_is_refused(toy: Path, rollmill: Run) -> None:
    refused = rollmill("recipe", "methods", "toy.yaml", "--name", "other")
    assert refused.status == 2
    assert "'toy'" in refused.err
    assert "`toy: toy.yaml` under `recipes` in params.yaml" in refused.err
    assert not (toy / "reports").exists()


def test_the_stages_of_this_checkout_depend_on_its_source() -> None:
    own, shipped = (yaml.safe_load(text)["stages"] for text in ((ROOT / "dvc.yaml").read_text(), STAGES["dvc.yaml"]))
    assert set(own["methods"]["do"]["deps"]) >= {folder.name for folder in PROGRAM}
    assert shipped["methods"]["do"]["always_changed"]
    for stage in ("synthesize", "curate"):
        command = own[stage]["do"].pop("cmd")
        assert command == f".venv/bin/{shipped[stage]['do'].pop('cmd')}"
        assert own[stage] == shipped[stage]
