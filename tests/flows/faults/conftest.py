"""A recipe that draws from a server of ours, a process on loopback that misbehaves on command, and the command line."""

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from rollmill.storage.workspace import Workspace
from tests.flows.conftest import ROOT, Said, finish, start
from tests.tied import tied

CONCURRENCY = 8
BATCH = 16
TOYS = Path(__file__).parents[2] / "toys.py"
RECIPE = f"""\
recipe_schema: 1
name: served
problems: {{synthesize: "toys.py:ToyProblems", count: 24}}
generate: {{engine: openai, model: toy, max_tokens: 16, batch_size: {BATCH}}}
verify: [{{method: number}}]
budget: {{method: uniform, options: {{initial: 4, target: 5, cap: 8}}}}
select: {{method: all_correct}}
"""
PROFILE = f"""\
servers:
  - {{url: "http://127.0.0.1:PORT/v1", concurrency: {CONCURRENCY}}}
http: {{backoff_seconds: 0.05, patience: 15, reply_seconds: 1.5}}
"""
COMMAND = ("curate", "served.yaml", "--profile", "server.yaml", "--direct", "--json")
Outcome = dict[str, Any]


@dataclass
class Server:
    """The server as a process. `log` has a line for each request, whichever process of it answered."""

    log: Path
    delay: float = 0.02
    port: int = 0
    process: "subprocess.Popen[str] | None" = field(default=None, repr=False)

    @property
    def asked(self) -> int:
        return self.log.read_bytes().count(b"\n") if self.log.exists() else 0

    def start(self, trick: str = "") -> None:
        """Start it, on the port it had before; `trick`: FIRST:LAST:TRICK[:ARGUMENT]."""
        arguments = [str(self.port), str(self.log), str(self.delay), *([trick] if trick else [])]
        command = tied(sys.executable, "-m", "tests.pipelines.generate.http.serving", *arguments)
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())

    def kill(self) -> None:
        """kill -9."""
        assert self.process is not None
        self.process.kill()
        assert self.process.wait() == -signal.SIGKILL
        assert self.process.stdout is not None
        self.process.stdout.close()


@dataclass
class Place:
    """A workspace, its server and the command that is put to the test."""

    folder: Path
    server: Server

    def curate(self, **env: str) -> subprocess.Popen[str]:
        """Begin the command."""
        self.write_profile()
        return start(*COMMAND, cwd=self.folder, **env)

    def write_profile(self) -> None:
        """The profile that names the server."""
        (self.folder / "server.yaml").write_text(PROFILE.replace("PORT", str(self.server.port)))

    def outcome(self, **env: str) -> Outcome:
        """The command to its good end."""
        return outcome_of(finish(self.curate(**env)))

    def stored(self) -> list[str]:
        """The completions that are committed, each once."""
        with Workspace.open(self.folder) as ws:
            table = ws.segments.read("completions", columns=("id",))
            assert table.num_rows == sum(segment.rows for segment in ws.segments.registry.segments("completions"))
        ids: list[str] = table["id"].to_pylist()
        assert len(ids) == len(set(ids))
        return ids


def outcome_of(said: Said) -> Outcome:
    """What a command that ended well said."""
    assert said.status == 0, said.err
    outcome: Outcome = json.loads(said.out)
    return outcome


def workspace_at(folder: Path) -> Path:
    """A workspace with the recipe in it."""
    Workspace.init(folder).close()
    shutil.copyfile(TOYS, folder / "toys.py")
    (folder / "served.yaml").write_text(RECIPE)
    return folder


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """Its server is not running yet."""
    place = Place(workspace_at(tmp_path / "ws"), Server(tmp_path / "asked"))
    yield place
    if place.server.process is not None and place.server.process.poll() is None:
        place.server.kill()


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """What the recipe gives, and asks, when nothing happens to it."""
    folder = tmp_path_factory.mktemp("undisturbed")
    calm = Place(workspace_at(folder / "ws"), Server(folder / "asked", delay=0.0))
    calm.server.start()
    outcome = calm.outcome()
    calm.server.kill()
    assert calm.server.asked == outcome["funnel"]["drawn"] == len(calm.stored()) > 96
    return outcome


def same(found: Outcome, expected: Outcome) -> bool:
    """Whether two commands made the same rows of the same run."""
    names = ("content_hash", "funnel", "metrics", "run")
    return {name: found[name] for name in names} == {name: expected[name] for name in names}
