"""Watching a command from outside: memory of all its processes, its progress in the ledger, a page's queries meanwhile.

Knows a workspace and a process; starts none and judges nothing.
"""

import subprocess
import time
from bisect import bisect_left
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from rollmill.storage.queries import Reader, funnel, run_progress, run_scope, runs

TICK = 0.1
ASK_EVERY = 1.0
MEGABYTE = 1 << 20


@dataclass
class Watched:
    """Observations of a run.

    `progress`: (rows judged, seconds of the stage); `samples`: (rows judged, MB of all processes, their CPU seconds);
    `delays`: seconds of the overview page's queries.
    """

    status: int = 0
    out: str = ""
    errors: str = ""
    progress: list[tuple[int, float]] = field(default_factory=lambda: [(0, 0.0)])
    samples: list[tuple[int, float, float]] = field(default_factory=list)
    delays: list[float] = field(default_factory=list)

    @property
    def peak(self) -> float:
        """The most memory of all processes together, MB."""
        return max(sample[1] for sample in self.samples)

    def when(self, rows: int) -> float:
        """Time at which this many rows were judged, interpolated between reports."""
        place = bisect_left([done for done, _ in self.progress], rows)
        if place == 0:
            return self.progress[0][1]
        (before, began), (after, ended) = self.progress[place - 1], self.progress[min(place, len(self.progress) - 1)]
        return ended if after == before else began + (ended - began) * (rows - before) / (after - before)

    def memory(self, first: int, last: int) -> float:
        """The most memory of all processes while rows `first` to `last` were judged, MB."""
        return max((sample[1] for sample in self.samples if first <= sample[0] < last), default=0.0)

    def cpu(self, first: int, last: int) -> float:
        """CPU seconds of all processes while rows `first` to `last` were judged; other work on the machine hardly shows."""
        began = next((used for done, _, used in self.samples if done >= first), 0.0)
        return next((used for done, _, used in self.samples if done >= last), began) - began


def watch(command: "subprocess.Popen[str]", folder: Path, *, ask: bool = True, kill_at: int | None = None) -> Watched:
    """Look until the command ends; with `kill_at`, kill -9 it as soon as it reports so many rows judged."""
    seen, main = Watched(), psutil.Process(command.pid)
    asked = time.monotonic()
    with Reader.open(folder) as reader:
        while command.poll() is None:
            time.sleep(TICK)
            done = _progress(reader, seen)
            _memory(main, seen, done)
            if kill_at is not None and done >= kill_at:
                command.kill()
                break
            if ask and time.monotonic() - asked >= ASK_EVERY:
                asked = time.monotonic()
                _overview(reader, seen)
    seen.out, seen.errors = command.communicate()
    seen.status = command.returncode
    return seen


def _progress(reader: Reader, seen: Watched) -> int:
    """Rows judged as the newest run last reported."""
    newest = runs(reader)
    stages = {stage.stage: stage for stage in run_progress(reader, newest[0].id)} if newest else {}
    verify = stages.get("verify")
    if verify is not None and verify.done > seen.progress[-1][0]:
        seen.progress.append((verify.done, verify.seconds))
    return seen.progress[-1][0]


def _memory(main: psutil.Process, seen: Watched, done: int) -> None:
    try:
        every = [main, *main.children(recursive=True)]
        memory = sum(process.memory_info().rss for process in every)
        cpu = sum(times.user + times.system for times in (process.cpu_times() for process in every))
    except psutil.NoSuchProcess:  # it ended just now
        return
    seen.samples.append((done, memory / MEGABYTE, cpu))


def _overview(reader: Reader, seen: Watched) -> None:
    """Run the overview page's queries."""
    began = time.perf_counter()
    newest = runs(reader)
    if newest:
        funnel(run_scope(reader, newest[0].id))
        run_progress(reader, newest[0].id)
        seen.delays.append(time.perf_counter() - began)
