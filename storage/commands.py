"""Which processes work on which run: a small file per command, so that a run can be cancelled and a killed one is seen.

Knows processes and run ids; the ledger's own status is what a command last said about itself.
"""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from storage.ledger.owners import Owner, this_process
from storage.runs import Run, Runs


@contextmanager
def working_on(state: Path, run: str) -> Iterator[None]:
    """Say that this process works on a run, for the length of the block."""
    me = this_process()
    path = _folder(state) / f"{me.pid}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"run": run, "host": me.host, "pid": me.pid, "started": me.started}))
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def workers_of(state: Path) -> dict[str, list[Owner]]:
    """The processes of each run that live; one of another host cannot be seen from here and counts as living."""
    workers: dict[str, list[Owner]] = {}
    for _, run, worker in _commands(state):
        if worker.alive() is not False:
            workers.setdefault(run, []).append(worker)
    return workers


def forget_dead(state: Path) -> None:
    """Remove what killed commands left."""
    for path, _, worker in _commands(state):
        if worker.alive() is False:
            path.unlink(missing_ok=True)


def cancel(state: Path, run: str) -> int:
    """Ask every process of a run on this host to stop as Ctrl-C would; how many were asked."""
    # Only those seen to live: on this host the number of another host's process may be anybody's.
    workers = [worker for worker in workers_of(state).get(run, []) if worker.alive()]
    for worker in workers:
        with suppress(ProcessLookupError):
            os.kill(worker.pid, signal.SIGTERM)
    return len(workers)


def as_it_is(runs: Runs, state: Path, listed: list[Run]) -> list[Run]:
    """The runs with the status `killed` where the ledger says running and no process works on it."""
    working = workers_of(state) if any(run.status == "running" for run in listed) else {}
    return [run if run.status != "running" or run.id in working else _dead(runs.get(run.id)) for run in listed]


def _dead(run: Run) -> Run:
    """It may have ended since it was listed."""
    return replace(run, status="killed") if run.status == "running" else run


def _commands(state: Path) -> Iterator[tuple[Path, str, Owner]]:
    for path in sorted(_folder(state).glob("*.json")):
        # A command that begins or ends meanwhile leaves half a file, or none.
        with suppress(OSError, ValueError, KeyError):
            row = json.loads(path.read_text())
            yield path, row["run"], Owner(row["host"], row["pid"], row["started"])


def _folder(state: Path) -> Path:
    return state / "commands"
