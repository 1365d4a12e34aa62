"""Students of a small real dataset: drawn with, evaluated, killed in the middle and still the same."""

import json
import shutil
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from rollmill.flows import cli
from rollmill.flows.training.training import open_training
from rollmill.flows.training.training_data import training_rows
from rollmill.flows.training.training_recipe import load_training
from rollmill.pipelines.generate.embedded.model_files import ModelFiles
from rollmill.pipelines.train.learners import tiny
from rollmill.storage.models.index import resolve_model
from rollmill.storage.workspace import Workspace
from tests.flows.conftest import Curated, Run, said_as_json
from tests.forked import Forked
from tests.pipelines.train.student_files import small_model
from tests.waiting import until

pytestmark = pytest.mark.train
SUMS: dict[str, Any] = {
    "recipe_schema": 1, "name": "sums", "seed": 3,
    "problems": {"synthesize": "templates", "options": {"levels": [1, 2], "split": "train"}, "count": 12},
    "generate": {"engine": "embedded", "model": "models/rollmill-tiny", "max_tokens": 120},
    "verify": [{"method": "number"}], "budget": {"method": "prop2diff", "options": {"initial": 4, "target": 2, "cap": 4}},
    "select": {"method": "quota", "options": {"per_problem": 2}}, "gate": {"min_kept": 5},
    "evaluation": [{"synthesize": "templates", "options": {"split": "heldout"}, "count": 20, "seed": 1}],
}  # fmt: skip
EVALUATION: dict[str, Any] = {
    "evaluation_schema": 1, "name": "held", "seed": 1, "samples": 2,
    "benchmarks": [
        {"name": "easy", "synthesize": "templates", "options": {"split": "heldout", "levels": [1]}, "count": 4,
         "verify": [{"method": "number"}]}
    ],
    "models": [{"name": "student", "model": "models/student@v1", "max_tokens": 100}],
    "metrics": [{"metric": "pass@k", "ks": [1]}],
}  # fmt: skip


def written(path: Path, value: dict[str, Any], **changed: Any) -> str:
    path.write_text(json.dumps({**value, **changed}))
    return path.name


def student(
    folder: Path, name: str = "student", init: str = "models/rollmill-tiny", loss: str = "sft", **options: Any
) -> str:
    learner = {"method": "tiny", "options": {"steps": 2, "batch": 4, "learning_rate": 1e-6, **options}}
    value = {"train_schema": 1, "name": name, "data": {"versions": {"sums@v1": "all"}}, "init": init, "learner": learner,
             "loss": {"method": loss}, "seed": 1}  # fmt: skip
    return written(folder / f"{name}.yaml", value)


@pytest.fixture
def sums(toy: Path, curated: Curated) -> Path:
    written(toy / "sums.yaml", SUMS)
    curated("sums.yaml")
    return toy


def digests(folder: Path) -> Counter[str]:
    """Completions of the workspace by the digest of the model that drew them."""
    with Workspace.open(folder) as ws:
        return Counter(row["model_digest"] for row in ws.segments.read("completions").to_pylist())


def test_a_student_is_a_model_of_recipes_and_its_completions_carry_its_digest(sums: Path, rollmill: Run) -> None:
    outcome = said_as_json(rollmill, "train", student(sums))
    assert outcome["model"] == "student@v1"
    model = ModelFiles.open(outcome["folder"])
    assert model.name == "student@v1"
    (first,) = digests(sums)
    written(sums / "second.yaml", SUMS, name="second", generate={**SUMS["generate"], "model": "models/student@v1"})
    drawn = said_as_json(rollmill, "curate", "second.yaml", "--direct")
    assert drawn["version"] == 1
    (mine,) = digests(sums).keys() - {first}
    drawn_with_it = digests(sums)[mine]
    assert mine.startswith(model.digest)
    written(sums / "held.yaml", EVALUATION)
    said_as_json(rollmill, "evaluate", "held.yaml")
    assert digests(sums).keys() == {first, mine}
    assert digests(sums)[mine] == drawn_with_it + 8
    missing = rollmill("curate", "second.yaml", "--direct", "--set", "generate.model=models/student@v7")
    assert (missing.status, "student has no version called 'v7'" in missing.err) == (2, True)
    grown = said_as_json(rollmill, "train", student(sums, "grown", init="models/student@v1", loss="mml"))
    assert grown["init"] == {"model": "models/student@v1", "content_hash": outcome["content_hash"]}
    shown = said_as_json(rollmill, "model", "show", "grown@v1")
    assert shown["ancestors"] == ["student@v1", "models/rollmill-tiny"]
    lines = json.loads(rollmill("model", "why", "student@v1", "--json").out)
    assert sum(line["step_count"] for line in lines) == 8
    assert "steps" in rollmill("model", "why", "student@v1").out
    assert "was not trained on a row 'zzz'" in rollmill("model", "why", "student@v1", "zzz").err


def test_a_forecast_is_what_the_training_takes(sums: Path, rollmill: Run) -> None:
    plan = said_as_json(rollmill, "train", student(sums, steps=3), "--dry-run")
    done = said_as_json(rollmill, "train", "student.yaml")
    assert plan["forecast"] == {"steps": 3, "tokens": done["trained"]["tokens"], "at_most": False}
    assert plan["training_id"] == done["training_id"]
    assert plan["seconds"] is None
    again = said_as_json(rollmill, "train", "student.yaml", "--dry-run")
    assert again["version"] == "student@v1"
    assert again["seconds"] == pytest.approx(done["trained"]["seconds"], rel=1e-6)
    assert "trained already: student@v1" in rollmill("train", "student.yaml", "--dry-run").out


def train_with_checkpoints(root: str) -> None:
    tiny.CHECKPOINT_SECONDS = 0.0
    raise SystemExit(cli.run(["--directory", root, "train", "student.yaml"]))


def steps_written(trainings: Path) -> int:
    return sum(path.read_text().count("\n") for path in trainings.glob("*/state/order.csv"))


def test_kill_9_in_the_middle_gives_the_model_of_a_run_without_it(sums: Path, rollmill: Run, tmp_path: Path) -> None:
    small_model(sums / "small")
    student(sums, init="small", loss="mml", steps=150, learning_rate=1e-2)
    whole = tmp_path / "whole"
    shutil.copytree(sums, whole, symlinks=True)
    status, said = Forked(train_with_checkpoints, str(whole)).end()
    assert status == 0, said
    undisturbed = resolve_model(whole / "models", "student@v1")
    killed = Forked(train_with_checkpoints, str(sums))
    trainings = sums / ".rollmill" / "trainings"
    until(lambda: steps_written(trainings) > 300 and bool(list(trainings.glob("*/state/checkpoint.pt"))))
    killed.kill()
    assert killed.end()[0] == -signal.SIGKILL
    with Workspace.open(sums) as ws:
        opened = load_training(sums / "student.yaml")
        begun = open_training(ws, opened, training_rows(ws, opened))
        assert begun.version is None
        assert (begun.state / "state" / "checkpoint.pt").is_file()
    outcome = said_as_json(rollmill, "train", "student.yaml")
    assert outcome["content_hash"] == undisturbed.content_hash
    assert [path for path in trainings.iterdir() if path.is_dir()] == []
