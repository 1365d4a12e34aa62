"""Processes at work on runs, on any host: a lease per command, for cancelling a run and detecting a killed one.

Knows processes and run ids; the run's own status is the last report of a command.
"""

import os
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace

from storage.ground.errors import RollmillError
from storage.ledger.leases import Lease, Leases
from storage.ledger.owners import Owner, new_file_id
from storage.runs import Run, Runs

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


def cancel(leases: Leases, run: str) -> int:
    """Ask every process of a run on this host to stop, as Ctrl-C would; the number of processes."""
    return stop(workers_of(leases).get(run, []))


def stop(owners: Sequence[Owner]) -> int:
    """Ask those of these processes that live on this host to stop, as Ctrl-C would; the number of processes."""
    # Only processes seen alive: another host's process number may belong to any process here.
    workers = [worker for worker in owners if worker.alive()]
    for worker in workers:
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
