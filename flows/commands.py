"""Which processes work on which run: a small file per command, so that a run can be cancelled and a killed one is seen.

Knows processes and run ids; the ledger's own status is what a command last said about itself.
"""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pipelines.processes.proc import Process, process


@contextmanager
def working_on(state: Path, run: str) -> Iterator[None]:
    """Say that this process works on a run, for the length of the block."""
    me = process(os.getpid())
    path = _folder(state) / f"{me.pid}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"run": run, "pid": me.pid, "started": me.started}))
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def workers_of(state: Path) -> dict[str, list[Process]]:
    """The living processes of each run on this machine; files of dead ones are removed."""
    workers: dict[str, list[Process]] = {}
    for path in sorted(_folder(state).glob("*.json")):
        with suppress(OSError, ValueError, KeyError):
            row = json.loads(path.read_text())
            worker = Process(row["pid"], row["started"])
            if worker.alive():
                workers.setdefault(row["run"], []).append(worker)
            else:
                path.unlink(missing_ok=True)
    return workers


def cancel(state: Path, run: str) -> int:
    """Ask every process of a run to stop as Ctrl-C would; how many were asked."""
    workers = workers_of(state).get(run, [])
    for worker in workers:
        worker.signal(signal.SIGTERM)
    return len(workers)


def _folder(state: Path) -> Path:
    return state / "commands"
