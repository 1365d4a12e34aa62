"""Attacks on a model server that the product starts: other users of the machine and pages of the web ask without its key.

The guard that vLLM loads runs here in front of a small server, in a process started exactly as vLLM is: same command line,
same environment, through the same class.
"""

import http.client
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rollmill.pipelines.generate.serving.local_model import GUEST, LocalModel, ServerProcess, free_port
from rollmill.pipelines.processes.local_server import new_secret

pytestmark = pytest.mark.security
# vLLM's module by its name: it reads --port and --middleware as vLLM does, and answers at its paths.
TOY = """\
import argparse, importlib
import uvicorn
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int); parser.add_argument("--host"); parser.add_argument("--middleware", action="append")
options, _ = parser.parse_known_args()
app = Starlette(routes=[Route("/{path:path}", lambda request: PlainTextResponse("answer"), methods=["GET", "POST"])])
for name in options.middleware:
    module, _, member = name.rpartition(".")
    app.add_middleware(getattr(importlib.import_module(module), member))
uvicorn.run(app, host=options.host, port=options.port, log_level="warning")
"""
PATHS = (
    "/v1/models", "/v1/completions", "/invocations", "/tokenize", "/score", "/pooling", "/collective_rpc", "/metrics",
    "/ping", "/version", "/docs", "/openapi.json",
)  # fmt: skip


class Served:
    """A server under its guard."""

    def __init__(self, folder: Path) -> None:
        module = folder / "packages" / "vllm" / "entrypoints" / "openai" / "api_server.py"
        module.parent.mkdir(parents=True)
        module.write_text(TOY)
        self.port, self.key = free_port(), new_secret()
        model = LocalModel(Path(sys.executable), "tiny", "tiny", folder, env={"PYTHONPATH": str(folder / "packages")})
        self.process = ServerProcess(model, self.port, self.key, folder / "log")

    def ask(self, path: str, method: str = "GET", **headers: str) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
            return connection.getresponse().status
        finally:
            connection.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    server = Served(tmp_path_factory.mktemp("model"))
    until = time.monotonic() + 60
    while server.process.health() != 200:
        assert server.process.status is None, server.process.last_lines(20)
        assert time.monotonic() < until
        time.sleep(0.1)
    yield server
    server.process.close()


@pytest.mark.parametrize("path", PATHS)
def test_no_path_answers_without_the_key(served: Served, path: str) -> None:
    for method in ("GET", "POST", "OPTIONS"):
        assert served.ask(path, method) == 401
        assert served.ask(path, method, Authorization="Bearer x") == 401
    assert served.ask(path, Authorization=f"Bearer {served.key}") == 200


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "http://evil.example"}, {"Origin": "null"}, {"Host": "evil.example:80"}, {"Sec_Fetch_Site": "none"}],
)
def test_no_page_is_answered_even_with_the_key(served: Served, headers: dict[str, str]) -> None:
    assert served.ask("/v1/models", Authorization=f"Bearer {served.key}", **headers) == 403
    assert served.ask("/health", **headers) == 403


def test_the_key_is_in_no_command_line_and_the_port_on_loopback_alone(served: Served) -> None:
    lines = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
    assert any(b"rollmill_key.RequireKey" in line for line in lines)
    assert not any(served.key.encode() in line for line in lines)
    table = Path("/proc/net/tcp").read_text() + Path("/proc/net/tcp6").read_text()
    assert [row.split()[1] for row in table.splitlines() if f":{served.port:04X} " in row and " 0A " in row] == [
        f"0100007F:{served.port:04X}"
    ]


def test_the_guard_needs_nothing_of_ours() -> None:
    assert [path.name for path in GUEST.glob("*.py")] == ["rollmill_key.py"]
    assert "VLLM_API_KEY" not in os.environ
