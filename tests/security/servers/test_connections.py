"""Another user of the machine opens more connections to the servers of `rollmill up` than a process may have files.

Such a user has no secret. The servers still answer others, and their logs do not fill the disk.
"""

import http.client
import re
import resource
import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from rollmill.storage.standing import find_standing
from rollmill.storage.workspace import Workspace
from tests.flows.conftest import finish, start

pytestmark = [pytest.mark.security, pytest.mark.timeout(300)]
MANY = 1_300
FEW_FILES = ("sh", "-c", 'ulimit -Sn 1024; exec "$@"', "sh")  # what most systems allow at first
PREFECT = ("/api/health", "/", r"/assets/index-[\w-]+\.js")
DASHBOARD = ("/_stcore/health", "/", r"static/js/index\.[\w-]+\.js")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("connections") / "ws"
    Workspace.init(folder).close()
    (folder / "rollmill.toml").write_text("[up]\nport = 0\n")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    try:
        up = finish(start("up", "--dashboard", str(port), cwd=folder, before=FEW_FILES))
        assert up.status == 0, up.err
        yield folder
    finally:
        finish(start("down", cwd=folder))


@pytest.fixture
def many_files() -> Iterator[None]:
    """As many files for this process, the attacker's, as it needs."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (4_096, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def answer(port: int, path: str, **headers: str) -> tuple[int, str]:
    """Status and text of an answer; a busy machine serves the attacker's requests before it."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", path, headers=headers)
        reply = connection.getresponse()
        return reply.status, reply.read().decode("utf-8", "replace")
    finally:
        connection.close()


@pytest.mark.parametrize("server", ["prefect", "dashboard"])
@pytest.mark.parametrize("kind", ["half a head", "nothing read", "malformed"])
def test_more_connections_than_files_keep_nobody_out(folder: Path, many_files: None, server: str, kind: str) -> None:
    standing = find_standing(folder / ".rollmill")
    assert standing is not None
    port = standing.port if server == "prefect" else int(standing.dashboard.split(":")[2].split("/")[0])
    health, page, script = PREFECT if server == "prefect" else DASHBOARD
    large = re.search(script, answer(port, page)[1])
    assert large is not None
    sent = {
        "half a head": "GET / HTTP/1.1\r\nHo",
        "nothing read": f"GET /{large[0].lstrip('/')} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n",
        "malformed": f"POST / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nTransfer-Encoding: chunked\r\n\r\nnone\r\n\r\n",
    }[kind]
    with ExitStack() as stack:
        for _ in range(MANY):
            client = stack.enter_context(socket.socket())
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2_048)
            client.settimeout(30)
            with suppress(OSError):  # those that were closed already
                client.connect(("127.0.0.1", port))
                client.sendall(sent.encode())
        assert answer(port, health)[0] == 200
    log = folder / ".rollmill" / "logs" / f"{server}.log"
    assert log.stat().st_size < 1_000_000
    assert "Too many open files" not in log.read_text()


@pytest.mark.parametrize("path", ["/openapi.json", "/docs", "/docs/oauth2-redirect", "/redoc"])
def test_the_description_of_prefect_s_api_is_made_for_its_user_alone(folder: Path, path: str) -> None:
    standing = find_standing(folder / ".rollmill")
    assert standing is not None
    assert answer(standing.port, path)[0] == 401


def test_prefect_s_pages_load_and_send_nothing_elsewhere(folder: Path) -> None:
    standing = find_standing(folder / ".rollmill")
    assert standing is not None
    connection = http.client.HTTPConnection("127.0.0.1", standing.port, timeout=10)
    connection.request("GET", "/docs", headers={"Authorization": f"Bearer {standing.secret}"})
    reply = connection.getresponse()
    policy = dict(part.strip().split(" ", 1) for part in reply.headers["Content-Security-Policy"].split(";"))
    connection.close()
    assert policy["default-src"] == "'self'"  # for what is not named, such as connections
    assert policy["form-action"] == "'none'"
    assert "cdn." not in str(policy)
    assert "http" not in str(policy)
