"""`rollmill train` with a program of the user's as its learner, ended in the middle (kill -9, the end of its terminal) or
stopped. No trainer is left behind, and the same command again makes one model.
"""

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from rollmill.storage.workspace import Workspace
from tests.flows.conftest import RECIPE, finish, start
from tests.waiting import until

pytestmark = [pytest.mark.security, pytest.mark.timeout(300)]
TOYS = Path(__file__).parents[2] / "toys.py"
TRAINER = """\
import json, pathlib, subprocess, sys, time
data, init, out, settings = map(pathlib.Path, sys.argv[1:])
helper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])  # as a data loader of torch
print(json.dumps({"step": 1, "loss": 1.0, "share": 0.5, "tokens": 10}), flush=True)
pathlib.Path("begun").write_text("x")
while pathlib.Path("wait").exists():
    time.sleep(0.05)
helper.kill()
out.mkdir()
(out / "config.json").write_text((init / "config.json").read_text())
(out / "model.safetensors").write_text(str(len(data.read_text().splitlines())))
"""
LINE = f"{sys.executable} trainer.py {{data}} {{init}} {{out}} {{settings}}"
STUDENT = {
    "train_schema": 1, "name": "student", "data": {"versions": {"toy@v1": "all"}}, "init": "models/rollmill-tiny",
    "learner": {"method": "command", "options": {"command": LINE}},
}  # fmt: skip


@pytest.fixture(scope="module")
def curated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("training") / "ws"
    Workspace.init(folder).close()
    shutil.copyfile(TOYS, folder / "toys.py")
    (folder / "toy.yaml").write_text(RECIPE)
    (folder / "trainer.py").write_text(TRAINER)
    (folder / "student.yaml").write_text(json.dumps(STUDENT))
    said = finish(start("curate", "toy.yaml", "--direct", cwd=folder))
    assert said.status == 0, said.err
    return folder


@pytest.fixture
def training(curated: Path) -> Iterator["subprocess.Popen[str]"]:
    """A training whose trainer has made its first step and waits."""
    shutil.rmtree(curated / "models", ignore_errors=True)
    for name in ("begun", "wait"):
        (curated / name).unlink(missing_ok=True)
    (curated / "wait").write_text("x")
    command = start("train", "student.yaml", "--json", cwd=curated)
    assert until((curated / "begun").exists, 120)
    yield command
    if command.poll() is None:
        command.kill()
        finish(command)


def left_behind(folder: Path) -> list[str]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.cwd() == str(folder):
                found.append(" ".join(process.cmdline()))
        except psutil.Error:
            continue
    return found


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGHUP, signal.SIGQUIT])
def test_a_training_that_is_ended_leaves_no_trainer_and_is_made_once(
    curated: Path, training: "subprocess.Popen[str]", number: signal.Signals
) -> None:
    training.send_signal(number)
    said = finish(training)
    if number is signal.SIGKILL:
        assert said.status == -signal.SIGKILL
    else:
        assert said.status == 130
        assert "To go on: rollmill train student.yaml" in said.err
    assert until(lambda: left_behind(curated) == [], 30), left_behind(curated)
    if number is not signal.SIGKILL:
        with Workspace.open(curated) as workspace:
            assert [one.status for one in workspace.trainings.all()] == ["interrupted"]
    (curated / "wait").unlink()
    again = finish(start("train", "student.yaml", "--json", cwd=curated))
    assert again.status == 0, again.err
    assert (json.loads(again.out)["model"], json.loads(again.out)["created"]) == ("student@v1", True)
    with Workspace.open(curated) as workspace:
        assert [one.status for one in workspace.trainings.all()] == ["done"]


def test_a_training_whose_trainer_is_stopped_says_so_and_goes_on(curated: Path, training: "subprocess.Popen[str]") -> None:
    trainer = next(
        child
        for child in psutil.Process(training.pid).children(recursive=True)
        if "trainer.py" in child.cmdline() and "guard.py" not in " ".join(child.cmdline())
    )
    trainer.suspend()
    assert training.stderr is not None
    told = ""
    while f"process {trainer.pid} of this command is stopped" not in told:
        told = training.stderr.readline()
        assert told, "it ended"
    assert f"Next: kill -CONT {trainer.pid}" in told
    (curated / "wait").unlink()
    trainer.resume()
    said = finish(training)
    assert said.status == 0, said.err
    assert json.loads(said.out)["model"] == "student@v1"
