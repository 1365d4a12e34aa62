"""Commands that a page starts without waiting: a run continues after the page, and the dashboard, are closed.

What such a command prints is in a file of the workspace, which the run's page shows. A thread of each follows it: it finds
the run that the process works on, names the file after that, and writes down the exit status.
"""

import os
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rollmill.dashboards.session.commands import may_write, typed
from rollmill.dashboards.session.scope import reader
from rollmill.kind import Kind, Result
from rollmill.kinds import FIRST, kind_of_verb
from rollmill.pipelines.processes.spawn import environment, module_command, spawn_apart
from rollmill.storage.queries import Reader, runs
from rollmill.storage.queries.models.experiments import experiment_of_process
from rollmill.storage.queries.models.progress import training_of_process
from rollmill.storage.queries.run_history import output_folder

if TYPE_CHECKING:
    import subprocess

LOOK = 0.3  # seconds between two looks at a command
MOST_SHOWN = 20_000  # characters of output


@dataclass
class Started:
    """A command. `log`: the file for its output; `run`: the run, training, trial or loop that it works on, once that is
    known; `status`: its exit status, None while it runs.
    """

    words: tuple[str, ...]
    log: Path
    begun: float
    child: "subprocess.Popen[bytes]"
    run: str | None = None
    status: int | None = None

    @property
    def kind(self) -> Kind | None:
        """The kind of its verb; None for a command that begins no job."""
        return kind_of_verb(self.words[0])

    @property
    def result(self) -> Result:
        """Name of the run or experiment that it works on; empty if the page follows its end alone."""
        kind = FIRST if self.words[0] == "runs" else self.kind  # `runs resume`
        return "" if kind is None else kind.result

    @property
    def output(self) -> str:
        """The end of its output, below the command."""
        try:
            return self.log.read_text(encoding="utf-8", errors="replace")[-MOST_SHOWN:]
        except OSError:
            return ""


_started: dict[tuple[str, ...], Started] = {}
_lock = threading.Lock()


def start(arguments: Sequence[str]) -> Started | None:
    """Start `rollmill ARGUMENTS`, without a shell; where the same command runs already, that one. None for a session that
    may not write.
    """
    if not may_write():
        return None
    words = tuple(arguments)
    with _lock:
        before = _started.get(words)
        if before is not None and before.status is None:
            return before
        begun = time.time()
        log = output_folder(reader()) / f"{words[0]}.{int(begun * 1000)}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(log, os.O_CREAT | os.O_WRONLY, 0o600), "w", encoding="utf-8") as file:
            file.write(f"$ {typed(words)}\n")
        command = module_command("rollmill.flows.cli", "-C", str(reader().root), *words)
        child = spawn_apart(command, environment(os.environ.get("PYTHONPATH")), log)
        started = _started[words] = Started(words, log, begun, child)
    threading.Thread(target=_follow, args=(started, reader()), name="rollmill-started", daemon=True).start()
    return started


def _follow(started: Started, source: Reader) -> None:
    """Follow a command to its end."""
    works = started.result == "run"
    while (status := started.child.poll()) is None:
        if started.run is None and works:
            _found(started, source.run_of_process(started.child.pid))
        elif started.run is None and started.result == "training":
            _found(started, training_of_process(source, started.child.pid))
        elif started.run is None and started.result == "experiment":
            _found(started, experiment_of_process(source, started.child.pid))
        time.sleep(LOOK)
    if works and started.run is None:  # it ended between two looks
        ended = (run for run in runs(source) if run.finished_at and run.finished_at.timestamp() >= started.begun - 1)
        _found(started, next((run.id for run in ended if _is_of(run.recipe.get("job"), started, source)), None))
    with started.log.open("a", encoding="utf-8") as file:
        file.write(f"[{'done' if status == 0 else f'exit status {status}'}]\n")
    started.status = status


def _found(started: Started, run: str | None) -> None:
    """Name the output after its run or training, which finds it by that name."""
    if run is not None:
        named = started.log.with_name(f"{run.replace('/', '-')}.{int(started.begun * 1000)}.log")
        started.log.rename(named)  # the command writes on into it
        started.log, started.run = named, run


def _is_of(job: object, started: Started, source: Reader) -> bool:
    """True if a run was begun by a command on the same recipe."""
    return isinstance(job, dict) and job.get("recipe") == str((source.root / started.words[1]).resolve())
