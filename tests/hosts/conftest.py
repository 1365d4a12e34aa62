"""Three hosts for tests: `store` with PostgreSQL and S3, `left` and `right` with a model server and a workspace each."""

import itertools
import json
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.flows.conftest import Said, finish, start
from tests.hosts.network import HERE, Host, Network, network
from tests.hosts.project import CURATE, places, served_by, write_project, write_servers
from tests.hosts.services import database, model, postgres, prefect, s3
from tests.pipelines.generate.http.serving import Serving

PROBLEMS, SAMPLES, BATCH, IN_FLIGHT = 24, 8, 16, 4  # in flight: at each server, of each command
ROWS = PROBLEMS * SAMPLES
WORKERS = ("left", "right")
Outcome = dict[str, Any]
_numbers = itertools.count()


@dataclass
class Cluster:
    """The hosts, and one project that is shared by two of them: a database, a prefix on S3, two workspaces."""

    network: Network
    ledger: str
    segments: str
    asked: dict[str, Path]

    def __getitem__(self, name: str) -> Host:
        return self.network[name]

    def curate(self, name: str, *arguments: str, **env: str) -> "subprocess.Popen[str]":
        """Begin the recipe on a host."""
        return self[name].rollmill(*CURATE, *(arguments or ["--direct"]), **env)

    def requests(self) -> Counter[str]:
        """How often each completion was asked for, of both servers together."""
        return Counter(line for log in self.asked.values() for line in log.read_text().splitlines())

    def paid(self) -> int:
        """Requests that were paid beyond one for each row."""
        requests = self.requests()
        return sum(requests.values()) - len(requests)


def outcome_of(said: Said) -> Outcome:
    """What a command that ended well said."""
    assert said.status == 0, said.err
    assert "Traceback" not in said.err
    outcome: Outcome = json.loads(said.out)
    return outcome


def write(folder: Path, servers: list[str], settings: str = "") -> None:
    """The project of these tests in a new workspace."""
    write_project(folder, problems=PROBLEMS, samples=SAMPLES, batch=BATCH, places=settings)
    write_servers(folder, servers, IN_FLIGHT)


def on_one_machine(folder: Path, **env: str) -> Outcome:
    """What the project in a folder gives on this machine, with SQLite and a folder of segments."""
    assert finish(start("import", "problems", "sums.jsonl", "--name", "sums", cwd=folder)).status == 0
    return outcome_of(finish(start(*CURATE, "--direct", cwd=folder, **env)))


@pytest.fixture(scope="session")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """What the recipe gives on one machine."""
    folder = tmp_path_factory.mktemp("alone") / "ws"
    with Serving() as server:
        write(folder, [server.url])
        outcome = on_one_machine(folder)
        assert len(server.bodies) == outcome["funnel"]["drawn"] == ROWS
    return outcome


@pytest.fixture(scope="module")
def hosts() -> Iterator[Network]:
    """The three hosts with their servers."""
    with ExitStack() as stack:
        made = stack.enter_context(network("store", *WORKERS))
        stack.enter_context(postgres(made["store"]))
        made.environment |= stack.enter_context(s3(made["store"]))
        for name in WORKERS:
            stack.enter_context(model(made[name]))
        yield made


@pytest.fixture(scope="module")
def prefect_server(hosts: Network) -> Iterator[None]:
    """Prefect's server on `store`, named in the environment of all hosts."""
    with prefect(hosts["store"]) as api:
        hosts.environment["PREFECT_API_URL"] = api
        yield
        del hosts.environment["PREFECT_API_URL"]


@pytest.fixture
def cluster(hosts: Network) -> Cluster:
    """A project of its own: nothing of it is stored yet but its problems."""
    name = f"project{next(_numbers)}"
    database(hosts["store"], name)
    made = Cluster(hosts, f"postgresql://rollmill@store/{name}", f"s3://{name}/segments", {})
    for worker in WORKERS:
        host = hosts[worker]
        made.asked[worker] = host.disk / "asked"
        made.asked[worker].write_text("")
        urls = served_by([hosts[other] for other in WORKERS])
        write(host.disk / "ws", urls, places(made.ledger, made.segments))
    said = finish(hosts[WORKERS[0]].rollmill("import", "problems", f"{HERE}/ws/sums.jsonl", "--name", "sums"))
    assert said.status == 0, said.err
    return made
