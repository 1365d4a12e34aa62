"""Servers of our own, with a toy in vLLM's place: their start, their death, their return, and nothing left of them."""

import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from rollmill.ground.errors import SetupError
from rollmill.pipelines.generate.calls import Interruption
from rollmill.pipelines.generate.serving import LocalModel, LocalServers
from rollmill.pipelines.generate.serving.local_servers import ServerEvent
from tests.pipelines.generate.serving.toy_model import HERE, alive, born, gone, toy_model
from tests.waiting import until

pytestmark = pytest.mark.integration


def ignore(_: SetupError) -> None:
    """The listener of whoever does not care."""


@contextmanager
def servers(model: LocalModel) -> Iterator[tuple[LocalServers, list[ServerEvent]]]:
    events: list[ServerEvent] = []
    made = LocalServers([model], events.append)
    try:
        yield made, events
    finally:
        made.close()


def status(url: str, key: str | None) -> int:
    request = urllib.request.Request(f"{url}/chat/completions", b'{"model": "toy", "messages": [{"content": "1 + 1"}]}')
    request.add_header("Content-Type", "application/json")
    if key is not None:
        request.add_header("Authorization", f"Bearer {key}")
    try:
        with urllib.request.urlopen(request, timeout=30) as reply:
            return int(reply.status)
    except urllib.error.HTTPError as error:
        error.close()
        return int(error.code)


def test_nothing_starts_before_it_is_asked_for_and_nothing_is_left_after(tmp_path: Path) -> None:
    with servers(toy_model(tmp_path, {"TOY_AWAY": "1"}, concurrency=9)) as (local, events):
        assert local.names == ("toy",)
        assert born(tmp_path) == []
        (server,) = local.serving("toy", ignore)
        (again,) = local.serving("toy", ignore)
        assert again == server
        assert (server.concurrency, server.models) == (9, ("toy",))
        assert server.url.startswith("http://127.0.0.1:")
        assert server.key is not None
        assert status(server.url, server.key) == 200
        assert status(server.url, "another") == 401
        (one,) = born(tmp_path)
        assert [part.state for part in events if part.state != "starting"] == ["up"]
        assert server.key not in repr(server)
    assert gone(one)
    assert events[-1].state == "ended"
    local.close()


@pytest.mark.parametrize("whole_group", [False, True])
def test_a_kill_of_the_command_leaves_no_process(tmp_path: Path, *, whole_group: bool) -> None:
    """The thread that started the server has ended by then; its process ignores SIGTERM and has a session of its own."""
    script = f"""
import sys, threading, time
from pathlib import Path
from rollmill.pipelines.generate.serving import LocalServers
from tests.pipelines.generate.serving.toy_model import toy_model
local = LocalServers([toy_model(Path({str(tmp_path)!r}), {{"TOY_AWAY": "1"}})])
thread = threading.Thread(target=lambda: local.serving("toy", print))
thread.start()
thread.join()
print("up", flush=True)
time.sleep(600)
"""
    env = {**os.environ, "PYTHONPATH": str(HERE.parents[3])}
    command = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, env=env, start_new_session=True)
    assert command.stdout is not None
    assert command.stdout.readline() == b"up\n"
    (one,) = born(tmp_path)
    assert alive(one.engine)
    os.killpg(command.pid, signal.SIGKILL) if whole_group else command.kill()
    command.wait()
    command.stdout.close()
    assert gone(one)


def test_a_server_that_dies_is_started_again_on_its_port_and_its_remains_are_gone(tmp_path: Path) -> None:
    lost: list[SetupError] = []
    with servers(toy_model(tmp_path, restarts=1)) as (local, events):
        (server,) = local.serving("toy", lost.append)
        (first,) = born(tmp_path)
        os.kill(first.server, signal.SIGKILL)
        assert until(lambda: [part.state for part in events].count("up") == 2)
        assert gone(first)
        assert status(server.url, server.key) == 200
        assert lost == []
        second = born(tmp_path)[1]
        os.kill(second.server, signal.SIGKILL)
        assert until(lambda: lost)
        assert "ended once more after 1 restarts" in lost[0].message
        assert gone(second)
        with pytest.raises(SetupError, match="ended once more"):
            local.serving("toy", ignore)


def test_only_the_model_that_is_asked_for_starts(tmp_path: Path) -> None:
    one = toy_model(tmp_path)
    local = LocalServers([one, replace(one, name="other")])
    try:
        (server,) = local.serving("other", ignore)
        assert (local.names, server.models) == (("toy", "other"), ("other",))
        assert len(born(tmp_path)) == 1
    finally:
        local.close()


def test_a_killed_guard_takes_its_server_along(tmp_path: Path) -> None:
    with servers(toy_model(tmp_path)) as (local, events):
        local.serving("toy", ignore)
        (first,) = born(tmp_path)
        os.kill(first.guard, signal.SIGKILL)
        assert until(lambda: [part.state for part in events].count("up") == 2)
        assert gone(first)


def test_the_last_replica_is_lost_when_none_comes_back(tmp_path: Path) -> None:
    lost: list[SetupError] = []
    stop = tmp_path / "stop"
    model = toy_model(tmp_path, {"TOY_FAILS_WHEN": str(stop)}, replicas=2, restarts=5)
    with servers(model) as (local, events):
        first, second = local.serving("toy", lost.append)
        assert first.url != second.url
        assert until(lambda: [part.state for part in events].count("up") == 2)
        stop.touch()
        one, other = born(tmp_path)
        os.kill(one.server, signal.SIGKILL)
        assert until(lambda: [part.state for part in events].count("lost") == 1)
        assert lost == []
        os.kill(other.server, signal.SIGKILL)
        assert until(lambda: lost)
        assert "ended once more after 5 restarts" in lost[0].message


def test_a_restart_that_fails_is_one_of_those_that_are_allowed(tmp_path: Path) -> None:
    """As when the requests that wait for it end it before it was ever seen to answer."""
    lost: list[SetupError] = []
    stop = tmp_path / "stop"
    with servers(toy_model(tmp_path, {"TOY_FAILS_WHEN": str(stop)}, restarts=500)) as (local, events):
        (server,) = local.serving("toy", lost.append)
        stop.touch()
        os.kill(born(tmp_path)[0].server, signal.SIGKILL)
        assert until(lambda: [part.detail for part in events].count("ended (exit status 4)") >= 2)
        stop.unlink()
        assert until(lambda: [part.state for part in events].count("up") == 2)
        assert status(server.url, server.key) == 200
        assert lost == []


def test_what_dies_at_its_start_is_told_with_its_last_lines_and_without_secrets(tmp_path: Path) -> None:
    env = {"TOY_SAY": "ValueError: no such model; token tok-1234567", "HF_TOKEN": "tok-1234567"}
    with servers(toy_model(tmp_path, env)) as (local, _), pytest.raises(SetupError) as told:
        local.serving("toy", ignore)
    assert "the model server toy ended (exit status 3) while it was starting" in told.value.message
    assert "    ValueError: no such model; token [hidden] (my key is [hidden])" in told.value.message
    assert str(tmp_path / "logs" / "serve-toy-1.log") in str(told.value)
    assert (tmp_path / "logs" / "serve-toy-1.log").stat().st_mode & 0o777 == 0o600


def test_without_vllm_the_next_command_makes_it(tmp_path: Path) -> None:
    model = LocalModel(Path(sys.executable), "m", "toy", tmp_path / "logs", env={"PYTHONPATH": ""})
    with servers(model) as (local, _), pytest.raises(SetupError, match=r"Next: make vllm"):
        local.serving("toy", ignore)


def test_a_late_server_is_told_and_ended(tmp_path: Path) -> None:
    model = toy_model(tmp_path, {"TOY_SLOW": "600"}, start_seconds=4.0)
    with servers(model) as (local, _):
        with pytest.raises(SetupError, match=r"did not answer within serve.start_seconds, 4"):
            local.serving("toy", ignore)
        assert all(map(gone, born(tmp_path)))


def test_waiting_for_a_start_is_given_up_at_once(tmp_path: Path) -> None:
    caught: list[BaseException] = []

    def wait() -> None:
        try:
            local.serving("toy", ignore)
        except BaseException as error:
            caught.append(error)

    with servers(toy_model(tmp_path, {"TOY_SLOW": "600"})) as (local, events):
        thread = threading.Thread(target=wait)
        thread.start()
        assert until(lambda: events)
        local.interrupt()
        thread.join(30)
        assert [type(error) for error in caught] == [Interruption]


def test_a_missing_interpreter_and_a_taken_port_are_told(tmp_path: Path) -> None:
    nowhere = LocalModel(tmp_path / "bin" / "python", "m", "toy", tmp_path)
    with servers(nowhere) as (local, _), pytest.raises(SetupError, match=r"no interpreter .*bin/python.* make vllm"):
        local.serving("toy", ignore)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with (
            servers(toy_model(tmp_path, port=port - 1, replicas=2)) as (local, _),
            pytest.raises(SetupError, match=f"port {port} of serve.port cannot be used"),
        ):
            local.serving("toy", ignore)
    assert born(tmp_path) == []
