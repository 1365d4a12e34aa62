"""Another user of the machine who takes a port or a name in /tmp before us gets no secret, and stops no command."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rollmill.flows.prefect.pages import first_page_answers
from rollmill.pipelines.generate.serving.local_model import LocalModel, ServerProcess, free_port
from rollmill.pipelines.processes.proc import listens_here
from rollmill.storage.segments import instance
from tests.waiting import until

pytestmark = [pytest.mark.security, pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user")]
# As user nobody: answer each request with 200, and print what it brought.
LISTENS = """\
import os, socket, sys
import encodings.idna
from http.server import BaseHTTPRequestHandler, HTTPServer
class Taken(BaseHTTPRequestHandler):
    def do_GET(self):
        print(self.path, self.headers["Authorization"], flush=True)
        self.send_response(200)
        self.end_headers()
socket.getfqdn("127.0.0.1")  # what it imports, the other user may not read
os.setgroups([]); os.setgid(int(sys.argv[1])); os.setuid(int(sys.argv[1]))
server = HTTPServer(("127.0.0.1", 0), Taken)
print(server.server_port, flush=True)
server.serve_forever()
"""
NOBODY = 65534
# As some wrappers of servers do: the server is nobody's child, and its first process only waits.
DETACHED = """\
import subprocess, sys, time
start = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', sys.argv[1], '0'], start_new_session=True)"
subprocess.run([sys.executable, "-c", start, sys.argv[1]])
time.sleep(600)
"""
UNCHECKED = """\
import sys
from pathlib import Path
from rollmill.ground.errors import SetupError
from rollmill.pipelines.generate.serving import LocalModel, LocalServers
servers = LocalServers([LocalModel(Path(), "tiny", "tiny", Path(sys.argv[1]), program=sys.argv[2:], replicas=2)])
try:
    servers.serving("tiny", print)
except SetupError:
    servers.close()
"""


@pytest.fixture
def taken(request: pytest.FixtureRequest) -> Iterator[tuple[int, "subprocess.Popen[str]"]]:
    """A port at which a user of the machine listens."""
    command = [sys.executable, "-c", LISTENS, str(request.param)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        yield int(process.stdout.readline()), process
        process.kill()


def heard(process: "subprocess.Popen[str]") -> str:
    process.kill()
    return process.communicate()[0]


@pytest.mark.parametrize("taken", [NOBODY], indirect=True)
def test_who_takes_the_dashboard_s_port_gets_no_token(taken: tuple[int, "subprocess.Popen[str]"]) -> None:
    """The port was free when the command looked, and the pages' process takes seconds until it listens."""
    port, process = taken
    assert not listens_here(port)
    assert not first_page_answers(port, "secret")
    assert heard(process) == ""


@pytest.mark.parametrize("taken", [0], indirect=True)
def test_a_server_of_this_user_is_asked(taken: tuple[int, "subprocess.Popen[str]"]) -> None:
    port, process = taken
    assert first_page_answers(port, "secret")
    assert "Bearer secret" in heard(process)
    assert not listens_here(port)


@pytest.mark.parametrize("taken", [NOBODY, 0], indirect=True)
def test_who_takes_a_model_server_s_port_is_not_taken_for_it(
    taken: tuple[int, "subprocess.Popen[str]"], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """It would get the prompts, and write the completions; another process of the person too, by accident."""
    port, process = taken
    model = LocalModel(Path(sys.executable), "tiny", "tiny", tmp_path, env={"PYTHONPATH": str(tmp_path)})
    server = ServerProcess(model, port, "secret", tmp_path / "log")
    try:
        end = time.monotonic() + 2
        while time.monotonic() < end:
            assert server.health() is None
            assert not server.has_port()
        assert ("a process that it did not start listens" in server.strangers()) == (
            request.node.callspec.params["taken"] == 0
        )
    finally:
        server.close()
    assert heard(process) == ""


def test_a_model_server_that_a_program_of_the_profile_starts_in_a_session_of_its_own_has_its_port(tmp_path: Path) -> None:
    port = free_port()
    command = [
        sys.executable,
        "-c",
        DETACHED,
        LISTENS.replace('HTTPServer(("127.0.0.1", 0)', f"HTTPServer(('127.0.0.1', {port})"),
    ]
    server = ServerProcess(LocalModel(Path(), "tiny", "tiny", tmp_path, program=command), port, "secret", tmp_path / "log")
    try:
        assert until(lambda: server.health() == 200, 30), server.last_lines(20)
        assert server.has_port()
    finally:
        server.close()
    assert not listens_here(port)


def test_without_proc_one_line_says_that_nobody_checks_who_listens(tmp_path: Path) -> None:
    script = ["unshare", "-rm", "sh", "-c", 'mount -t tmpfs none /proc && exec "$@"', "sh"]
    program = [sys.executable, "-c", UNCHECKED, str(tmp_path), sys.executable, "-c", "import time; time.sleep(2)"]
    done = subprocess.run([*script, *program], capture_output=True, text=True, timeout=60)
    assert done.stderr.count("no /proc/net/tcp here") == 1, done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("kind", ["file", "link", "link to a folder", "folder"])
def test_a_name_in_tmp_that_another_user_took_stops_no_query(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / f"rollmill-duckdb-{os.getuid()}"
    if kind == "file":
        place.touch()
    elif kind == "folder":
        place.mkdir()
    else:
        place.symlink_to(tmp_path / "other" if kind == "link" else tmp_path)
    os.chown(place, NOBODY, NOBODY, follow_symlinks=False)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    instance._spill.cache_clear()
    try:
        spill = instance._spill()
    finally:
        instance._spill.cache_clear()
    assert spill != place
    assert spill.stat().st_mode & 0o7777 == 0o700
    assert spill.stat().st_uid == os.getuid()


def test_free_ports_are_those_of_nobody() -> None:
    assert not listens_here(free_port())
