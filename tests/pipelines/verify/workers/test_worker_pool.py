"""The worker pool: limits, crashes, retries, threads, and that no process is left behind."""

import contextlib
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

from rollmill.pipelines.verify.workers.worker_pool import WorkerLimits, WorkerPool
from tests.waiting import until

pytestmark = [pytest.mark.integration, pytest.mark.each_commit]

HERE = str(Path(__file__).parent)
ROOT = str(Path(__file__).parents[4])
QUICK = WorkerLimits(cpu_seconds=0.3, memory_bytes=1 << 30, stall_seconds=60)


def children() -> int:
    return len(psutil.Process().children(recursive=True))


def pool(job: str, *, workers: int = 1, limits: WorkerLimits = QUICK) -> WorkerPool:
    return WorkerPool(f"worker_jobs:{job}", workers=workers, limits=limits, path=[HERE])


@pytest.mark.parametrize(
    ("job", "cause"),
    [
        ("burn", "cpu_limit"),
        ("leave", "crash: exit status 3"),
        ("segfault", f"crash: signal {int(signal.SIGSEGV)}"),
        ("hoard", "memory_limit"),
        ("fail", "crash: KeyError"),
    ],
)
def test_each_failure_names_its_cause_and_leaves_no_process(job: str, cause: str) -> None:
    before = children()
    workers = pool(job)
    reply = workers.ask({"text": "x"})
    workers.close()
    assert reply["failed"] == cause
    assert children() == before


def test_a_worker_without_progress_is_ended() -> None:
    workers = pool("sleep_forever", limits=WorkerLimits(cpu_seconds=5, stall_seconds=0.4))
    assert workers.ask({})["failed"] == "stalled"
    workers.close()


def test_a_killed_worker_is_replaced() -> None:
    workers = pool("burn")
    assert workers.ask({})["failed"] == "cpu_limit"
    assert workers.ask({"spare": True})["echo"] == "spared"
    workers.close()


def test_a_failed_question_is_asked_once_more(tmp_path: Path) -> None:
    workers = pool("die_once")
    assert workers.ask({"marker": str(tmp_path / "died")})["rule"] == "second"
    workers.close()


def idle(workers: WorkerPool, count: int) -> list[int]:
    """The process ids of so many workers that have answered and wait."""
    with ThreadPoolExecutor(count) as threads:
        list(threads.map(lambda i: workers.ask({"text": str(i)}), range(2 * count)))
    pids = [child.pid for child in psutil.Process().children() if workers.job in child.cmdline()]
    assert len(pids) == count
    return pids


def killed(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    while psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.001)


def test_workers_killed_while_they_wait_cost_no_question() -> None:
    workers = pool("nap", workers=3)
    for pid in idle(workers, 3):
        killed(pid)
    assert workers.ask({"text": "x"})["echo"] == "x"
    assert len(idle(workers, 3)) == 3
    workers.close()


def test_the_second_asking_is_of_a_fresh_worker_and_the_others_stay(tmp_path: Path) -> None:
    before = children()
    workers = pool("die_once", workers=2)
    pids = idle(workers, 2)
    reply = workers.ask({"marker": str(tmp_path / "died")})
    assert reply["rule"] == "second"
    assert reply["pid"] not in pids
    assert sum(map(psutil.pid_exists, pids)) == 1
    assert children() == before + 2
    workers.close()
    assert children() == before


def test_waiting_in_the_queue_is_no_timeout() -> None:
    workers = pool("nap", limits=WorkerLimits(cpu_seconds=0.2))
    with ThreadPoolExecutor(8) as threads:
        replies = list(threads.map(lambda i: workers.ask({"text": str(i)}), range(24)))
    workers.close()
    assert [reply["echo"] for reply in replies] == [str(i) for i in range(24)]


def test_processes_are_reused_and_bounded() -> None:
    workers = pool("echo", workers=2)
    with ThreadPoolExecutor(8) as threads:
        pids = {reply["pid"] for reply in threads.map(lambda i: workers.ask({"text": str(i)}), range(50))}
    workers.close()
    assert 1 <= len(pids) <= 2
    assert os.getpid() not in pids


def test_the_size_of_the_parent_retires_no_worker() -> None:
    """A worker inherits the parent's peak memory in its own accounts; that says nothing of the worker."""
    ballast = bytearray(800 << 20)
    ballast[::4096] = b"x" * len(ballast[::4096])
    workers = pool("echo")
    pids = {workers.ask({"text": str(i)})["pid"] for i in range(3)}
    workers.close()
    del ballast
    assert len(pids) == 1


def test_a_question_that_met_a_limit_is_asked_once_whoever_asks_again(tmp_path: Path) -> None:
    """Copies side by side and one after the other, in two pools of one run; another limit is another matter."""
    asked = {"log": str(tmp_path / "asked")}
    with ThreadPoolExecutor(4) as threads:
        one, other = pool("burn_and_tell", workers=2), pool("burn_and_tell")
        replies = list(threads.map(lambda which: which.ask(asked), [one, other, one, other]))
    replies += [one.ask(asked), other.ask(asked)]
    assert [reply["failed"] for reply in replies] == ["cpu_limit"] * 6
    assert Path(asked["log"]).read_text() == "asked\n" * 2  # the second time alone
    one.close()
    other.close()
    del one, other
    later = pool("burn_and_tell")
    assert later.ask(asked)["failed"] == "cpu_limit"
    assert Path(asked["log"]).read_text() == "asked\n" * 4
    later.close()


def test_what_no_limit_ended_is_asked_again(tmp_path: Path) -> None:
    workers = pool("nap_and_tell")
    asked = {"log": str(tmp_path / "asked")}
    assert [workers.ask(asked)["echo"] for _ in range(3)] == ["slept"] * 3
    assert Path(asked["log"]).read_text() == "asked\n" * 3
    workers.close()


def test_copies_side_by_side_wait_for_one_reply(tmp_path: Path) -> None:
    workers = pool("nap_and_tell", workers=4)
    asked: dict[str, Any] = {"log": str(tmp_path / "asked"), "seconds": 0.3}
    with ThreadPoolExecutor(4) as threads:
        assert [reply["echo"] for reply in threads.map(workers.ask, [asked] * 4)] == ["slept"] * 4
    assert Path(asked["log"]).read_text().count("asked") < 4
    workers.close()


def test_a_copy_does_not_fail_with_the_pool_that_was_closed_under_its_question(tmp_path: Path) -> None:
    closing, staying = pool("nap_and_tell"), pool("nap_and_tell")
    asked: dict[str, Any] = {"log": str(tmp_path / "asked"), "seconds": 0.5}
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(closing.ask, asked)
        while not Path(asked["log"]).exists():
            time.sleep(0.01)
        second = threads.submit(staying.ask, asked)
        closing.close()
        assert second.result()["echo"] == "slept"
        with pytest.raises(RuntimeError, match="closed"):
            first.result()
    staying.close()


def shoot(pids: Callable[[], list[int]], seconds: float) -> int:
    """Kill one of these processes every tenth of a second; how many were killed."""
    until, shots = time.monotonic() + seconds, 0
    while time.monotonic() < until:
        for pid in pids()[:1]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                shots += 1
        time.sleep(0.1)
    return shots


def test_killed_workers_cost_no_question_its_reply() -> None:
    """A worker is killed every tenth of a second, faster than a question takes, for as long as it would be asked twice."""
    workers = pool("nap_long", workers=2, limits=WorkerLimits(cpu_seconds=5, kill_pauses=(0.05, 0.1, 0.2, 0.4, 0.8)))
    with ThreadPoolExecutor(5) as threads:
        shooting = threads.submit(shoot, lambda: [worker.process.pid for worker in list(workers._alive)], 1.2)
        replies = list(threads.map(lambda i: workers.ask({"text": str(i)}), range(4)))
        assert shooting.result() >= 4
    assert [reply.get("echo") for reply in replies] == ["0", "1", "2", "3"]
    workers.close()


def test_a_question_under_which_every_worker_is_killed_ends_and_is_then_not_asked_again(tmp_path: Path) -> None:
    workers = pool("kill_itself", limits=WorkerLimits(cpu_seconds=5, kill_pauses=(0.0,)))
    asked = {"log": str(tmp_path / "asked")}
    for times in (4, 8, 8):  # twice in each of two rounds, of two workers each time
        assert workers.ask(asked)["failed"] == "crash: signal 9"
        assert Path(asked["log"]).read_text() == "asked\n" * times
    workers.close()


def test_what_a_job_prints_never_reaches_the_replies() -> None:
    workers = pool("print_noise")
    assert [workers.ask({"text": str(i)})["echo"] for i in range(3)] == ["0", "1", "2"]
    workers.close()


def test_any_text_survives_the_pipe() -> None:
    workers = pool("echo")
    for text in ("", "\x00", "\ud800", "é∞", "x" * 1_000_000):
        assert workers.ask({"text": text})["echo"] == text
    workers.close()


def test_closing_twice_is_fine_and_asking_after_it_is_not() -> None:
    workers = pool("echo")
    workers.ask({"text": "x"})
    workers.close()
    workers.close()
    with pytest.raises(RuntimeError, match="closed"):
        workers.ask({"text": "x"})


def test_a_dropped_pool_ends_its_workers() -> None:
    before = children()
    workers = pool("echo")
    workers.ask({"text": "x"})
    assert children() == before + 1
    del workers
    assert children() == before


PARENT = """
import sys, time
from rollmill.pipelines.verify.workers.worker_pool import WorkerPool
pool = WorkerPool("worker_jobs:echo", workers=1, path=[sys.argv[1]])
print(pool.ask({"text": "x"})["pid"], flush=True)
time.sleep(60)
"""


def test_workers_do_not_outlive_a_killed_parent() -> None:
    environment = {**os.environ, "PYTHONPATH": ROOT}
    parent = subprocess.Popen([sys.executable, "-c", PARENT, HERE], stdout=subprocess.PIPE, env=environment)
    assert parent.stdout is not None
    worker = int(parent.stdout.readline())
    assert psutil.pid_exists(worker)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert until(lambda: not psutil.pid_exists(worker))


def test_a_system_that_is_short_of_files_costs_no_question_its_reply() -> None:
    """No worker can start for a while: that is as if somebody killed it, no crash and no verdict."""
    workers = pool("echo", limits=WorkerLimits(cpu_seconds=5, kill_pauses=(0.1, 0.2, 0.4, 0.8)))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    relieved = threading.Timer(0.3, resource.setrlimit, (resource.RLIMIT_NOFILE, (soft, hard)))
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    relieved.start()
    try:
        assert workers.ask({"text": "x"})["echo"] == "x"
    finally:
        relieved.join()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    workers.close()


def test_an_interpreter_that_is_missing_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    workers = pool("echo")
    with pytest.raises(FileNotFoundError):
        workers.ask({"text": "x"})
    workers.close()


def test_an_interrupt_while_others_still_run_takes_no_worker_away() -> None:
    """Ctrl-C comes while a failed question waits to be alone; the next failed question can be alone all the same."""
    workers = pool("burn_or_nap", workers=2)
    with ThreadPoolExecutor(1) as threads:
        napping = threads.submit(workers.ask, {"seconds": 1.4})
        previous = signal.signal(signal.SIGALRM, signal.default_int_handler)
        signal.setitimer(signal.ITIMER_REAL, 0.9)
        try:
            with pytest.raises(KeyboardInterrupt):
                workers.ask({})
        finally:
            signal.signal(signal.SIGALRM, previous)
        assert napping.result()["echo"] == "slept"
        assert threads.submit(workers.ask, {"again": True}).result(timeout=20)["failed"] == "cpu_limit"
    workers.close()
