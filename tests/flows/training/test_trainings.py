"""`rollmill train` with another program as its learner: published once, whatever was killed on the way; what it refuses."""

import json
import re
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from rollmill.flows import cli
from rollmill.flows.training.train_job import peak_memory, tokens_a_second
from rollmill.flows.training.training_data import training_rows
from rollmill.flows.training.training_recipe import load_training
from rollmill.pipelines.train.roles import PEAK_MEMORY
from rollmill.storage.workspace import Workspace
from tests.flows.conftest import Curated, Run, said_as_json
from tests.forked import Forked

pytestmark = pytest.mark.integration
KILLED = -signal.SIGKILL
COPY = """\
import json, pathlib, sys
data, init, out, settings = map(pathlib.Path, sys.argv[1:])
rows = data.read_text().splitlines()
out.mkdir()
(out / "config.json").write_text((init / "config.json").read_text())
(out / "model.safetensors").write_text(f"{len(rows)} rows, {json.loads(settings.read_text())['seed']}")
calls = pathlib.Path("calls")
calls.write_text((calls.read_text() if calls.exists() else "") + "x")
print("loading")
for step in (1, 2):
    print(json.dumps({"step": step, "loss": 2 / step, "share": step / 2, "tokens": 10 * step, "entropy": 0.5}))
"""


def recipe(folder: Path, **changed: Any) -> Path:
    (folder / "copying_trainer.py").write_text(COPY)
    command = f"{sys.executable} copying_trainer.py {{data}} {{init}} {{out}} {{settings}}"
    value = {
        "train_schema": 1, "name": "student", "data": {"versions": {"toy@v1": "all"}}, "init": "models/rollmill-tiny",
        "learner": {"method": "command", "options": {"command": command}}, "seed": 4, **changed,
    }  # fmt: skip
    path = folder / "student.yaml"
    path.write_text(json.dumps(value))
    return path


def train(root: str) -> None:
    raise SystemExit(cli.run(["--directory", root, "train", "student.yaml"]))


@pytest.fixture
def ready(toy: Path, curated: Curated) -> Path:
    curated()
    recipe(toy)
    return toy


def calls(folder: Path) -> int:
    return len((folder / "calls").read_text())


def test_a_training_is_done_once_and_says_what_it_was_trained_on(ready: Path, rollmill: Run) -> None:
    plan = said_as_json(rollmill, "train", "student.yaml", "--dry-run")
    assert (plan["version"], plan["forecast"], plan["seconds"]) == (None, None, None)
    assert not (ready / "models").exists()
    outcome = said_as_json(rollmill, "train", "student.yaml")
    assert (outcome["model"], outcome["created"]) == ("student@v1", True)
    assert (outcome["trained"]["steps"], outcome["trained"]["tokens"]) == (2, 20)
    assert outcome["data"][0]["version"] == "toy@v1"
    record = json.loads((Path(outcome["folder"]) / "training.json").read_text())
    assert re.fullmatch(r".+, \d+ cores?", record["trained"]["record"]["hardware"])
    assert "| hardware | " in rollmill("model", "show", "student@v1").out
    assert outcome["training_id"] == plan["training_id"]
    again = said_as_json(rollmill, "train", "student.yaml")
    assert (again["model"], again["created"], again["content_hash"]) == ("student@v1", False, outcome["content_hash"])
    assert calls(ready) == 1
    other = said_as_json(rollmill, "train", "student.yaml", "--set", "seed=5")
    assert (other["model"], calls(ready)) == ("student@v2", 2)
    with Workspace.open(ready) as ws:
        assert {one.status for one in ws.trainings.all()} == {"done"}
    assert [path for path in (ready / ".rollmill" / "trainings").iterdir() if path.is_dir()] == []
    steps = [json.loads(line) for line in (Path(outcome["folder"]) / "steps.jsonl").read_text().splitlines()]
    assert [(one["step"], one["loss"], one["measures"]) for one in steps] == [
        (1, 2.0, {"entropy": 0.5}),
        (2, 1.0, {"entropy": 0.5}),
    ]


@pytest.mark.parametrize("point", ["training.checkpoint", "model.written", "model.index"])
def test_killed_at_a_point_it_ends_as_one_that_was_not(ready: Path, rollmill: Run, tmp_path: Path, point: str) -> None:
    whole = tmp_path / "whole"
    shutil.copytree(ready, whole, symlinks=True)
    status, _ = Forked(train, str(whole)).end()
    assert status == 0
    status, said = Forked(train, str(ready), point=point).end()
    assert (status, "student@v1" in said) == (KILLED, False)
    outcome = said_as_json(rollmill, "train", "student.yaml")
    undisturbed = json.loads((whole / "models" / "student" / "index.json").read_text())
    index = json.loads((ready / "models" / "student" / "index.json").read_text())
    times = [entry.pop("created_at") for one in (undisturbed, index) for entry in one["versions"]]
    assert len(times) == 2
    assert index == undisturbed
    assert (outcome["model"], calls(ready)) == ("student@v1", 1)
    names = [sorted(path.name for path in (root / "models" / "student").rglob("*")) for root in (whole, ready)]
    assert names[0] == names[1]
    assert [path for path in (ready / ".rollmill" / "trainings").iterdir() if path.is_dir()] == []
    with Workspace.open(ready) as ws:
        assert [one.status for one in ws.trainings.all()] == ["done"]


def test_held_out_rows_are_whole_templates_and_are_not_trained_on(ready: Path, rollmill: Run) -> None:
    said = rollmill("train", "student.yaml", "--set", "holdout=0.25")
    assert (said.status, "holdout: the learner 'command' measures no held-out rows" in said.err) == (2, True)
    tiny = {"method": "tiny", "options": {"steps": 1}}
    plain = load_training(recipe(ready, learner=tiny))
    held = load_training(recipe(ready, learner=tiny, holdout=0.25))
    assert ("holdout" in plain.canonical(), held.canonical()["holdout"]) == (False, 0.25)
    with Workspace.open(ready) as ws:
        whole, part = training_rows(ws, plain), training_rows(ws, held)
        assert part.held_out is not None
        lines = [json.loads(line) for line in part.held_out.read_text().splitlines()]
        assert part.rows + len(lines) == whole.rows
        assert part.left_out["rows that are held out"] == len(lines) >= 0.25 * whole.rows
        assert not part.problems() & {line["problem_id"] for line in lines}
        assert training_rows(ws, held).sha256 == part.sha256
        assert sum(version["rows"] for version in part.lineage) == part.rows
    planned = rollmill("train", "student.yaml", "--dry-run").out
    assert f"\n  left out: {len(lines)} rows that are held out\n" in planned


def test_a_limit_ends_a_training_which_goes_on_without_it(ready: Path, rollmill: Run) -> None:
    (ready / "limited.yaml").write_text(json.dumps({"profile_schema": 1, "training": {"tokens": 10}}))
    said = rollmill("train", "student.yaml", "--profile", "limited.yaml")
    told = "the limit of 10 trained tokens is spent: step 1, 50% of the training. Its state is kept."
    assert (said.status, told in said.err) == (1, True)
    assert "training: {tokens: MORE} in the profile" in said.err
    with Workspace.open(ready) as ws:
        assert [one.status for one in ws.trainings.all()] == ["interrupted"]
    (ready / "limited.yaml").write_text(json.dumps({"profile_schema": 1, "training": {"tokens": 20, "seconds": 3600}}))
    assert said_as_json(rollmill, "train", "student.yaml", "--profile", "limited.yaml")["model"] == "student@v1"


def test_two_commands_train_once(ready: Path) -> None:
    both = [Forked(train, str(ready)) for _ in range(2)]
    ended = [one.end() for one in both]
    assert 0 in [status for status, _ in ended]
    assert all(status == 0 or "another process works on the training" in said for status, said in ended), ended
    assert calls(ready) == 1
    assert [entry["number"] for entry in json.loads((ready / "models/student/index.json").read_text())["versions"]] == [1]


def test_another_programs_failure_is_told_with_its_last_lines(ready: Path, rollmill: Run) -> None:
    command = f"{sys.executable} -c \"import sys; print({{'a': 1}}); sys.exit('no GPU')\" {{data}} {{out}}"
    recipe(ready, learner={"method": "command", "options": {"command": command}})
    failed = rollmill("train", "student.yaml")
    assert failed.status == 2
    assert "ended with status 1: {'a': 1} | no GPU Next: correct it and run again" in failed.err
    with Workspace.open(ready) as ws:
        (training,) = ws.trainings.all()
        assert (training.status, "no GPU" in training.summary["error"]) == ("failed", True)
    recipe(ready, learner={"method": "command", "options": {"command": "true {data} {out}"}})
    assert "true ended and left no" in rollmill("train", "student.yaml").err
    recipe(ready, learner={"method": "command", "options": {"command": "no-such-trainer {data} {out}"}})
    assert "cannot run no-such-trainer: No such file or directory" in rollmill("train", "student.yaml").err


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"data": {"versions": {"toi": "all"}}}, "'toi'"),
        ({"data": {"versions": {"toy@v9": "all"}}}, "v9"),
        ({"data": {"versions": {"toy@v1": "all"}, "format": "pairs"}}, "the loss 'sft' does not read the format 'pairs'"),
        ({"data": {"versions": {"toy@v1": 0.5, "toy": "all"}}}, "shares are given for every version, and add up to 1"),
        ({"data": {"versions": {"toy@v1": 99999}}}, "fewer than are to be taken"),
        ({"loss": {"method": "sfd"}}, "unknown loss 'sfd'"),
        ({"loss": {"method": "sft", "options": {"normalizer": "row"}}}, "unknown option 'normalizer' of loss 'sft'"),
        ({"learner": {"method": "tiny", "options": {"stepz": 3}}}, "unknown option 'stepz' of learner 'tiny'"),
        ({"learner": {"method": "tiny", "options": {}}}, "a training has one length above 0"),
        ({"order": {"method": "sorted", "options": {"tiers": -2}}}, "tiers is -2"),
        ({"learner": {"method": "command", "options": {"command": "train {rows} {out}"}}}, "command has the place {rows}"),
        ({"learner": {"method": "command", "options": {"command": "train {data}"}}}, "command has no {out}"),
        ({"init": "models/none"}, "no model folder 'models/none'"),
        ({"init": "models/student@v1"}, "no model 'student': none is published yet"),
        ({"name": "Student"}, "name"),
        ({"sed": 3}, "sed"),
    ],
)
def test_a_mistake_is_one_line_that_names_it(ready: Path, rollmill: Run, changed: dict[str, Any], said: str) -> None:
    recipe(ready, **changed)
    failed = rollmill("train", "student.yaml")
    assert failed.status == 2
    assert said in failed.err
    assert failed.err.count("\n") <= failed.err.count("rollmill: ") + 1
    assert "Traceback" not in failed.err


def test_without_the_extra_or_the_recipe_the_next_step_is_named(
    ready: Path, rollmill: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    import importlib.util

    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "torch" else find_spec(name, *rest)
    )
    recipe(ready, learner={"method": "tiny", "options": {"steps": 2}})
    failed = rollmill("train", "student.yaml")
    assert "training needs torch" in failed.err
    assert "pip install" in failed.err
    assert "no-such.yaml" in rollmill("train", "no-such.yaml").err
    assert "a training without a recipe" in rollmill("train", "student.yaml", "--resume").err


def test_models_on_the_command_line(ready: Path, rollmill: Run) -> None:
    assert "No models. Next: rollmill train" in rollmill("model", "list").out
    said_as_json(rollmill, "train", "student.yaml")
    (row,) = json.loads(rollmill("model", "list", "--json").out)
    assert (row["model"], row["data"], row["init"], row["loss"]) == (
        "student@v1",
        ["toy@v1"],
        "models/rollmill-tiny",
        "sft",
    )
    shown = rollmill("model", "show", "student").out
    assert "| toy@v1 |" in shown
    assert "models/rollmill-tiny" in shown
    assert said_as_json(rollmill, "train", "student.yaml", "--set", "seed=9")["model"] == "student@v2"
    changes = json.loads(rollmill("model", "diff", "student@v1", "student@v2", "--json").out)
    assert {"key": "training.seed", "from": 4, "to": 9} in changes
    assert "has no order.parquet in this clone" in rollmill("model", "why", "student@v1").err
    (ready / "there").mkdir()
    shutil.copyfile(Path(row["path"]) / "config.json", ready / "there" / "config.json")
    imported = rollmill("model", "import", "there", "--name", "found", "--licence", "apache-2.0")
    assert "published found@v1" in imported.out
    assert "apache-2.0" in rollmill("model", "show", "found").out


def test_pace_and_memory_are_those_of_the_last_training_with_the_same_options(ready: Path, rollmill: Run) -> None:
    loaded = load_training(ready / "student.yaml")
    other = load_training(ready / "student.yaml", sets=["loss.method=weighted"])
    with Workspace.open(ready) as ws:
        assert (tokens_a_second(ws, loaded), peak_memory(ws, loaded)) == (None, None)
        for number, (recipe, rate) in enumerate(((loaded, 100), (other, 7))):
            ws.trainings.begin(f"{number}" * 32, "student", recipe.canonical())
            spent = {"tokens": 10 * rate, "seconds": 10.0, "record": {PEAK_MEMORY: rate}}
            ws.trainings.finish(f"{number}" * 32, "done", spent)
        assert (tokens_a_second(ws, loaded), peak_memory(ws, loaded)) == (100.0, 100)
        assert (tokens_a_second(ws, other), peak_memory(ws, other)) == (7.0, 7)
    assert said_as_json(rollmill, "train", "student.yaml", "--dry-run")["memory_mib"] == 100
    assert "100 MiB of memory" in rollmill("train", "student.yaml", "--dry-run").out
