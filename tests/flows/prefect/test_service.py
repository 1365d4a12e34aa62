"""How the standing server is said to be: up, starting, restarting, silent, given up, killed or down, by every verb."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from flows.prefect.service import Service, Standing, find_standing, look, standing_file, write_standing
from pipelines.processes.proc import process
from tests.flows.conftest import Run


class Healthy(BaseHTTPRequestHandler):
    """Answers as a Prefect server does."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"true")

    def log_message(self, format: str, *_: object) -> None:  # noqa: A002 (the name of the base class)
        pass


@pytest.fixture
def port() -> Iterator[int]:
    """Where something answers like a Prefect server."""
    server = HTTPServer(("127.0.0.1", 0), Healthy)
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def gone() -> dict[str, int]:
    """A process that is no more."""
    child = subprocess.Popen([sys.executable, "-c", ""])
    found = {"pid": child.pid, "started": process(child.pid).started}
    child.wait()
    return found


def left(state: Path, **changes: object) -> None:
    row = json.loads(standing_file(state).read_text())
    standing_file(state).write_text(json.dumps({**row, **changes}))


def test_each_state_is_told_from_the_others(tmp_path: Path, port: int) -> None:
    assert look(tmp_path) == Service("down")
    home = tmp_path / "prefect"
    write_standing(tmp_path, port, home, "starting")
    assert look(tmp_path).status == "starting"
    write_standing(tmp_path, port, home)
    assert look(tmp_path) == Service("up", Standing(process(os.getpid()), port, home))
    assert (look(tmp_path).alive, look(tmp_path).sound) == (True, True)
    write_standing(tmp_path, port, home, "restarting", "it ended. It is started again (1 of 4).")
    assert (look(tmp_path).status, look(tmp_path).alive, look(tmp_path).sound) == ("restarting", True, False)
    write_standing(tmp_path, 1, home)
    assert (look(tmp_path).status, look(tmp_path).sound) == ("silent", False)
    write_standing(tmp_path, port, home, "gave up", "its database is damaged.")
    assert look(tmp_path).line() == "NOT SERVED: `rollmill up` gave up: its database is damaged. Next: rollmill up"
    left(tmp_path, process=gone())
    assert (look(tmp_path).status, look(tmp_path).alive) == ("gave up", False)
    left(tmp_path, status="up")
    assert (look(tmp_path).status, look(tmp_path).alive, look(tmp_path).sound) == ("killed", False, False)


def test_a_pid_that_was_reused_is_not_our_standing_server(tmp_path: Path) -> None:
    write_standing(tmp_path, 1, tmp_path / "prefect")
    assert find_standing(tmp_path) == Standing(process(os.getpid()), 1, tmp_path / "prefect")
    me = process(os.getpid())
    left(tmp_path, process={"pid": me.pid, "started": me.started - 1})
    assert find_standing(tmp_path) is None
    standing_file(tmp_path).write_text("{half")
    assert find_standing(tmp_path) is None


def test_list_doctor_and_up_agree_about_a_killed_one(toy: Path, rollmill: Run) -> None:
    state = toy / ".rollmill"
    write_standing(state, 1, state / "prefect")
    left(state, process=gone())
    said = look(state).line()
    assert said.startswith("NOT SERVED: `rollmill up` was killed (pid ")
    rollmill("schedule", "add", "toy.yaml", "--cron", "0 2 * * *")
    assert said in rollmill("schedule", "list").out
    assert json.loads(rollmill("schedule", "list", "--json").out)["service"] == "killed"
    (finding,) = [one for one in json.loads(rollmill("doctor", "--quick", "--json").out)["findings"] if one["name"] == "up"]
    assert (finding["ok"], finding["detail"]) == (False, f"{said} 1 schedules wait for it.")
    assert said in rollmill("schedule", "run-now", "toy").err
    assert json.loads(rollmill("up", "--dry-run", "--json").out) == {"up": False, "port": 4200}
    rollmill("down")
    assert look(state).status == "down"


def test_the_port_is_that_of_the_workspace(toy: Path, rollmill: Run) -> None:
    (toy / "rollmill.toml").write_text("[up]\nport = 4321\n")
    assert json.loads(rollmill("up", "--dry-run", "--json").out)["port"] == 4321
    assert json.loads(rollmill("up", "--dry-run", "--json", "--port", "0").out)["port"] == 0
    (toy / "rollmill.toml").write_text('[up]\nport = "many"\n')
    refused = rollmill("up", "--dry-run")
    assert (refused.status, "[up] port 'many' is no port. Valid: 0 (any), 1024 to 65535." in refused.err) == (2, True)
