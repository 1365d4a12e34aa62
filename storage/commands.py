"""Processes at work on runs, on any host: a lease per command, for cancelling a run and detecting a killed one.

Knows processes and run ids; the run's own status is the last report of a command.
"""

import os
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace

from rollmill.ground.errors import FoundWanting, RollmillError
from rollmill.storage.ledger.leases import Lease, Leases
from rollmill.storage.ledger.owners import Owner, new_file_id
from rollmill.storage.runs import Run, Runs

RENEW_SECONDS = 20.0  # a third of a lease
_PREFIX = "command/"


@contextmanager
def working_on(leases: Leases, run: str) -> Iterator[None]:
    """Register this process as working on a run, for the length of the block."""
    lease = leases.acquire(f"{_PREFIX}{run}/{new_file_id()}")
    assert lease is not None  # its key is unique to this command
    with renewed(lease):
        yield


@contextmanager
def renewed(lease: Lease) -> Iterator[None]:
    """Keep a lease for the length of the block, and release it."""
    over = threading.Event()
    renewing = threading.Thread(target=_renew, args=(lease, over), name="rollmill-working-on", daemon=True)
    renewing.start()
    try:
        with lease.marked():
            yield
    finally:
        over.set()
        renewing.join()
        with suppress(RollmillError):  # the ledger is gone; the lease ends by itself
            lease.release()


def _renew(lease: Lease, over: threading.Event) -> None:
    while not over.wait(RENEW_SECONDS):
        with suppress(RollmillError):
            lease.renew()


def workers_of(leases: Leases) -> dict[str, list[Owner]]:
    """The processes of each run: live ones on this host, and those of other hosts with valid leases."""
    workers: dict[str, list[Owner]] = {}
    for key, worker in leases.holders(_PREFIX):
        run = key.removeprefix(_PREFIX).rpartition("/")[0]
        if worker not in workers.setdefault(run, []):
            workers[run].append(worker)
    return workers


def stop(leases: Leases, owners: Sequence[Owner], *, dry_run: bool = False) -> int:
    """Ask those of these processes that live on this host to stop, as Ctrl-C would; the number of processes.

    FoundWanting, and none is asked, if one does not work in this workspace.
    """
    # Only processes seen alive: another host's process number may belong to any process here.
    workers = [worker for worker in owners if worker.alive()]
    for worker in workers:
        if not leases.works_here(worker):
            raise FoundWanting(
                f"the ledger names process {worker.pid}, which does not work in this folder as far as can be seen "
                f"({leases.mark} is not open in it): it is not stopped.",
                next_command=f"ps -fp {worker.pid}, and if it is to stop: kill {worker.pid}",
            )
    for worker in [] if dry_run else workers:
        with suppress(ProcessLookupError):
            os.kill(worker.pid, signal.SIGTERM)
    return len(workers)


def with_killed_status(runs: Runs, leases: Leases, listed: list[Run]) -> list[Run]:
    """The runs, with the status `killed` for a run marked as running without a process."""
    working = workers_of(leases) if any(run.status == "running" for run in listed) else {}
    return [run if run.status != "running" or run.id in working else _as_killed(runs.get(run.id)) for run in listed]


def _as_killed(run: Run) -> Run:
    """The run as killed, unless it has ended since it was listed."""
    return replace(run, status="killed") if run.status == "running" else run
