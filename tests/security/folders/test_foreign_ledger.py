"""What a `.rollmill/` or a rollmill.toml of somebody else names as a path, a database or a server."""

import json
import socket
import sqlite3
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import insert

from rollmill.ground.errors import SetupError
from rollmill.storage.artifacts.index import artifact_names
from rollmill.storage.artifacts.references import lost_indexes
from rollmill.storage.ledger.models import RetiredSegmentRow, RunRow
from rollmill.storage.segments.checking import sweep
from rollmill.storage.versions.publish import finish_interrupted
from rollmill.storage.workspace import Workspace

pytestmark = pytest.mark.security


@pytest.mark.parametrize(("kind", "name"), [("completions", "../../../home/data"), ("../../../home/x", "data")])
def test_a_segment_that_a_ledger_calls_retired_is_no_path(tmp_path: Path, kind: str, name: str) -> None:
    with Workspace.init(tmp_path / "ws") as ws:
        (tmp_path / "home").mkdir()
        (tmp_path / "home/data.parquet").write_text("mine")
        (ws.state / "segments/completions").mkdir(parents=True)
        with ws.ledger.write() as session:
            session.execute(insert(RetiredSegmentRow), {"id": name, "kind": kind, "retired_at": 0.0})
        with pytest.raises(SetupError, match="which no segment is called"):
            sweep(ws.segments.registry, ws.segments.place)
    assert (tmp_path / "home/data.parquet").read_text() == "mine"


@pytest.mark.parametrize(
    ("number", "content"),
    [("", "/keys"), ("1/../../../../keys/", "ab" * 32), (1, "/../../.."), (True, "ab" * 32), (-1, "ab" * 32)],
)
def test_a_publication_of_somebody_else_replaces_no_folder(tmp_path: Path, number: object, content: str) -> None:
    """`datasets/d/v-` may be a folder here; a link there is refused before."""
    with Workspace.init(tmp_path / "ws") as ws:
        keys = ws.datasets / "d/v-/keys"
        keys.mkdir(parents=True)
        (keys / "id").write_text("mine")
        (ws.datasets / "d/.partial-v-/keys").mkdir(parents=True)
        row = {"kept_hash": "", "scores_hash": "", "recipe_hash": "", "parent": None, "created_at": ""}
        counts = {"problems": 1, "rows": 1, "kept": 1}
        (ws.state / "publishing").mkdir()
        (ws.state / "publishing/d.json").write_text(
            json.dumps({"number": number, "content_hash": content, **row, **counts})
        )
        with pytest.raises(SetupError, match=r"d\.json is no publication that was interrupted"):
            finish_interrupted(ws)
        assert (keys / "id").read_text() == "mine"


@pytest.mark.parametrize("url", ["sqlite:///{place}", "sqlite:///../home/app.db"])
def test_the_database_of_another_program_is_no_ledger(tmp_path: Path, url: str) -> None:
    (tmp_path / "home").mkdir()
    place = tmp_path / "home/app.db"
    with sqlite3.connect(place) as database:
        database.execute("CREATE TABLE cookies (value TEXT)")
    database.close()
    before = place.read_bytes()
    Workspace.init(tmp_path / "ws").close()
    (tmp_path / "ws/rollmill.toml").write_text(f'[ledger]\nurl = "{url.format(place=place)}"\n')
    with (
        Workspace.open(tmp_path / "ws") as ws,
        pytest.raises(SetupError, match="with the table 'cookies': it is no ledger"),
    ):
        ws.runs.list()
    assert place.read_bytes() == before
    assert [path.name for path in (tmp_path / "home").iterdir()] == ["app.db"]


@pytest.fixture
def listener() -> Iterator[tuple[int, list[bytes]]]:
    """A server that asks each client of PostgreSQL for its password in clear, and what it got."""
    got: list[bytes] = []
    server = socket.create_server(("127.0.0.2", 0))

    def serve() -> None:
        while True:
            try:
                client, _ = server.accept()
            except OSError:
                return
            with client:
                client.settimeout(5)
                (length,) = struct.unpack("!I", client.recv(4))
                client.recv(length - 4)
                if length == 8:  # a wish for encryption
                    client.sendall(b"N")
                    (length,) = struct.unpack("!I", client.recv(4))
                    client.recv(length - 4)
                client.sendall(b"R" + struct.pack("!II", 8, 3))
                got.append(client.recv(200))

    threading.Thread(target=serve, daemon=True).start()
    yield server.getsockname()[1], got
    server.close()


def test_a_password_of_the_environment_goes_to_no_host_of_a_folder(
    tmp_path: Path, listener: tuple[int, list[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    port, got = listener
    monkeypatch.setenv("PGPASSWORD", "top-secret")
    monkeypatch.setenv("PGHOST", "db.example")
    Workspace.init(tmp_path).close()
    for url in (f"postgresql://me@127.0.0.2:{port}/x", f"postgresql://me@/x?host=127.0.0.2&port={port}"):
        (tmp_path / "rollmill.toml").write_text(f'[ledger]\nurl = "{url}"\n')
        with Workspace.open(tmp_path) as ws, pytest.raises(SetupError) as refused:
            ws.runs.list()
        assert "would send the password in PGPASSWORD to '127.0.0.2'" in refused.value.message
    assert got == []
    monkeypatch.setenv("PGHOST", "127.0.0.2")  # the person's own word
    with Workspace.open(tmp_path) as ws, pytest.raises(SetupError) as refused:
        ws.runs.list()
    assert "PGPASSWORD" not in refused.value.message
    assert b"top-secret" in got[0]


def test_a_folder_with_the_name_of_a_command_is_no_dataset(tmp_path: Path) -> None:
    """Its name would stand in `Next: rollmill dataset pull NAME`, which a person pastes into a shell."""
    for name in ("$(touch x)", "a;b", "mini", "-rf"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "index.json").write_text("{}")
    assert artifact_names(tmp_path) == ["mini"]
    for name in ("$(touch y)", "mine"):
        (tmp_path / name / "v1-49ffb9f3").mkdir(parents=True)
    assert lost_indexes(tmp_path) == ["mine"]


@pytest.mark.parametrize("name", ["$(touch x)", "a;b", "a b", "-rf", "a\nb", "`x`"])
def test_a_run_with_the_name_of_a_command_is_not_shown(tmp_path: Path, name: str) -> None:
    row = {
        "name": "mini",
        "recipe": {},
        "recipe_hash": "",
        "status": "done",
        "started_at": 0.0,
        "summary": {},
        "pauses": [],
    }
    with Workspace.init(tmp_path) as ws:
        with ws.ledger.write() as session:
            session.execute(insert(RunRow), {"id": name, **row})
        with pytest.raises(SetupError, match="which nothing of Rollmill's has"):
            ws.runs.list()
