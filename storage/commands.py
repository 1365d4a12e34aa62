"""Which processes work on which run, on whatever host: a lease per command, so that a run can be cancelled and a killed
one is seen.

Knows processes and run ids; the run's own status is what a command last said about itself.
"""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

from storage.errors import RollmillError
from storage.ledger.leases import Lease, Leases
from storage.ledger.owners import Owner, new_file_id
from storage.runs import Run, Runs

RENEW_SECONDS = 20.0  # a third of a lease
_PREFIX = "command/"


@contextmanager
def working_on(leases: Leases, run: str) -> Iterator[None]:
    """Say that this process works on a run, for the length of the block."""
    lease = leases.acquire(f"{_PREFIX}{run}/{new_file_id()}")
    assert lease is not None  # its key is nobody else's
    over = threading.Event()
    renewing = threading.Thread(target=_renew, args=(lease, over), name="rollmill-working-on", daemon=True)
    renewing.start()
    try:
        yield
    finally:
        over.set()
        renewing.join()
        with suppress(RollmillError):  # a ledger that is gone; the lease ends by itself
            lease.release()


def _renew(lease: Lease, over: threading.Event) -> None:
    while not over.wait(RENEW_SECONDS):
        with suppress(RollmillError):
            lease.renew()


def workers_of(leases: Leases) -> dict[str, list[Owner]]:
    """The processes of each run: those seen to live on this host, and those of others whose leases last."""
    workers: dict[str, list[Owner]] = {}
    for key, worker in leases.holders(_PREFIX):
        run = key.removeprefix(_PREFIX).rpartition("/")[0]
        if worker not in workers.setdefault(run, []):
            workers[run].append(worker)
    return workers


def cancel(leases: Leases, run: str) -> int:
    """Ask every process of a run on this host to stop as Ctrl-C would; how many were asked."""
    # Only those seen to live: on this host the number of another host's process may be anybody's.
    workers = [worker for worker in workers_of(leases).get(run, []) if worker.alive()]
    for worker in workers:
        with suppress(ProcessLookupError):
            os.kill(worker.pid, signal.SIGTERM)
    return len(workers)


def as_it_is(runs: Runs, leases: Leases, listed: list[Run]) -> list[Run]:
    """The runs with the status `killed` where the ledger says running and no process works on it."""
    working = workers_of(leases) if any(run.status == "running" for run in listed) else {}
    return [run if run.status != "running" or run.id in working else _dead(runs.get(run.id)) for run in listed]


def _dead(run: Run) -> Run:
    """It may have ended since it was listed."""
    return replace(run, status="killed") if run.status == "running" else run
