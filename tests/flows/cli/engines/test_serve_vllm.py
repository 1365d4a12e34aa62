"""A profile that starts a real vLLM: killed servers and killed commands lose nothing, double nothing and leave nothing."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from rollmill.storage.queries import open_workspace
from rollmill.storage.workspace import Workspace
from tests.tied import tied

pytestmark = [pytest.mark.vllm, pytest.mark.long]
ROOT = Path(__file__).resolve().parents[4]
RECIPE = """\
recipe_schema: 1
name: served
problems: {synthesize: templates, count: 150}
generate: {engine: openai, model: tiny, max_tokens: 200, batch_size: 64}
verify: [{method: number}]
budget: {method: fixed, options: {initial: 16}}
select: {method: all_correct}
"""
PROFILE = """\
serve:
  model: models/rollmill-tiny
  served_name: tiny
  args:
    [--dtype, float32, --max-model-len, 512, --no-enable-chunked-prefill, --max-num-batched-tokens, 4096, --enforce-eager]
  env: {VLLM_CPU_KVCACHE_SPACE: 1}
  start_seconds: 900
  concurrency: 16
http: {backoff_most: 1}
"""
ROWS = 150 * 16
ANSWERED, STARTED = '/chat/completions HTTP/1.1" 200', "Application startup complete"


def servers() -> list[int]:
    """The model servers on this machine that serve `tiny`, without their guards."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            continue
        if "--served-model-name tiny" in line and str(ROOT) in line and "guard" not in line:
            found.append(int(path.parent.name))
    return found


def session_of(pid: int) -> list[int]:
    """Everything in a process's session: the guard, the server, vLLM's engine and workers."""
    leader = os.getsid(pid)
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if os.getsid(int(path.name)) == leader:
                found.append(int(path.name))
        except OSError:
            continue
    return found


def wait_for(what: Callable[[], object], process: "subprocess.Popen[bytes]", seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert process.poll() is None, "the command ended too early"
        assert time.monotonic() < deadline
        time.sleep(0.1)


def told(folder: Path, words: str) -> int:
    """How often the server's log says something."""
    log = folder / ".rollmill" / "logs" / "serve-tiny-1.log"
    return log.read_text(errors="replace").count(words) if log.exists() else 0


def curating(folder: Path) -> "subprocess.Popen[bytes]":
    command = tied(sys.executable, "-m", "rollmill.flows.cli", "curate", "r.yaml", "--direct", "--profile", "p.yaml")
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    log = (folder / "said.txt").open("ab")
    with log:
        return subprocess.Popen(command, cwd=folder, env=env, stdout=log, stderr=log)


def unused_memory() -> set[Path]:
    """Shared memory of Python that no process has: what a killed vLLM would leave behind, 400 MB each time."""
    maps = ""
    for path in Path("/proc").glob("[0-9]*/maps"):
        with suppress(OSError):
            maps += path.read_text()
    return {path for path in Path("/dev/shm").glob("psm_*") if str(path) not in maps}


def gone(pids: list[int], within: float = 60.0) -> bool:
    deadline = time.monotonic() + within
    while any(Path(f"/proc/{pid}").exists() for pid in pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


@pytest.mark.timeout(2400)
def test_kills_of_the_server_and_of_the_command(tmp_path: Path) -> None:
    """The server dies by kill -9 in the middle, later the command, both with requests under way; the next one ends."""
    Workspace.init(tmp_path).close()
    (tmp_path / "r.yaml").write_text(RECIPE)
    (tmp_path / "p.yaml").write_text(PROFILE)
    shared = unused_memory()
    command = curating(tmp_path)
    wait_for(lambda: told(tmp_path, ANSWERED) > 100, command, 900)
    (server,) = servers()
    first = session_of(server)
    assert len(first) >= 3
    os.kill(server, signal.SIGKILL)
    before = told(tmp_path, ANSWERED)
    wait_for(lambda: told(tmp_path, STARTED) == 2 and told(tmp_path, ANSWERED) > before + 100, command, 900)
    assert gone(first)
    (server,) = servers()
    second = session_of(server)
    command.kill()
    command.wait()
    assert gone(second)
    last = curating(tmp_path)
    assert last.wait() == 0, (tmp_path / "said.txt").read_text()[-3000:]
    rows = open_workspace(tmp_path).rollouts().project("completion_id, text").fetchall()
    assert len(rows) == len({row[0] for row in rows}) == ROWS
    assert servers() == []
    assert curating(tmp_path).wait() == 0
    text = (tmp_path / "said.txt").read_text()
    assert "nothing was drawn" in text
    assert told(tmp_path, "rollmill: the server has ended") == 3
    assert unused_memory() <= shared
