"""A profile that starts its model server, through the command line; a toy stands in vLLM's place."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rollmill.storage.queries import open_workspace
from tests.flows.conftest import Run
from tests.pipelines.generate.serving.toy_model import ENV, born, gone
from tests.tied import tied

pytestmark = pytest.mark.integration

RECIPE = """\
recipe_schema: 1
name: remote
problems: {imported: sums}
generate: {engine: openai, model: toy, batch_size: 16}
budget: {method: fixed, options: {initial: 4}}
select: {method: all_correct}
"""


@pytest.fixture
def served(ten_sums: Path) -> Path:
    """A workspace with ten imported sums and a recipe for the model `toy`."""
    (ten_sums / "remote.yaml").write_text(RECIPE)
    return ten_sums


def profile(folder: Path, **env: str) -> str:
    texts = {**ENV, "TOY_NOTE": str(folder / "born"), "MY_SECRET": "s3cr3t-value", **env}
    listed = "".join(f"    {name}: {value!r}\n" for name, value in texts.items())
    serve = f"serve:\n  python: {sys.executable}\n  model: toy\n  restarts: 9\n  concurrency: 8\n  env:\n{listed}"
    (folder / "p.yaml").write_text(f"{serve}http: {{backoff_seconds: 0.01, backoff_most: 0.2}}\n")
    return "p.yaml"


@pytest.mark.services  # two curations
def test_a_server_that_dies_all_the_time_loses_and_doubles_nothing(served: Path, rollmill: Run) -> None:
    """Each of its lives ends by SIGKILL at the 15th request."""
    place = profile(served, TOY_LIVES="15")
    well = rollmill("doctor", "--quick", "--profile", place).out.splitlines()[-1]
    assert well.split()[:5] == ["ok", "serve", "toy", "can", "be"]
    assert born(served) == []
    result = rollmill("curate", "remote.yaml", "--direct", "--profile", place)
    assert result.status == 0, result.err
    assert "40 completions drawn" in result.out
    assert "the model server toy ended (signal 9)" in result.out
    lives = born(served)
    assert len(lives) >= 3
    assert all(map(gone, lives))
    ids = [row[0] for row in open_workspace(".").rollouts().project("completion_id").fetchall()]
    assert len(ids) == len(set(ids)) == 40
    again = rollmill("curate", "remote.yaml", "--direct", "--profile", place)
    assert "already has this content: no new version" in again.out
    assert born(served) == lives
    for path in served.rglob("*"):
        assert path.name in ("p.yaml",) or path.is_dir() or b"s3cr3t-value" not in path.read_bytes(), path


@pytest.mark.services  # two curations
def test_a_killed_command_takes_its_server_along_and_the_next_one_goes_on(served: Path, rollmill: Run) -> None:
    place = profile(served, TOY_DELAY="0.3")
    command = tied(sys.executable, "-m", "rollmill.flows.cli", "curate", "remote.yaml", "--direct", "--profile", place)
    env = {**os.environ, "PYTHONPATH": ENV["PYTHONPATH"].split(":")[1]}
    process = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    spool = served / ".rollmill" / "spool"
    while process.poll() is None and not any(path.stat().st_size for path in spool.rglob("*") if path.is_file()):
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    (first,) = born(served)
    assert gone(first)
    result = rollmill("curate", "remote.yaml", "--direct", "--profile", place)
    assert result.status == 0, result.err
    assert "kept" in result.out
    assert len(born(served)) == 2
    assert gone(born(served)[1])


@pytest.mark.services  # a command of its own
def test_an_interrupt_while_the_server_starts_ends_both(served: Path) -> None:
    place = profile(served, TOY_SLOW="600")
    process = subprocess.Popen(
        tied(sys.executable, "-m", "rollmill.flows.cli", "curate", "remote.yaml", "--direct", "--profile", place),
        env={**os.environ, "PYTHONPATH": ENV["PYTHONPATH"].split(":")[1]},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    while process.poll() is None and not born(served):
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=240)
    assert process.returncode == 130, said
    assert "Interrupted; what was committed is kept." in said
    assert gone(born(served)[0])


def test_a_fresh_workspace_is_writable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rollmill: Run) -> None:
    (tmp_path / "rollmill.toml").touch()
    monkeypatch.chdir(tmp_path)
    findings = json.loads(rollmill("doctor", "--quick", "--json").out)["findings"]
    assert [found["ok"] for found in findings if found["name"] == "writable"] == [True]


def test_a_model_that_is_not_served_is_told_with_those_that_are(served: Path, rollmill: Run) -> None:
    result = rollmill("curate", "remote.yaml", "--direct", "--profile", profile(served), "--set", "generate.model=other")
    assert result.status == 2
    assert "the profile names no server for model 'other'" in result.err
    assert "Valid: toy." in result.err
    assert born(served) == []


def test_without_its_interpreter_the_command_says_how_to_make_it(served: Path, rollmill: Run) -> None:
    (served / "p.yaml").write_text("serve: {model: toy, python: nowhere/bin/python}\n")
    result = rollmill("curate", "remote.yaml", "--direct", "--profile", "p.yaml")
    assert result.status == 2
    assert "Next: make vllm" in result.err
    assert rollmill("doctor", "--quick", "--profile", "p.yaml").status == 1
