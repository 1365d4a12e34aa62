"""Models trained on a version: told by the dataset, at its withdrawal, and looked over by doctor and gc."""

import json
import os
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rollmill.storage.models.index import resolve_model
from rollmill.storage.workspace import Workspace
from tests.flows.conftest import Curated, Run, said_as_json
from tests.flows.training.test_trainings import recipe

pytestmark = pytest.mark.integration


@pytest.fixture
def trained(toy: Path, curated: Curated, rollmill: Run) -> Path:
    curated()
    recipe(toy)
    said_as_json(rollmill, "train", "student.yaml")
    recipe(toy, name="grown", init="models/student@v1")
    return toy


def test_a_version_knows_the_models_trained_on_it(trained: Path, rollmill: Run) -> None:
    (user,) = json.loads(rollmill("dataset", "used-by", "toy@v1", "--json").out)
    assert (user["model"], user["through"], user["yanked"]) == ("student@v1", None, None)
    assert user["rows"] == json.loads(rollmill("model", "show", "student", "--json").out)["record"]["rows"]["rows"]
    assert "trained on it" in rollmill("dataset", "show", "toy").out
    assert said_as_json(rollmill, "dataset", "show", "toy")["used_by"] == ["student@v1"]
    assert rollmill("dataset", "used-by", "toy", "--row", "zz").out == "No model here was trained on toy@v1, row zz.\n"
    folder = resolve_model(trained / "models", "student").path
    pq.write_table(pa.table({"row": ["3fa", "3fa", "77"]}), folder / "order.parquet")
    (user,) = json.loads(rollmill("dataset", "used-by", "toy", "--row", "3f", "--json").out)
    assert user["times"] == 2


def test_a_model_that_began_from_such_a_model_is_named_with_it(trained: Path, rollmill: Run) -> None:
    assert rollmill("curate", "toy.yaml", "--direct", "--set", "select.options.per_problem=1").status == 0
    recipe(trained, name="grown", init="models/student@v1", data={"versions": {"toy@v2": "all"}})
    assert said_as_json(rollmill, "train", "student.yaml")["model"] == "grown@v1"
    users = json.loads(rollmill("dataset", "used-by", "toy@v1", "--json").out)
    assert [(one["model"], one["through"]) for one in users] == [("student@v1", None), ("grown@v1", "student@v1")]


def test_a_withdrawal_names_the_models(trained: Path, rollmill: Run) -> None:
    told = rollmill("dataset", "yank", "toy@v1", "--reason", "wrong")
    assert "Models trained on it, which stay usable: student@v1. Next: rollmill model yank student@v1" in told.err
    assert rollmill("model", "yank", "student@v1", "--reason", "its data").status == 0
    assert "Models trained on it" not in rollmill("dataset", "yank", "toy@v1", "--reason", "wrong").err


def test_gc_removes_what_no_training_needs(trained: Path, rollmill: Run) -> None:
    trainings = trained / ".rollmill" / "trainings"
    with Workspace.open(trained) as ws:
        ws.trainings.begin("a" * 32, "student", {})
        ws.trainings.finish("a" * 32, "interrupted", {})
        ws.trainings.begin("b" * 32, "student", {})
        ws.trainings.finish("b" * 32, "done", {})
    for name in ("a", "b", "c"):
        (trainings / (name * 16)).mkdir()
    (trained / "models" / "student" / ".partial-v2-00000000").mkdir()
    old, new = trainings / "rows-0123.jsonl", trainings / "rows-4567.jsonl"
    for path in (old, new):
        path.write_text("{}\n")
    os.utime(old, (1, 1))
    planned = said_as_json(rollmill, "gc", "--dry-run")["would_remove"]
    gone = {f".rollmill/trainings/{'b' * 16}", f".rollmill/trainings/{'c' * 16}", ".rollmill/trainings/rows-0123.jsonl"}
    assert set(planned) == gone | {"models/student/.partial-v2-00000000"}
    assert gone <= set(said_as_json(rollmill, "gc")["removed"])
    assert (trainings / ("a" * 16)).is_dir()
    assert new.exists()
    assert said_as_json(rollmill, "gc", "--dry-run")["would_remove"] == []


def findings(rollmill: Run) -> dict[str, tuple[bool, str]]:
    rows = json.loads(rollmill("doctor", "--json").out)["findings"]
    return {row["name"]: (row["ok"], row["detail"]) for row in rows if row["area"] == "models"}


def test_doctor_looks_at_published_models(trained: Path, rollmill: Run) -> None:
    version = resolve_model(trained / "models", "student")
    assert findings(rollmill) == {"student@v1": (True, f"content {version.content_hash[:8]}")}
    (trained / "models" / "student" / ".partial-v2-00000000").mkdir()
    assert findings(rollmill)["leftovers"] == (
        True,
        "1 files and folders that no training needs; rollmill gc removes them",
    )
    (version.path / "model.safetensors").write_text("other")
    sound, said = findings(rollmill)["student@v1"]
    assert (sound, "model.safetensors of student@v1 is not the one that was published" in said) == (False, True)
    shutil.rmtree(version.path)
    sound, said = findings(rollmill)["student@v1"]
    assert (sound, "rollmill model pull student@v1" in said) == (version.pointer.exists(), True)
    (trained / "models" / "student" / "index.json").unlink()
    ok, told = findings(rollmill)["student"]
    assert (ok, "or rollmill model rebuild-index student" in told) == (False, True)
