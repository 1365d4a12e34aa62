"""`rollmill dashboard` prints its address when the first page answers, and says in a sentence what went wrong."""

import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from rollmill.ground.files import locked
from rollmill.storage.ledger.owners import this_process
from rollmill.storage.standing import lock_file, write_dashboard_address, write_standing
from rollmill.storage.workspace import Workspace
from tests.flows.conftest import ROOT, Run, finish, start
from tests.tied import tied
from tests.waiting import has_ended, until

pytestmark = pytest.mark.services


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """An empty one."""
    folder = tmp_path / "ws"
    Workspace.init(folder).close()
    return folder


@pytest.fixture
def listening() -> Iterator[int]:
    """A port at which somebody else listens."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def pages_of(command: subprocess.Popen[str]) -> list[psutil.Process]:
    """The process of the pages, as soon as it is there."""
    return psutil.Process(command.pid).children()


def status(address: str) -> int:
    with urllib.request.urlopen(address, timeout=30) as reply:
        return int(reply.status)


def test_the_address_is_printed_when_the_first_page_answers_and_a_log_gets_nothing_else(workspace: Path) -> None:
    port = free_port()
    command = start("dashboard", "--port", str(port), cwd=workspace)
    assert command.stdout is not None
    address, _, hint = command.stdout.readline().partition("   ")
    assert re.fullmatch(rf"http://127\.0\.0\.1:{port}/\?token=[\w-]{{43}}", address)
    assert hint == "(Ctrl-C ends it)\n"
    assert status(f"http://127.0.0.1:{port}/_stcore/health") == 200
    assert status(address) == 200
    pages = pages_of(command)
    command.send_signal(signal.SIGINT)
    said = finish(command)
    assert (said.status, said.out) == (0, "")
    assert "starting" not in said.err
    assert not any(page.is_running() for page in pages)


def test_a_taken_port_is_named_with_a_free_one(workspace: Path, listening: int) -> None:
    said = finish(start("dashboard", "--port", str(listening), cwd=workspace))
    assert said.status == 2
    begins = f"rollmill: port {listening} is not free (Address already in use). Next: rollmill dashboard --port "
    assert said.err.startswith(begins)
    with socket.socket() as free:
        free.bind(("127.0.0.1", int(said.err.removeprefix(begins))))


def test_a_port_taken_by_up_is_told_with_its_address(workspace: Path, listening: int) -> None:
    state = workspace / ".rollmill"
    write_standing(state, 4200, state / "prefect")
    address = f"http://127.0.0.1:{listening}/?token=right"
    write_dashboard_address(state, address)
    assert this_process().alive()
    with locked(lock_file(state)):
        said = finish(start("dashboard", "--port", str(listening), cwd=workspace))
    assert (said.status, said.err) == (
        2,
        f"rollmill: `rollmill up` serves this dashboard already: {address} Next: rollmill down\n",
    )


def test_pages_that_end_before_they_answer_are_told(workspace: Path) -> None:
    command = start("dashboard", "--port", str(free_port()), cwd=workspace)
    assert until(lambda: pages_of(command))
    pages_of(command)[0].kill()
    said = finish(command)
    assert (said.status, said.out) == (1, "")
    assert "rollmill: the dashboard ended with signal 9; its output is above. Next: rollmill dashboard" in said.err


def test_pages_end_with_the_command_even_if_it_is_killed(workspace: Path) -> None:
    command = start("dashboard", "--port", str(free_port()), cwd=workspace)
    assert until(lambda: pages_of(command))
    pages = pages_of(command)
    command.kill()
    finish(command)
    assert until(lambda: has_ended(pages[0]))


def test_a_terminal_counts_the_seconds_until_ctrl_c(workspace: Path) -> None:
    ours, theirs = pty.openpty()
    words = ["-m", "rollmill.flows.cli", "dashboard", "--port", str(free_port())]
    command = subprocess.Popen(
        tied(sys.executable, *words),
        cwd=workspace,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        text=True,
    )
    os.close(theirs)
    shown = ""
    while not re.search(r"starting, \d+\.\d s", shown):
        shown += os.read(ours, 1 << 16).decode()
    pages = pages_of(command)
    command.send_signal(signal.SIGINT)
    while True:
        try:
            shown += os.read(ours, 1 << 16).decode()
        except OSError:  # the other side was closed
            break
    assert command.wait(60) == 130
    os.close(ours)
    assert shown.endswith("\r\x1b[K\rEnded before the dashboard answered.\r\nNext: rollmill dashboard\r\n")
    assert "http://" not in shown
    assert not any(page.is_running() for page in pages)


def test_without_the_extra_no_process_is_started(rollmill: Run, workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(workspace)
    monkeypatch.setattr("rollmill.ground.errors.find_spec", lambda _: None)
    told = "this needs streamlit, which is not installed. Next: pip install 'rollmill[dashboard]'\n"
    refused = rollmill("dashboard")
    assert (refused.status, refused.out, refused.err) == (2, "", f"rollmill: {told}")
    planned = rollmill("up", "--dry-run", "--json")
    assert (json.loads(planned.out)["dashboard"], planned.err) == (0, f"No dashboard is served: {told}")
