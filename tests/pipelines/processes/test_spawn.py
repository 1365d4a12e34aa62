"""Children are started, told apart, spoken to, measured and ended: with real processes."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rollmill.pipelines.processes.frames import BadFrame
from rollmill.pipelines.processes.messages import MessageChild
from rollmill.pipelines.processes.proc import SystemProcess, cpu_of_tree, kill_tree, process, stat, tree
from rollmill.pipelines.processes.spawn import (
    GuardedProgram,
    ProcessLog,
    ended_from_outside,
    ending,
    environment,
    module_command,
    spawn,
)
from rollmill.places import CHECKOUT
from tests.waiting import until

ECHO = """
import os, sys
from rollmill.pipelines.processes.child import take_pipes
from rollmill.pipelines.processes.frames import receive, send
requests, replies = take_pipes()
print("what a library prints")
os.write(1, b"noise")
while (message := receive(requests)) is not None:
    if message.get("garbage"):
        replies.write(b"\\xff\\xff\\xff\\x7f nonsense")
    else:
        send(replies, {**message, "stdin": sys.stdin.read()}, finite=False)
"""
TIED = """
import subprocess, sys, threading
from rollmill.pipelines.processes.spawn import environment, spawn
tied = "from rollmill.pipelines.processes.child import die_with_parent; die_with_parent(); print('tied', flush=True); "
command = [sys.executable, "-c", tied + "import time; time.sleep(600)"]
started = []
thread = threading.Thread(target=lambda: started.append(spawn(command, environment(), stdout=subprocess.PIPE)))
thread.start()
thread.join()
started[0].stdout.readline()
print(started[0].pid, flush=True)
sys.stdin.read()
"""


def echo(limit: int = 1 << 20) -> MessageChild:
    return MessageChild([sys.executable, "-c", ECHO], environment(), limit=limit, stderr=subprocess.DEVNULL)


@pytest.fixture
def child() -> Iterator[MessageChild]:
    made = echo()
    yield made
    made.kill()


def test_a_child_answers_whatever_it_prints_and_finds_its_input_empty(child: MessageChild) -> None:
    assert child.send({"text": "x" * 100_000, "infinite": float("inf")})
    assert child.receive() == {"text": "x" * 100_000, "infinite": float("inf"), "stdin": ""}
    assert child.lives
    assert child.kill() == -signal.SIGKILL
    assert not child.send({})
    assert child.receive() is None


def test_what_is_no_message_is_told(child: MessageChild) -> None:
    child.send({"garbage": True})
    with pytest.raises(BadFrame, match="a message of 2147483647 bytes"):
        child.receive()


def test_a_wait_ends_at_a_limit(child: MessageChild) -> None:
    def check() -> None:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        child.receive(0.01, check)


def test_a_child_started_by_a_short_thread_lives_as_long_as_the_process() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", TIED], env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as host:
        assert host.stdout is not None
        tied = process(int(host.stdout.readline()))
        time.sleep(0.05)
        assert tied.alive()
        host.kill()
    assert until(lambda: not tied.alive())


def test_a_fork_starts_children_too() -> None:
    spawn(["true"], {"PATH": "/usr/bin:/bin"}).wait()
    fork = os.fork()
    if fork == 0:
        try:
            os._exit(spawn(["false"], {"PATH": "/usr/bin:/bin"}).wait())
        finally:
            os._exit(7)
    assert os.waitstatus_to_exitcode(os.waitpid(fork, 0)[1]) == 1


def test_what_cannot_be_started_raises_here() -> None:
    with pytest.raises(FileNotFoundError):
        spawn(["/nowhere/program"], {})


def test_a_command_and_its_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/not/inherited")
    assert module_command("a.b", "1", python="py") == ["py", "-P", "-m", "a.b", "1"]
    assert environment(None, "/other", SEED="0")["PYTHONPATH"] == f"{CHECKOUT}:/other"
    assert environment(SEED="0")["SEED"] == "0"


def test_a_tree_is_measured_and_killed_as_one() -> None:
    shell = "python3 -c 'import time\nwhile time.process_time() < 0.2: pass\ntime.sleep(600)' & echo $!; sleep 600 & wait"
    with spawn(["bash", "-c", shell], os.environ, stdout=subprocess.PIPE, start_new_session=True) as top:
        assert top.stdout is not None
        busy = int(top.stdout.readline())
        assert until(lambda: cpu_of_tree(top.pid) >= 0.2)
        members = tree(top.pid)
        assert {one.pid for one in members} >= {top.pid, busy}
        kill_tree(top.pid)
    assert until(lambda: not any(one.alive() for one in members))
    assert stat(top.pid) is None
    assert not process(top.pid).alive()
    assert not SystemProcess(os.getpid(), -1).alive()


def test_a_guarded_program_ends_with_all_it_started_and_tells_how(tmp_path: Path) -> None:
    log = ProcessLog(tmp_path / "logs" / "a.log")
    program = GuardedProgram(["bash", "-c", "setsid sleep 600 & echo started $!; wait"], os.environ, log.path)
    assert until(lambda: bool(log.lines()))
    orphan = process(int(log.lines()[0].split()[1]))
    threads = [threading.Thread(target=program.close) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not orphan.alive()
    assert program.status == -signal.SIGKILL
    other = GuardedProgram(["bash", "-c", "echo over; exit 3"], os.environ, log.path)
    other.wait(20)
    assert other.status == 3
    other.close()
    assert log.lines() == [f"started {orphan.pid}", "over"]
    assert ProcessLog(log.path).lines() == []


def test_an_ending_in_words() -> None:
    assert [ending(-9), ending(3), ending(0)] == ["signal 9", "exit status 3", "exit status 0"]
    assert [ended_from_outside(-9), ended_from_outside(-11), ended_from_outside(3)] == [True, False, False]


def test_a_log_that_is_too_long_is_put_aside(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text("old\n" * 10)
    assert ProcessLog(path, most=100).lines() == []
    path.write_text("old\n" * 100)
    log = ProcessLog(path, most=100)
    path.write_text("  new  \n\nlast\n")
    assert log.lines() == ["new", "last"]
    assert (tmp_path / "a.old.log").read_text() == "old\n" * 100
