"""One Prefect server on a host, `rollmill up` on two others: one schedule is served by both, and outlives one of them."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.flows.conftest import finish
from tests.hosts.conftest import BATCH, IN_FLIGHT, ROWS, WORKERS, Cluster, Outcome
from tests.hosts.network import Host
from tests.hosts.project import NAME
from tests.waiting import until

pytestmark = [pytest.mark.hosts, pytest.mark.timeout(600)]
FLOW = ("rollmill.flows.prefect.scheduled",)  # of the process in which a runner has a flow
ADD = ("schedule", "add", "shared.yaml", "--every", "12h", "--profile", "servers.yaml", "--overlap", "skip")
ASK = """
import json, sys, time, urllib.error, urllib.request

def ask(path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(sys.argv[1] + path, data, {"Content-Type": "application/json"})
    for waited in range(120):
        try:
            return json.load(urllib.request.urlopen(request, timeout=120))
        except urllib.error.HTTPError as error:  # the server says so where its SQLite is locked, and did nothing then
            if error.code != 503 or waited == 119:
                raise
        time.sleep(1)

name, verb, *ids = sys.argv[2:]
if verb == "start":
    deployment = ask(f"/deployments/name/curate/{name}")["id"]
    run = ask(f"/deployments/{deployment}/create_flow_run", {"state": {"type": "SCHEDULED"}})
    print(run["id"])
else:
    while (states := {ask(f"/flow_runs/{id}")["state_type"] for id in ids}) & {"SCHEDULED", "PENDING", "RUNNING"}:
        time.sleep(0.5)
    print(*states)
"""


def asked(host: Host, *arguments: str) -> str:
    """What Prefect's server answers a host: the id of a run that is started, or how runs ended."""
    said = finish(host.python("-c", ASK, host.network.environment["PREFECT_API_URL"], NAME, *arguments), 400)
    assert said.status == 0, said.err
    return said.out.strip()


def firings(host: Host) -> list[dict[str, Any]]:
    """The last firings of the schedule, the newest first, as a host sees them."""
    said = finish(host.rollmill("schedule", "list", "--json"), 240)
    assert said.status == 0, said.err
    [schedule] = json.loads(said.out)["schedules"]
    rows: list[dict[str, Any]] = schedule["last_five"]
    return rows


@pytest.fixture
def workers(cluster: Cluster, prefect_server: None) -> Iterator[Cluster]:
    """The schedule is added on both hosts, and both serve it."""
    with ExitStack() as stack:
        adding = [cluster[name].rollmill(*ADD) for name in WORKERS]
        assert [finish(process, 240).status for process in adding] == [0, 0]
        for name in WORKERS:
            (cluster[name].disk / "ws/.rollmill/up.json").unlink(missing_ok=True)
            up = cluster[name].serve(
                "up", *cluster[name].rollmill_command("up", "--foreground", "--dashboard", "0", "--runs", "1")
            )
            stack.callback(up.kill)
        states = [cluster[name].disk / "ws/.rollmill/up.json" for name in WORKERS]
        ready = until(lambda: all(path.exists() and json.loads(path.read_text())["status"] == "up" for path in states), 300)
        assert ready, [(cluster[name].disk / "up.log").read_text() for name in WORKERS]
        yield cluster


def test_two_firings_at_once_are_worked_on_by_both_hosts(workers: Cluster, alone: Outcome) -> None:
    adding = [workers[name].rollmill(*ADD[:-1], "allow") for name in WORKERS]
    assert [finish(process, 240).status for process in adding] == [0, 0]
    left, right = (workers[name] for name in WORKERS)
    runs = [asked(left, "start") for _ in range(2)]
    working: set[str] = set()  # hosts that were seen with a flow: on a slow machine one may end before the other begins

    def both_seen() -> bool:
        working.update(host.name for host in (left, right) if host.running(*FLOW))
        return len(working) == 2

    assert until(both_seen, 300), working
    assert asked(left, "end", *runs) == "COMPLETED"
    for host in (left, right):
        index = json.loads((host.disk / f"ws/datasets/{NAME}/index.json").read_text())
        assert [version["content_hash"] for version in index["versions"]] == [alone["content_hash"]]
    assert [row["status"] for row in firings(right)] == ["done", "done"]
    assert (len(workers.requests()), workers.paid()) == (ROWS, 0)


@pytest.mark.long  # what is under way at the kill differs from run to run, and so do its seconds
def test_a_worker_that_is_killed_is_followed_by_that_of_another_host(workers: Cluster, alone: Outcome) -> None:
    """Its firing ends with its lease, and the next one of the same schedule goes on with its run."""
    left, right = (workers[name] for name in WORKERS)
    run = asked(left, "start")
    assert until(lambda: left.running(*FLOW) or right.running(*FLOW), 120)
    worker, other = (left, right) if left.running(*FLOW) else (right, left)
    [up] = [process for process in worker.running("rollmill.flows.cli") if "--foreground" in process.cmdline()]
    assert until(lambda: workers.requests().total() > ROWS // 8, 300)
    up.kill()
    assert until(lambda: not worker.running(*FLOW))  # a run dies with the worker that has it
    before = workers.requests().total()
    assert until(lambda: firings(other)[0]["status"] == "killed", 150)
    assert workers.requests().total() <= min(before + 2 * 2 * IN_FLIGHT, ROWS - 1)  # what was on its way is answered still

    again = asked(other, "start")
    assert asked(other, "end", again) == "COMPLETED"
    newest, killed = firings(other)
    assert (newest["status"], killed["status"]) == ("done", "killed")
    assert newest["run"] == killed["run"] or killed["run"] is None
    index = json.loads((other.disk / f"ws/datasets/{NAME}/index.json").read_text())
    assert index["versions"][-1]["content_hash"] == alone["content_hash"]
    assert len(workers.requests()) == ROWS
    assert workers.paid() <= 2 * BATCH + 2 * 2 * IN_FLIGHT  # its open batches, and what it had asked its servers
    assert run != again
