"""A version pushed to a stand-in of the Hub, to which huggingface_hub itself speaks: files, card, tag, refusals."""

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.flows.conftest import Curated, Run

pytestmark = pytest.mark.integration
TOKEN = "hf_" + "a" * 34


class Hub(ThreadingHTTPServer):
    """The part of the Hub's API that an upload needs; `refuse`: the status with which it answers every request."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.made: list[dict[str, Any]] = []
        self.tags: dict[str, str] = {}
        self.tokens: set[str | None] = set()
        self.refuse = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Hub

    def log_message(self, *_: object) -> None:
        """Quiet."""

    def answer(self, value: Any, status: int = 200) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        tree = [{"type": "file", "path": name, "size": len(text), "oid": "0"} for name, text in self.server.files.items()]
        self.answer(tree if "/tree/" in self.path else {"id": "me/toy", "sha": "1" * 40, "siblings": []})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        self.server.tokens.add(self.headers["Authorization"])
        if self.server.refuse:
            self.answer({"error": "refused"}, self.server.refuse)
        elif self.path == "/api/repos/create":
            self.server.made.append(json.loads(body))
            self.answer({"url": f"{self.server.url}/datasets/me/toy", "name": "me/toy"})
        elif "/preupload/" in self.path:
            names = [row["path"] for row in json.loads(body)["files"]]
            self.answer({"files": [{"path": name, "uploadMode": "regular", "shouldIgnore": False} for name in names]})
        elif "/commit/" in self.path:
            self.commit(map(json.loads, body.splitlines()))
        elif "/tag/" in self.path:
            self.server.tags[json.loads(body)["tag"]] = self.path.rpartition("/")[2]
            self.answer({})
        else:
            self.answer({"errors": [], "warnings": []})

    def commit(self, rows: Iterator[dict[str, Any]]) -> None:
        for row in rows:
            if row["key"] == "file":
                self.server.files[row["value"]["path"]] = base64.b64decode(row["value"]["content"])
        self.answer({"commitOid": "2" * 40, "commitUrl": f"{self.server.url}/datasets/me/toy/commit/{'2' * 40}"})


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    server = Hub()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", server.url)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    yield server
    server.shutdown()
    server.server_close()


def test_a_version_is_a_tagged_commit_with_its_card(toy: Path, curated: Curated, rollmill: Run, hub: Hub) -> None:
    folder = Path(curated()["path"])
    ended = rollmill("dataset", "push", "toy", "--hub", "me/toy", "--json")
    assert ended.status == 0, ended.err
    row = json.loads(ended.out)
    assert hub.made[0]["name"] == "toy"
    assert hub.made[0]["visibility"] == "private"
    assert hub.tags == {folder.name: "2" * 40}
    assert (row["tag"], row["commit"]) == (folder.name, "2" * 40)
    assert "dataset.duckdb" not in hub.files
    for name, content in hub.files.items():
        assert (folder / name).read_bytes() == content, name
    assert {"README.md", "manifest.json"} <= hub.files.keys()
    front = yaml.safe_load(hub.files["README.md"].decode().split("---")[1])
    assert "license" in front or "tags" in front
    assert hub.tokens == {f"Bearer {TOKEN}"}
    assert TOKEN not in ended.out + ended.err + b"".join(hub.files.values()).decode("latin-1")


def test_what_the_hub_refuses_is_one_line(toy: Path, curated: Curated, rollmill: Run, hub: Hub) -> None:
    curated()
    hub.refuse = 403
    refused = rollmill("dataset", "push", "toy", "--hub", "me/toy")
    assert refused.status == 2
    assert "status 403" in refused.err
    assert "Next: hf auth login" in refused.err
    bad = rollmill("dataset", "push", "toy", "--hub", "not a name")
    assert (bad.status, bad.err.count("\n")) == (2, 1)
    many = rollmill("dataset", "push", "--hub", "me/toy")
    assert "one version" in many.err
    hub.shutdown()
    hub.server_close()
    silent = rollmill("dataset", "push", "toy", "--hub", "me/toy")
    assert (silent.status, silent.err.count("\n")) == (2, 1), silent.err
    assert "the Hub does not answer" in silent.err


def test_altered_files_are_not_pushed(toy: Path, curated: Curated, rollmill: Run, hub: Hub) -> None:
    folder = Path(curated()["path"])
    (folder / "manifest.json").write_text((folder / "manifest.json").read_text() + " ")
    refused = rollmill("dataset", "push", "toy", "--hub", "me/toy")
    assert refused.status == 1
    assert "altered" in refused.err
    assert hub.files == {}
