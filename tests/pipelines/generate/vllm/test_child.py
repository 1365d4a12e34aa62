"""Ends of the child: it dies, cannot start, starts too late, or its host is killed. Nothing is left; the reason is told."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Completion
from rollmill.pipelines.generate.calls import Interruption
from rollmill.pipelines.generate.vllm.engine import Vllm
from tests.pipelines.generate.vllm.toys import SHIPPED, asked, noted, settings

pytestmark = [pytest.mark.integration, pytest.mark.each_commit]

ROOT = Path(__file__).resolve().parents[4]
HOST = """
import sys
from pathlib import Path
from tests.pipelines.generate.vllm.toys import *
engine = Vllm(SHIPPED, vllm=settings(Path(sys.argv[1]), env={"TOY_STEP": "0.05"}))
for group in engine.groups(asked(engine, ["one"], 5000)):
    print(len(group), flush=True)
"""


def gone(pid: int, seconds: float = 20.0) -> bool:
    """Whether a process ends within some seconds."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.02)
    return False


def cores(folder: Path) -> list[int]:
    return list(map(int, noted(folder, "CORE")))


def test_a_close_leaves_nothing(tmp_path: Path) -> None:
    engine = Vllm(SHIPPED, vllm=settings(tmp_path))
    list(engine.generate(asked(engine, ["one"], 2)))
    engine.close()
    engine.close()
    assert all(map(gone, cores(tmp_path)))


def test_a_killed_host_leaves_nothing_of_vllms_tree(tmp_path: Path) -> None:
    host = subprocess.Popen(
        [sys.executable, "-c", HOST, str(tmp_path)],
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert host.stdout is not None
    host.stdout.readline()
    children = Path(f"/proc/{host.pid}/task").glob("*/children")
    guards = [int(pid) for path in children for pid in path.read_text().split()]
    host.kill()
    host.wait()
    host.stdout.close()
    assert len(guards) == 2  # the guard of the engine, and the worker that renders chat templates
    assert all(map(gone, [*guards, *cores(tmp_path)]))
    left = [Path(name) for name in noted(tmp_path, "LEFT")]  # shared memory and a temporary folder
    assert len(left) == 2
    assert not any(path.exists() or (path.parent.name.startswith("rollmill") and path.parent.exists()) for path in left)


def test_a_child_that_dies_is_told_with_its_last_words_and_started_anew(tmp_path: Path) -> None:
    engine = Vllm(SHIPPED, vllm=settings(tmp_path, env={"TOY_STEP": "0.05"}))
    requests = [*asked(engine, ["one"], 20), *asked(engine, ["DIE"], 1), *asked(engine, ["two"], 9)]
    came: list[Completion] = []
    with pytest.raises(SetupError) as told:
        came.extend(engine.generate(requests))
    assert str(told.value.message).startswith("vLLM's process died (exit status 3); its log is ")
    assert str(told.value.message).endswith("Segmentation fault in toy.cpp:12")
    assert "the same command again" in (told.value.next_command or "")
    assert 1 <= len(came) < 30
    assert len(list(engine.generate(asked(engine, ["two"], 3)))) == 3
    engine.close()
    assert len(cores(tmp_path)) == 2
    assert all(map(gone, cores(tmp_path)))


def test_a_killed_child_names_the_signal(tmp_path: Path) -> None:
    engine = Vllm(SHIPPED, vllm=settings(tmp_path, env={"TOY_STEP": "0.05"}))
    groups = engine.groups(asked(engine, ["one"], 500))
    next(groups)
    core = cores(tmp_path)[0]
    parent = int(Path(f"/proc/{core}/stat").read_text().rpartition(")")[2].split()[1])
    os.kill(parent, signal.SIGKILL)
    with pytest.raises(SetupError, match=r"process died \(signal 9\)"):
        list(groups)
    assert gone(core)
    engine.close()


@pytest.mark.parametrize(
    ("env", "words", "advice"),
    [
        ({"PYTHONPATH": ""}, "has no vLLM", "make vllm"),
        ({"TOY_NO_AVX512": "1"}, "this CPU has no AVX512", "use engine embedded or openai"),
        (
            {"TOY_MEMORY": "1"},
            "vLLM has too little memory: .*No available memory for the KV cache",
            "VLLM_CPU_KVCACHE_SPACE",
        ),
        (
            {"TOY_CORE": "ModuleNotFoundError: No module named 'flashinfer'"},
            "^vLLM failed: ModuleNotFoundError: No module named 'flashinfer'; its log is",
            "look into that log",
        ),
        (
            {"TOY_CORE": "ValueError: Free memory on device cuda:0 (12.5/139.8 GiB) on startup is less than desired"},
            "^vLLM has too little memory: ValueError: Free memory on device cuda:0",
            "vllm.gpu_memory_utilization",
        ),
    ],
)
def test_what_keeps_it_from_starting_is_named(tmp_path: Path, env: dict[str, str], words: str, advice: str) -> None:
    engine = Vllm(SHIPPED, vllm=settings(tmp_path, env=env))
    with pytest.raises(SetupError, match=words) as told:
        list(engine.generate(asked(engine, ["one"], 1)))
    assert advice in (told.value.next_command or "")


def test_a_start_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    late = settings(tmp_path, env={"TOY_START": "60"})
    late = type(late)(python=late.python, env=late.env, log=late.log, start_seconds=2.0)
    engine = Vllm(SHIPPED, vllm=late)
    with pytest.raises(SetupError, match="vLLM was not ready after 2 seconds") as told:
        list(engine.generate(asked(engine, ["one"], 1)))
    assert "vllm.start_seconds" in (told.value.next_command or "")


def test_an_interrupt_ends_a_start(tmp_path: Path) -> None:
    engine = Vllm(SHIPPED, vllm=settings(tmp_path, env={"TOY_START": "60"}))
    timer = threading.Timer(0.7, engine.interrupt)
    timer.start()
    with pytest.raises(Interruption):
        list(engine.generate(asked(engine, ["one"], 1)))
    timer.join()
    engine.close()
