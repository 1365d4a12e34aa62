"""Places in rollmill.toml, which travels with a clone: they name a store or a database, and nothing that is loaded."""

from pathlib import Path

import pytest

from rollmill.ground.errors import SetupError
from rollmill.storage.segments.place import place_for
from rollmill.storage.workspace import Workspace

pytestmark = pytest.mark.security


@pytest.mark.parametrize(
    "url",
    [
        "reference::{folder}/refs.json",
        "simplecache::s3://bucket/x",
        "s3://bucket/x::file:///etc",
        "zip://x::file://{folder}/x.zip",
        "dvc://{folder}",
        "git://{folder}",
        "github://owner:name@main/x",
        "jupyter://host/x",
        "dask::file://{folder}",
        "data://x",
        "http://127.0.0.1:9/x",
        "S3://bucket/x",
    ],
)
def test_segments_lie_in_a_folder_or_a_store_that_is_known(tmp_path: Path, url: str) -> None:
    named = url.format(folder=tmp_path)
    with pytest.raises(SetupError, match="is not a place for segments"):
        place_for(named, tmp_path / ".rollmill", tmp_path)


def test_a_list_of_references_in_a_clone_is_not_read(tmp_path: Path) -> None:
    Workspace.init(tmp_path).close()
    (tmp_path / "refs.json").write_text('{"version": 1, "templates": {}, "refs": {"a": "{{ 1/0 }}"}}')
    (tmp_path / "rollmill.toml").write_text(f'[segments]\nurl = "reference::{tmp_path}/refs.json"\n')
    with Workspace.open(tmp_path) as ws, pytest.raises(SetupError, match="is not a place for segments"):
        ws.segments.check_at_start()


@pytest.mark.parametrize(
    "url",
    [
        "mssql+pyodbc://host/x?driver=/tmp/evil.so",
        "postgresql+pg8000://host/x",
        "oracle+cx_oracle://host/x",
        "duckdb:///x",
        "postgresql://127.0.0.1:9/x?plugin=evil",
        "postgresql://127.0.0.1:9/x?sslkey=engine:/tmp/evil:key",
        "postgresql://127.0.0.1:9/x?service=evil",
        "postgresql://127.0.0.1:9/x?passfile=/tmp/evil",
        "postgresql://127.0.0.1:9/x?prepare_threshold=1",
    ],
)
def test_the_url_of_a_ledger_loads_no_driver_and_no_library(tmp_path: Path, url: str) -> None:
    Workspace.init(tmp_path).close()
    (tmp_path / "rollmill.toml").write_text(f"[ledger]\nurl = '{url}'\n")
    with pytest.raises(SetupError, match=r"(is of no database that a ledger can be in|which a ledger's URL may not)"):
        Workspace.open(tmp_path).ledger.must_write()
