"""All matches as one file: every row, whatever its type, written batch by batch."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from rollmill.dashboards.session.export_matches import ROUTE, write_matches
from rollmill.storage.queries import Reader

pytestmark = pytest.mark.integration

SCHEMA = pa.schema({"id": pa.int64(), "text": pa.string(), "tags": pa.list_(pa.string())})
LIVE: list[int] = []  # batches that are in memory when another one is asked for


@contextmanager
def rows() -> Iterator[pa.RecordBatchReader]:
    def batches() -> Iterator[pa.RecordBatch]:
        for n in range(3):
            LIVE.append(pa.total_allocated_bytes())
            columns = [[n] * 20_000, ['a,"b"\n=1+1'] * 20_000, [["x", "y"]] * 20_000]
            yield pa.record_batch([pa.array(one, kind) for one, kind in zip(columns, SCHEMA.types, strict=True)], SCHEMA)

    yield pa.RecordBatchReader.from_batches(SCHEMA, batches())


def test_every_row_is_in_the_file_and_no_batch_is_kept(curated: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLLMILL_WORKSPACE", str(curated))
    LIVE.clear()
    table = write_matches("all.parquet", rows)
    whole = pyarrow.parquet.read_table(table.path)
    assert (table.rows, whole.num_rows, whole.schema.names) == (60_000, 60_000, ["id", "text", "tags"])
    assert LIVE[2] < 2 * LIVE[1]
    file = write_matches("all.csv", rows)
    options = pyarrow.csv.ParseOptions(newlines_in_values=True)
    read = pyarrow.csv.read_csv(file.path, parse_options=options)
    assert read.num_rows == 60_000
    assert read.slice(59_999).to_pylist() == [{"id": 2, "text": 'a,"b"\n=1+1', "tags": '["x", "y"]'}]
    with Reader.open(curated) as reader:
        assert file.path.is_relative_to(reader.root / ".rollmill")
    with TestClient(Starlette(routes=[ROUTE])) as browser:
        got = browser.get(f"/exported/{file.key}/all.csv")
        assert got.headers["content-disposition"] == 'attachment; filename="all.csv"'
        assert got.content == file.path.read_bytes()
        assert browser.get("/exported/unknown/all.csv").status_code == 404
