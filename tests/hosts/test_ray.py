"""A Ray cluster over three hosts, of which two judge, and one may lose its raylet: the content is that of one machine."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest
import ray

from tests.flows.conftest import finish
from tests.hosts.conftest import ROWS, WORKERS, Cluster, Outcome, on_one_machine, outcome_of, write
from tests.hosts.network import HERE, Host, Network
from tests.hosts.project import CURATE
from tests.hosts.services import served
from tests.pipelines.generate.http.serving import Serving
from tests.waiting import until

pytestmark = [pytest.mark.hosts, pytest.mark.long, pytest.mark.timeout(900)]  # long: three Rays want two cores
GCS, CLIENTS, PART = 6379, 10001, 4  # ports; rows of a task
RAYLET = str(Path(ray.__file__).parent / "core/src/ray/raylet/raylet")
PROFILE = f"ray: {{address: 'ray://store:{CLIENTS}', rows: {PART}}}\n"
MINE = """\
import os
import time
from pathlib import Path
from rollmill.pipelines.verify.number import NumberVerifier


class Mine(NumberVerifier):
    name = "mine"
    version = "1"

    def verify(self, problem, completion):
        with Path(os.environ.get("JUDGED", "/mnt/judged")).open("a") as log:
            log.write(f"{completion.id}\\n")
        time.sleep(0.05)
        return super().verify(problem, completion)
"""


@pytest.fixture(scope="module")
def raylets(hosts: Network, prefect_server: None) -> Iterator[None]:
    """Raylets on the three hosts: the one of `store` leads and judges nothing.

    Each task tells Prefect of itself from where it runs: the server that a command manages is on its own host alone.
    """
    settings = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_raylet_start_wait_time_s": "120"}
    common = ("--disable-usage-stats", "--block", f"--temp-dir={HERE}/ray", "--object-store-memory=80000000")

    def begin(host: Host, *arguments: str) -> "subprocess.Popen[str]":
        command = (sys.executable, "-m", "ray.scripts.scripts", "start", *common, f"--node-ip-address={host.address}")
        return host.serve("ray", *command, *arguments, **settings)

    store = hosts["store"]
    head = ("--head", "--num-cpus=0", "--include-dashboard=false", f"--port={GCS}", f"--ray-client-server-port={CLIENTS}")
    with ExitStack() as stack:
        stack.enter_context(served(store, begin(store, *head), "ray", CLIENTS))
        for name in WORKERS:
            stack.callback(begin(hosts[name], "--num-cpus=1", f"--address={store.address}:{GCS}").kill)
            assert until(partial(hosts[name].running, RAYLET), 240)
        yield


@pytest.fixture(scope="module")
def judged_here(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """What the recipe with the user's own verifier gives on one machine without Ray."""
    folder = tmp_path_factory.mktemp("judged_here") / "ws"
    with Serving() as server:
        write(folder, [server.url])
        with_own_verifier(folder)
        return on_one_machine(folder, JUDGED=str(folder / "judged"))


def with_own_verifier(folder: Path) -> None:
    """Let the recipe judge with the user's own file."""
    (folder / "mine.py").write_text(MINE)
    recipe = (folder / "shared.yaml").read_text()
    (folder / "shared.yaml").write_text(f"{recipe}verify:\n  - method: mine.py:Mine\n")


@pytest.mark.parametrize("killed", [False, True], ids=["", "killed"])
def test_verdicts_of_two_raylets_are_those_of_one_machine(
    cluster: Cluster, raylets: None, judged_here: Outcome, killed: bool
) -> None:
    """A raylet that is killed takes its worker along: Ray judges elsewhere what they had under way."""
    logs = [cluster[name].disk / "judged" for name in WORKERS]
    for name, log in zip(WORKERS, logs, strict=True):
        log.unlink(missing_ok=True)
        with_own_verifier(cluster[name].disk / "ws")
    profile = cluster["left"].disk / "ws/servers.yaml"
    profile.write_text(profile.read_text() + PROFILE)
    command = cluster["left"].rollmill(*CURATE)
    if killed:
        assert until(lambda: logs[1].exists() and len(logs[1].read_text().split()) >= 2 * PART, 400)
        assert cluster["right"].kill(RAYLET) == 1
    outcome = outcome_of(finish(command, 800))
    assert outcome["content_hash"] == judged_here["content_hash"]
    assert cluster.requests().total() == ROWS  # nothing was drawn twice
    there = [log.read_text().split() for log in logs]
    assert all(there)
    assert len({*there[0], *there[1]}) == ROWS
    assert ROWS <= len(there[0]) + len(there[1]) <= ROWS + (2 * PART if killed else 0)
