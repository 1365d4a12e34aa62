"""Two commands on one recipe cooperate: no row twice, nobody waits for the dead."""

import os
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from rollmill.flows.progress import Event
from rollmill.flows.rounds import QueueLimits, decide, plan_round, run_all, run_round
from rollmill.flows.rounds.drawing.batches import batches_of
from rollmill.pipelines.budget.fixed import Fixed
from rollmill.storage.ledger.leases import Lease
from rollmill.storage.workspace import Workspace
from tests.flows.rounds.together.child import toys
from tests.flows.rounds.toy import ToyEngine, calls, content, spec, workspace
from tests.forked import Forked

pytestmark = [pytest.mark.integration, pytest.mark.each_commit]

FIXED: dict[str, Any] = {"budget": Fixed(initial=4)}


def run_once(path: Path, log: Path, delay: float, **changes: Any) -> None:
    toy = spec(engine=partial(ToyEngine, log=log, delay=delay), **(FIXED | changes))
    with workspace(path) as ws, toy.open(ws) as part:
        run_all(part)
        decide(part)


def test_two_runs_at_once_share_the_work(tmp_path: Path) -> None:
    """Each has a workspace object and threads of its own, as two processes have."""
    log, ws = tmp_path / "log", tmp_path / "ws"
    workspace(ws).close()
    failures: list[BaseException] = []

    def work() -> None:
        try:
            run_once(ws, log, 0.01)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    run_once(tmp_path / "alone", tmp_path / "alone.log", 0.0)
    with workspace(ws) as shared, workspace(tmp_path / "alone") as alone:
        assert content(shared) == content(alone)
        assert shared.ledger.leases.held() == {}
    assert len(calls(log)) == len(set(calls(log))) == 32


def test_two_processes_share_the_work(tmp_path: Path) -> None:
    log, ws = tmp_path / "log", tmp_path / "ws"
    both = [Forked(toys, ws, log, 8, 0.005) for _ in range(2)]
    assert [process.end() for process in both] == [(0, ""), (0, "")]
    with workspace(ws) as shared:
        rows = content(shared)
    assert len(rows["completions"]) == len(set(calls(log))) == len(calls(log))
    assert len(rows["decisions"]) == len(rows["completions"])


def test_a_round_committed_between_two_reads_is_not_taken_for_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another command commits round 0 just after this one has read the rows and before it has counted the rounds."""
    toy = spec(**FIXED)
    with workspace(tmp_path) as ws, toy.open(ws) as mine, workspace(tmp_path) as other, toy.open(other) as theirs:
        counted = ws.runs.rounds
        late = iter([lambda: plan_round(theirs, 0)])

        def rounds(run_id: str) -> int:
            next(late, lambda: None)()
            return counted(run_id)

        monkeypatch.setattr(ws.runs, "rounds", rounds)
        assert len(plan_round(mine, 0) or []) == 32


def test_a_batch_of_a_live_owner_is_waited_for_and_one_of_a_dead_owner_is_taken(tmp_path: Path) -> None:
    waiting = threading.Event()

    def hear(event: Event) -> None:
        if event.kind == "waiting":
            waiting.set()

    with workspace(tmp_path) as ws, spec(on_event=hear, **FIXED).open(ws) as part:
        rows = plan_round(part, 0)
        assert rows is not None
        first, second = batches_of(part, rows)[:2]
        live = ws.ledger.leases.acquire(f"batch/{first.id}", 60)
        assert live is not None
        _leave_a_lease_of_a_dead_process(tmp_path, f"batch/{second.id}")

        def leave(lease: Lease) -> None:
            waiting.wait(60)
            lease.release()

        threading.Thread(target=leave, args=(live,)).start()
        result = run_round(part, rows)
        assert waiting.is_set()
        assert result.drawn == 32


def _take_a_lease_and_die(path: Path, key: str) -> None:
    assert Workspace.open(path).ledger.leases.acquire(key, 3600)
    os._exit(0)


def _leave_a_lease_of_a_dead_process(path: Path, key: str) -> None:
    assert Forked(_take_a_lease_and_die, path, key).end() == (0, "")


def test_a_lease_outlives_a_batch_that_takes_longer_than_it(tmp_path: Path) -> None:
    """Leases of .6 s, renewed; the engine sits on one batch for 1.6 s, and a second command must not draw it as well."""
    log, ws = tmp_path / "log", tmp_path / "ws"
    workspace(ws).close()
    part = {"limits": QueueLimits(lease_seconds=0.6, poll_seconds=0.05), "batch_size": 32}
    first = threading.Thread(target=run_once, args=(ws, log, 0.05), kwargs=part)
    first.start()
    while not calls(log):
        time.sleep(0.01)
    run_once(ws, log, 0.0, **part)
    first.join()
    assert len(calls(log)) == 32
