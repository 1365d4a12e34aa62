"""Commands whose threads die, and commands without memory: one line and an end soon, and a rerun makes what they owe."""

import json
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from rollmill.storage.workspace import Workspace
from tests.flows.conftest import RECIPE, ROOT, finish, start

pytestmark = [pytest.mark.security, pytest.mark.timeout(300)]
TOYS = Path(__file__).parents[2] / "toys.py"
NO_MEMORY = "rollmill: there was not enough memory (the limit is {:,}). Next: "
DYING = '''

class Dying(ToyEngine):
    """An engine that waits for a thread which has died."""

    def generate(self, requests):
        import threading

        threading.Thread(target=lambda: 1 / 0, name="dying").start()
        time.sleep(3)
        yield from super().generate(requests)
'''


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    folder = tmp_path / "ws"
    Workspace.init(folder).close()
    shutil.copyfile(TOYS, folder / "toys.py")
    (folder / "toy.yaml").write_text(RECIPE)
    return folder


def limited(size: int) -> Callable[[], None]:
    return partial(resource.setrlimit, resource.RLIMIT_AS, (size, size))


def test_a_command_without_memory_ends_in_one_line_and_is_resumed_without_the_limit(toy: Path) -> None:
    for megabytes in (400, 640, 700, 820):
        size = megabytes << 20
        command = [sys.executable, "-m", "rollmill.flows.cli", "curate", "toy.yaml", "--direct", "--json"]
        began = time.monotonic()
        done = subprocess.run(
            command,
            cwd=toy,
            env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            preexec_fn=limited(size),
            timeout=100,
        )
        if done.returncode == 0:
            break
        assert done.returncode == 2, (megabytes, done.stderr)
        assert done.stderr.splitlines()[-1].startswith(NO_MEMORY.format(size)), (megabytes, done.stderr)
        assert "Traceback" not in done.stderr
        assert time.monotonic() - began < 60
    resumed = finish(start("curate", "toy.yaml", "--direct", "--json", cwd=toy))
    assert resumed.status == 0, resumed.err
    row = json.loads(resumed.out)
    assert (row["version"], row["funnel"]["drawn"]) == (1, 76)


def test_the_death_of_a_thread_ends_the_command_with_one_line(toy: Path) -> None:
    (toy / "toys.py").write_text((toy / "toys.py").read_text() + DYING)
    (toy / "toy.yaml").write_text(RECIPE.replace("toys.py:ToyEngine", "toys.py:Dying"))
    said = finish(start("curate", "toy.yaml", "--direct", cwd=toy), timeout=60)
    assert said.status == 2
    assert said.err.count("a thread of this command died: ZeroDivisionError: division by zero. Next: ") == 1
    assert "Traceback" not in said.err
    with Workspace.open(toy) as workspace:
        assert [run.status for run in workspace.runs.list()] == ["interrupted"]
    (toy / "toys.py").write_text((toy / "toys.py").read_text().replace("1 / 0", "1 / 1"))
    resumed = finish(start("curate", "toy.yaml", "--direct", "--json", cwd=toy))
    assert (resumed.status, json.loads(resumed.out)["created"]) == (0, True), resumed.err


@pytest.mark.parametrize(
    "death",
    [
        "threading.Thread(target=fail).start()",
        "_thread.start_new_thread(fail, ())",  # as where a thread has no memory to begin with: nobody tells who waits
    ],
)
def test_a_wait_for_a_thread_that_died_ends(death: str) -> None:
    program = f"""
import _thread, threading
from rollmill.flows.cli import ending

def fail():
    raise MemoryError

with ending.in_order():
    try:
        {death}
        threading.Lock().acquire() and threading.Event().wait()
    except KeyboardInterrupt:
        print(ending.last_word(130))
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=30)
    assert done.stdout == "('', 2)\n", done.stderr
    assert done.stderr.count("rollmill: there was not enough memory. Next: ") == 1
    assert "Traceback" not in done.stderr
