"""Ten thousand programs in a row, broken boxes, a killed host: nothing is left behind."""

import contextlib
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil
import pytest

from rollmill.pipelines.sandbox import AssertTests, Mode, ProgramReport, Sandbox, SandboxLimits, Script

pytestmark = pytest.mark.sandbox

PROGRAMS = (
    Script("print(1)"),
    Script("open('x', 'w').write('y' * 1000)\nprint(1)"),
    AssertTests("def f(x):\n    return x + 1", "assert f(1) == 2", "f"),
    AssertTests("def f(x):\n    return x", "assert f(1) == 2", "f"),
    Script("import os\nos.fork()"),
    Script("1 / 0"),
)
CAUSES = (None, None, None, "wrong_answer", "sandbox_violation", "runtime_error")
PROCESSES = 6
"""Of an idle box: bubblewrap twice, keeper, zygote, the next program's process, that of the tests."""
ROOT = Path(__file__).parents[3]


def tree() -> list[psutil.Process]:
    return psutil.Process().children(recursive=True)


def resident(processes: list[psutil.Process]) -> int:
    total = 0
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            total += process.memory_info().rss
    return total


def settled(count: int) -> bool:
    """Whether the tree comes down to a number of processes and stays there a while.

    It is above while killed ones are not reaped, and below for a moment before a box has made the next program's process.
    """
    deadline = time.monotonic() + 10
    steady = 0
    while steady < 4 and time.monotonic() < deadline:
        steady = steady + 1 if len(tree()) <= count else 0
        time.sleep(0.05)
    return steady == 4


@pytest.mark.parametrize("mode", ["strict", "shared"])
def test_ten_thousand_programs_leave_nothing_behind(mode: Mode, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    total = 10_002
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    descriptors = len(list(Path("/proc/self/fd").iterdir()))
    with Sandbox(mode, SandboxLimits(cpu_seconds=5), workers=3) as sandbox:
        assert [report.cause for report in sandbox.run_many(PROGRAMS * 5)] == list(CAUSES * 5)
        assert settled(3 * PROCESSES)
        memory = resident(tree())
        causes = [report.cause for report in sandbox.run_many(PROGRAMS[i % 6] for i in range(total))]
        assert causes == list(CAUSES * (total // 6))
        assert settled(3 * PROCESSES)
        assert resident(tree()) < memory * 1.5 + (20 << 20)
        assert sandbox.run(Script("import os\nprint(os.listdir('.'))")).stdout == "[]\n"
    assert tree() == []
    assert len(list(Path("/proc/self/fd").iterdir())) <= descriptors
    assert list(tmp_path.iterdir()) == []


HOST = """
import sys, time
from rollmill.pipelines.sandbox import Sandbox, SandboxLimits, Script
sandbox = Sandbox(sys.argv[1], SandboxLimits(cpu_seconds=100, wall_seconds=100))
sandbox.run(Script("print(1)"))
print("ready", flush=True)
sandbox.run(Script("while True: pass"))
"""


@pytest.mark.parametrize("mode", ["strict", "shared", "none"])
def test_a_killed_host_leaves_no_process(mode: str) -> None:
    with subprocess.Popen([sys.executable, "-c", HOST, mode], stdout=subprocess.PIPE, cwd=ROOT) as host:
        assert host.stdout is not None
        assert host.stdout.readline() == b"ready\n"
        time.sleep(0.3)
        family = psutil.Process(host.pid).children(recursive=True)
        assert len(family) >= 3
        host.send_signal(signal.SIGKILL)
        host.wait()
        gone, alive = psutil.wait_procs(family, timeout=10)
        assert alive == []
        assert len(gone) == len(family)


@pytest.mark.parametrize("mode", ["strict", "shared"])
def test_a_box_that_dies_is_replaced_and_its_program_run_again(mode: Mode) -> None:
    with Sandbox(mode, SandboxLimits(cpu_seconds=5)) as sandbox:
        assert sandbox.run(Script("print(1)")).stdout == "1\n"
        answers: list[ProgramReport] = []
        thread = threading.Thread(
            target=lambda: answers.append(sandbox.run(Script("import time\ntime.sleep(1)\nprint(2)")))
        )
        thread.start()
        time.sleep(0.4)
        for process in tree():
            with contextlib.suppress(psutil.NoSuchProcess):  # its box went with another
                process.kill()
        thread.join()
        assert answers[0].stdout == "2\n"
        assert sandbox.run(Script("print(3)")).stdout == "3\n"
    assert tree() == []


def test_a_sandbox_made_on_a_thread_that_ends_goes_on() -> None:
    made: list[Sandbox] = []

    def make() -> None:
        made.append(Sandbox("strict"))
        made[0].run(Script("print(1)"))

    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    before = {process.pid for process in tree()}
    assert made[0].run(Script("print(2)")).stdout == "2\n"
    assert before <= {process.pid for process in tree()} | before
    made[0].close()
    with pytest.raises(RuntimeError, match="closed"):
        made[0].run(Script("print(3)"))


def test_many_threads_may_use_one_sandbox() -> None:
    with Sandbox("shared", workers=2) as sandbox:
        outputs: dict[int, str] = {}

        def work(i: int) -> None:
            outputs[i] = sandbox.run(Script(f"print({i})")).stdout

        threads = [threading.Thread(target=work, args=(i,)) for i in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert outputs == {i: f"{i}\n" for i in range(12)}


def test_who_waits_for_a_place_is_told_when_the_sandbox_closes() -> None:
    sandbox, said = Sandbox("strict", SandboxLimits(wall_seconds=20.0)), list[str]()

    def run(source: str) -> None:
        try:
            said.append(sandbox.run(Script(source)).stdout)
        except RuntimeError as error:
            said.append(str(error))

    first = threading.Thread(target=run, args=("import time\ntime.sleep(1)\nprint('done')",))
    first.start()
    while sandbox._places.qsize():
        time.sleep(0.01)
    waiting = [threading.Thread(target=run, args=("print(1)",), daemon=True) for _ in range(2)]
    for thread in waiting:
        thread.start()
    time.sleep(0.2)
    sandbox.close()
    for thread in (first, *waiting):
        thread.join(10)
        assert not thread.is_alive()
    assert sorted(said) == ["done\n", "the sandbox is closed", "the sandbox is closed"]
    with pytest.raises(RuntimeError, match="closed"):
        sandbox.run(Script("print(1)"))
