"""Stopped processes (SIGSTOP): a command, one of two commands on a recipe, and a child that a command waits for.

Nothing waits for ever without a word, and no row is made twice.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from sqlalchemy import update

from rollmill.storage.ledger.models import LeaseRow
from rollmill.storage.workspace import Workspace
from tests.flows.conftest import RECIPE, ROOT, finish, start
from tests.waiting import until

pytestmark = [pytest.mark.security, pytest.mark.timeout(300)]
TOYS = Path(__file__).parents[2] / "toys.py"
DRAWN = 76  # of the toy recipe


def workspace(folder: Path) -> Path:
    Workspace.init(folder).close()
    shutil.copyfile(TOYS, folder / "toys.py")
    (folder / "toy.yaml").write_text(RECIPE)
    return folder


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    return workspace(tmp_path / "ws")


def curate(folder: Path, sleep: str = "0.1") -> "subprocess.Popen[str]":
    return start("curate", "toy.yaml", "--direct", "--json", cwd=folder, TOY_SLEEP=sleep, TOY_CALLS=str(folder / "calls"))


def calls(folder: Path) -> list[str]:
    path = folder / "calls"
    return path.read_text().split() if path.exists() else []


def state(process: "subprocess.Popen[str]") -> str:
    return psutil.Process(process.pid).status()


def expire_leases(folder: Path) -> None:
    """What a minute of the database's clock does."""
    with Workspace.open(folder) as opened, opened.ledger.write() as session:
        session.execute(update(LeaseRow).values(expires_at=0.0))


def test_a_command_that_is_stopped_goes_on_where_it_was(toy: Path) -> None:
    command = curate(toy, "0.05")
    assert until(lambda: len(calls(toy)) > 5, 120)
    command.send_signal(signal.SIGSTOP)
    assert until(lambda: state(command) == psutil.STATUS_STOPPED)
    before = len(calls(toy))
    listed = json.loads(finish(start("runs", "list", "--json", cwd=toy)).out)
    assert [row["status"] for row in listed] == ["running"]
    assert len(calls(toy)) == before
    command.send_signal(signal.SIGCONT)
    said = finish(command)
    assert said.status == 0, said.err
    assert json.loads(said.out)["funnel"]["drawn"] == DRAWN
    assert len(calls(toy)) == len(set(calls(toy))) == DRAWN


def test_another_command_leaves_a_stopped_one_its_batches_while_its_leases_last(toy: Path) -> None:
    first = curate(toy)
    assert until(lambda: len(calls(toy)) > 3, 120)
    first.send_signal(signal.SIGSTOP)
    second = curate(toy, "0.02")
    with Workspace.open(toy) as opened:
        assert until(lambda: len(opened.ledger.leases.holders("command/")) == 2, 60)
    first.send_signal(signal.SIGCONT)
    ends = [finish(first), finish(second)]
    assert [end.status for end in ends] == [0, 0], ends
    assert len({json.loads(end.out)["content_hash"] for end in ends}) == 1
    assert len(calls(toy)) == len(set(calls(toy))) == DRAWN


def test_a_command_that_was_stopped_for_longer_than_its_leases_gives_up_what_another_took_over(toy: Path) -> None:
    first = curate(toy)
    assert until(lambda: len(calls(toy)) > 3, 120)
    first.send_signal(signal.SIGSTOP)
    expire_leases(toy)
    said = finish(curate(toy, "0.02"))
    assert said.status == 0, said.err
    before = len(calls(toy))
    first.send_signal(signal.SIGCONT)
    late = finish(first)
    assert late.status == 0, late.err
    assert json.loads(late.out)["content_hash"] == json.loads(said.out)["content_hash"]
    # Those in flight, and what the first one draws until its heartbeat sees what it lost: not a batch of 16, nor a round.
    assert len(calls(toy)) - before < 12
    with Workspace.open(toy) as opened:
        assert opened.segments.read("completions", columns=("id",)).num_rows == DRAWN
        assert {run.status for run in opened.runs.list()} == {"done"}


STUCK = '''

class Stuck(ToyEngine):
    """An engine that asks a child process for a line."""

    def generate(self, requests):
        import os
        import subprocess
        from pathlib import Path

        from rollmill.pipelines.processes.spawn import spawn

        code = "import time; time.sleep(3); print('go', flush=True)"
        child = spawn([sys.executable, "-c", code], dict(os.environ), stdout=subprocess.PIPE)
        Path("child").write_text(str(child.pid))
        child.stdout.readline()
        child.wait()
        child.stdout.close()
        yield from super().generate(requests)
'''


def test_a_command_that_waits_for_a_stopped_child_says_so(toy: Path) -> None:
    toys = (toy / "toys.py").read_text()
    (toy / "toys.py").write_text(("" if "import sys" in toys else "import sys\n") + toys + STUCK)
    (toy / "toy.yaml").write_text(
        RECIPE.replace("toys.py:ToyEngine", "toys.py:Stuck").replace("batch_size: 16", "batch_size: 512")
    )
    log = toy / "said"
    with log.open("w") as out:
        line = [sys.executable, "-m", "rollmill.flows.cli", "curate", "toy.yaml", "--direct"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        command = subprocess.Popen(line, cwd=toy, env=environment, stdout=out, stderr=out)
    assert until(lambda: (toy / "child").exists() and (toy / "child").read_text(), 120)
    pid = int((toy / "child").read_text())
    os.kill(pid, signal.SIGSTOP)
    told = f"rollmill: process {pid} of this command is stopped, and the command waits for it. Next: kill -CONT {pid}"
    assert until(lambda: told in log.read_text(), 60)
    os.kill(pid, signal.SIGCONT)
    command.terminate()
    assert command.wait(60) == 130
