"""The managed Prefect server with real processes: it answers, ends with its parent, and never takes another's home."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from rollmill.flows.prefect.managed import remove_private_homes
from rollmill.flows.prefect.server import child_environment, environment, user_prefect_url
from rollmill.pipelines.processes.proc import SystemProcess, process
from rollmill.storage.ledger.owners import new_file_id
from rollmill.storage.standing import healthy
from tests.flows.conftest import ROOT
from tests.waiting import until

HOLDER = """
import sys, time
from pathlib import Path
from rollmill.flows.prefect.managed import ManagedServer
server = ManagedServer(Path(sys.argv[1])).start()
server.wait()
print(server.port, server._child.pid, server.home, flush=True)
sys.stdin.readline()
server.close()
print("closed", flush=True)
"""


def holder(state: Path) -> "subprocess.Popen[str]":
    """A process that holds a managed server until it reads a line."""
    return subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(state)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def told(command: "subprocess.Popen[str]") -> tuple[int, SystemProcess, Path]:
    """Port, server process and home that a holder printed."""
    assert command.stdout is not None
    port, pid, home = command.stdout.readline().split()
    return int(port), process(int(pid)), Path(home)


@pytest.mark.services
def test_it_answers_and_ends_with_its_block(tmp_path: Path) -> None:
    command = holder(tmp_path)
    port, server, home = told(command)
    assert healthy(f"http://127.0.0.1:{port}/api")
    assert home == tmp_path / "prefect"
    assert (home / "prefect.db").exists()
    command.communicate("\n")
    assert not server.alive()
    assert not healthy(f"http://127.0.0.1:{port}/api")


@pytest.mark.services
def test_kill_9_of_the_command_leaves_no_server(tmp_path: Path) -> None:
    command = holder(tmp_path)
    _, server, _ = told(command)
    command.kill()
    command.communicate()
    assert until(lambda: not server.alive(), 180)


@pytest.mark.services
def test_two_commands_at_once_have_a_home_each_and_a_deleted_home_is_made_anew(tmp_path: Path) -> None:
    first, second = holder(tmp_path), holder(tmp_path)
    (port_1, _, home_1), (port_2, _, home_2) = told(first), told(second)
    assert port_1 != port_2
    assert healthy(f"http://127.0.0.1:{port_1}/api")
    assert healthy(f"http://127.0.0.1:{port_2}/api")
    assert {home_1 == tmp_path / "prefect", home_2 == tmp_path / "prefect"} == {True, False}
    first.communicate("\n")
    second.communicate("\n")
    assert [path.name for path in tmp_path.glob("prefect*") if path.is_dir()] == ["prefect"]
    shutil.rmtree(tmp_path / "prefect")
    third = holder(tmp_path)
    assert healthy(f"http://127.0.0.1:{told(third)[0]}/api")
    third.communicate("\n")


def test_only_the_homes_of_dead_processes_of_this_host_are_removed(
    tmp_path: Path,
) -> None:
    """The state folder may be mounted by hosts whose processes cannot be seen from here."""
    mine = new_file_id()
    dead = f"{mine[:24]}{2**22 + 1:08x}{mine[32:]}"  # beyond the highest process number
    elsewhere = f"{mine[:16]}{'0' * 8}{mine[24:]}"
    for name in (mine, dead, elsewhere):
        (tmp_path / f"prefect-{name}").mkdir()
    (tmp_path / "prefect-notes").mkdir()
    assert remove_private_homes(tmp_path) == [f"prefect-{dead}"]
    assert len(list(tmp_path.iterdir())) == 3


def test_a_users_own_prefect_settings_do_not_reach_the_server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PREFECT_API_KEY", "secret")
    monkeypatch.setenv("PREFECT_API_URL", "https://elsewhere.example/api")
    variables = child_environment(environment(tmp_path, 1234, "s3cret"))
    assert "PREFECT_API_KEY" not in variables
    assert variables["PREFECT_API_URL"] == "http://127.0.0.1:1234/api"
    assert variables["PREFECT_HOME"] == str(tmp_path)
    assert variables["PREFECT_CLIENT_CUSTOM_HEADERS"] == '{"Authorization": "Bearer s3cret"}'
    assert (variables["DO_NOT_TRACK"], variables["PREFECT_SERVER_ANALYTICS_ENABLED"]) == ("1", "false")


def test_a_process_is_told_by_its_start_time() -> None:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    found = process(child.pid)
    assert found.alive()
    stranger = SystemProcess(child.pid, found.started - 1)
    assert not stranger.alive()
    stranger.signal(signal.SIGKILL)
    assert child.poll() is None
    found.end(patience=5)
    assert child.wait() == -signal.SIGTERM
    assert not found.alive()


def test_one_that_will_not_end_is_killed() -> None:
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('x', flush=True); time.sleep(60)"
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, start_new_session=True)
    assert child.stdout is not None
    child.stdout.readline()
    process(child.pid).end(patience=0.2)
    assert child.wait() == -signal.SIGKILL
    child.stdout.close()


def test_an_address_of_ours_is_not_taken_for_the_users_and_theirs_beside_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key, value in environment(tmp_path, 1234, "s3cret").items():
        monkeypatch.setenv(key, value)
    assert user_prefect_url() == ""
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:5678/api/")
    assert user_prefect_url() == "http://127.0.0.1:5678/api"


@pytest.mark.parametrize(
    ("before", "after"),
    [({}, "127.0.0.1,localhost"), ({"NO_PROXY": "a.example"}, "a.example,127.0.0.1,localhost"),
     ({"NO_PROXY": "b", "no_proxy": "localhost"}, "localhost,127.0.0.1")],
)  # fmt: skip
def test_the_secret_goes_through_no_proxy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, before: dict[str, str], after: str
) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in before.items():
        monkeypatch.setenv(name, value)
    variables = environment(tmp_path, 1234, "s3cret")
    assert (variables["no_proxy"], variables["NO_PROXY"]) == (after, after)
