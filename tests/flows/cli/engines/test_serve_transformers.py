"""A profile that starts another server than vLLM's: transformers behind OpenAI's interface, on the CPU and on a GPU.

`ROLLMILL_TORCH` names an interpreter with torch, transformers and aiohttp; without it the one of the tests.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from rollmill.storage.queries import open_workspace
from rollmill.storage.workspace import STATE, Workspace
from tests.flows.conftest import ROOT, Run, said_as_json
from tests.tied import tied

SERVER = ROOT / "benchmarks" / "peers" / "transformers_server.py"
MODEL = ROOT / "models" / "rollmill-tiny"
RECIPE = f"""\
recipe_schema: 1
name: served
problems: {{synthesize: templates, count: 24, options: {{levels: [1, 2], split: train}}}}
generate: {{engine: openai, model: {MODEL}, max_tokens: 120, batch_size: 32}}
verify: [{{method: number}}]
budget: {{method: fixed, options: {{initial: 8}}}}
select: {{method: all_correct}}
"""
PROFILE = f"""\
profile_schema: 1
serve:
  model: {MODEL}
  command: [{os.environ.get("ROLLMILL_TORCH", sys.executable)}, {SERVER}, "{{model}}", "{{port}}", "{{name}}"]
  env: {{SERVER_API_KEY: "{{key}}"}}
"""
DEVICES = (pytest.param("cpu", marks=pytest.mark.train), pytest.param("cuda", marks=pytest.mark.gpu))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "ws"
    Workspace.init(place).close()
    (place / "served.yaml").write_text(RECIPE)
    (place / "p.yaml").write_text(PROFILE)
    monkeypatch.chdir(place)
    return place


def outcome(rollmill: Run) -> dict[str, Any]:
    return said_as_json(rollmill, "curate", "served.yaml", "--direct", "--profile", "p.yaml")


def devices(folder: Path) -> list[str]:
    """What the servers that were started said they draw on."""
    logs = (folder / STATE / "logs").glob("serve-*.log")
    lines = [line for log in logs for line in log.read_text().splitlines()]
    return [line.removeprefix("device: ") for line in lines if line.startswith("device: ")]


def ids() -> list[str]:
    return [row[0] for row in open_workspace(".").rollouts().project("completion_id").fetchall()]


@pytest.mark.parametrize("device", DEVICES)
def test_a_run_starts_the_server_draws_on_the_device_and_ends_it(folder: Path, rollmill: Run, device: str) -> None:
    first = outcome(rollmill)
    assert devices(folder) == [device]
    assert first["funnel"]["drawn"] == len(set(ids())) == 24 * 8
    assert first["funnel"]["correct"] > 24 * 4  # the shipped model solves nine in ten of these levels
    again = outcome(rollmill)
    assert (again["created"], again["spent"]["drawn"]) == (False, 0)
    assert devices(folder) == [device]  # nothing to draw: no server


@pytest.mark.parametrize("device", DEVICES)
def test_a_killed_command_goes_on_and_loses_and_doubles_nothing(folder: Path, rollmill: Run, device: str) -> None:
    command = tied(sys.executable, "-m", "rollmill.flows.cli", "curate", "served.yaml", "--direct", "--profile", "p.yaml")
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    spool = folder / STATE / "spool"
    while process.poll() is None and not any(path.stat().st_size for path in spool.rglob("*") if path.is_file()):
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    outcome(rollmill)
    assert set(devices(folder)) == {device}
    found = ids()
    assert len(found) == len(set(found)) == 24 * 8
