"""A version's database with a hostile catalogue: its publisher gave it a digest, so the bytes are the published ones."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest

import rollmill
from rollmill.ground.errors import FoundWanting
from rollmill.storage.exports import export
from rollmill.storage.queries.browse.why import why
from rollmill.storage.segments.instance import closed, closed_database, instance
from rollmill.storage.versions.content.derived import write_database
from rollmill.storage.versions.diff import diff
from rollmill.storage.versions.publish import publish
from rollmill.storage.versions.read import load_manifest, load_snapshot, open_version
from rollmill.storage.versions.resolve import VersionInfo
from rollmill.storage.workspace import Workspace
from tests.storage.versions.conftest import HARD, build, forget_digests
from tests.storage.versions.older import flat_shard, one_file, put_as

pytestmark = pytest.mark.security
SECRET = "s3cret-of-the-reader"
ATTACKS = {
    "a view in place of a table": (
        "create table stolen as select * from problems; drop view kept; drop view joined; drop table problems;"
        " create view problems as"
        " select * replace ((select content from read_text('{secret}')) as prompt) from stolen",
        "has no table 'problems'",
    ),
    "a view of a file alone": (
        "drop view kept; create view kept as select content as text from read_text('{secret}')",
        "holds another view 'kept'",
    ),
    "a view beside ours": ("create view more as select 1 as x", "holds another view 'more'"),
    "a macro in place of a function": ("create macro nullif(a, b) as (select content from read_text('{secret}'))", "macro"),
    "a generated column": (
        "drop view kept; drop view joined; create or replace table scores as select * from scores;"
        " create table made (a varchar, b varchar generated always as (a || 'x'))",
        "holds the table 'made'",
    ),
    "a type": ("create type outcome_of as enum ('a')", "holds the type 'outcome_of'"),
    "a sequence": ("create sequence numbers", "holds the sequence 'numbers'"),
    "an index": ("create index by_reason on decisions (reason)", "holds the index 'by_reason'"),
    "a schema": ("create schema other", "holds the schema 'other'"),
    "a default": ("alter table scores alter column scorer set default 'x'", "has the column 'scorer'"),
    "another type of a column": (
        "drop view kept; drop view joined; alter table decisions alter column kept type varchar",
        "has the column 'kept' of VARCHAR in decisions",
    ),
    "another column": ("drop view kept; drop view joined; alter table scores add column x varchar", "has the column 'x'"),
    "a missing table": ("drop view kept; drop view joined; drop table scores", "has no table 'scores'"),
}


@pytest.fixture
def ws(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace.init(tmp_path / "ws") as workspace:
        yield workspace


def hostile(ws: Workspace, sql: str) -> VersionInfo:
    """toy@v1 with these statements run in its database, as its publisher would, digests included."""
    secret = ws.root.parent / "secret.txt"
    secret.write_text(SECRET)
    info = put_as(one_file, ws, build())
    path = info.path / "dataset.duckdb"
    path.chmod(0o644)
    with duckdb.connect(str(path)) as connection:
        connection.execute(sql.replace("{secret}", str(secret)))
    forget_digests(info)
    return info


def _export(info: VersionInfo, out: Path) -> None:
    export(info, "sft", out)


def _open(info: VersionInfo, _: Path) -> None:
    open_version(info).close()


def _diff(info: VersionInfo, _: Path) -> None:
    diff(info, info)


def _why(info: VersionInfo, _: Path) -> None:
    why(info, HARD.id)


def _notebook(info: VersionInfo, _: Path) -> None:
    with rollmill.open(str(info.path.parents[2])) as view:
        view.rollouts(dataset="toy").fetchall()


def _training(info: VersionInfo, _: Path) -> None:
    from rollmill.flows.training.training_data import pass_rates

    pass_rates(info)


READERS = {"open": _open, "export": _export, "diff": _diff, "why": _why, "notebook": _notebook, "training": _training}


@pytest.mark.parametrize(("sql", "said"), ATTACKS.values(), ids=ATTACKS)
def test_a_hostile_catalogue_is_refused_before_anything_is_read(ws: Workspace, sql: str, said: str) -> None:
    info = hostile(ws, sql)
    with pytest.raises(FoundWanting) as caught:
        open_version(info)
    assert said in caught.value.message
    assert "nothing of it is read" in caught.value.message
    assert caught.value.next_command is not None


def test_a_log_beside_the_rows_changes_none_of_them(ws: Workspace, tmp_path: Path) -> None:
    """DuckDB adds a log to a file that it only reads, and nobody published its digest."""
    info = put_as(one_file, ws, build())
    altered = tmp_path / "altered.duckdb"
    shutil.copy(info.path / "dataset.duckdb", altered)
    with duckdb.connect(str(altered)) as connection:
        connection.execute("pragma disable_checkpoint_on_shutdown")
        connection.execute("update rollouts set text = 'evil'")
    shutil.copy(tmp_path / "altered.duckdb.wal", info.path / "dataset.duckdb.wal")
    for read in READERS.values():
        with pytest.raises(FoundWanting, match=r"dataset\.duckdb\.wal beside the rows of toy@v1 was not published"):
            read(info, tmp_path / "out.jsonl")
    (info.path / "dataset.duckdb.wal").unlink()
    open_version(info).close()


def test_the_database_of_views_is_made_without_a_planted_log(ws: Workspace) -> None:
    info = publish(ws, build(), report_html="<p>", report_json={}).version
    logs = [info.path / f"{name}.wal" for name in (".dataset.duckdb.tmp", "dataset.duckdb")]
    for log in logs:
        log.write_bytes(b"planted")
    write_database(info.path, load_manifest(info))
    assert not any(log.exists() for log in logs)


@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
def test_no_reader_gets_a_file_of_the_person(
    ws: Workspace, tmp_path: Path, read: Callable[[VersionInfo, Path], None]
) -> None:
    info = hostile(ws, ATTACKS["a view of a file alone"][0])
    out = tmp_path / "out.jsonl"
    with pytest.raises(FoundWanting, match="holds another view"):
        read(info, out)
    assert not out.exists() or SECRET not in out.read_text()


def test_a_sound_version_is_read_by_all(ws: Workspace, tmp_path: Path) -> None:
    info = publish(ws, build(), report_html="<p>", report_json={}).version
    for read in READERS.values():
        read(info, tmp_path / "out.jsonl")
    assert load_snapshot(info).decisions.num_rows == 6


def test_a_user_may_open_the_same_file_beside_us(ws: Workspace) -> None:
    info = put_as(one_file, ws, build())
    with open_version(info) as ours, duckdb.connect(str(info.path / "dataset.duckdb"), read_only=True) as theirs:
        assert ours.sql("from kept").shape == theirs.sql("from kept").shape


FORBIDDEN = {
    "a text": "from read_text('{secret}')",
    "a table of text": "from read_csv('{secret}')",
    "names of files": "from glob('{folder}/*')",
    "a database": "attach '{folder}/other.duckdb' as other",
    "a copy to a file": "copy (select 1) to '{folder}/out.csv'",
    "an extension": "install httpfs",
    "the setting": "set enable_external_access = true",
    "another setting": "set allowed_directories = ['/']",
    "a variable of Python": "from python_rows",
}


@pytest.mark.parametrize("query", FORBIDDEN.values(), ids=FORBIDDEN)
def test_a_closed_connection_reaches_nothing_else(ws: Workspace, tmp_path: Path, query: str) -> None:
    import pyarrow as pa

    info = publish(ws, build(), report_html="<p>", report_json={}).version
    secret = tmp_path / "secret.txt"
    secret.write_text(SECRET)
    python_rows = pa.table({"secret": [SECRET]})
    filled = query.format(secret=secret, folder=tmp_path)
    for connection in (closed_database(info.path / "dataset.duckdb"), closed(), closed([info.path / "README.md"])):
        with connection, pytest.raises(duckdb.Error):
            connection.execute(filled)
    assert python_rows.num_rows == 1
    assert not (tmp_path / "out.csv").exists()


def test_no_connection_loads_extensions_or_takes_python_for_a_table() -> None:
    with instance() as connection:
        for setting in ("autoinstall_known_extensions", "autoload_known_extensions", "python_enable_replacements"):
            assert connection.execute(f"select current_setting('{setting}')").fetchall() == [(False,)]


def test_a_shard_of_another_column_is_refused(ws: Workspace) -> None:
    import json

    import pyarrow as pa
    import pyarrow.parquet as pq

    info = publish(ws, build(), report_html="<p>", report_json={}).version
    listing = json.loads((info.path / "shards.json").read_text())
    shard = listing["problems"][0]
    rows = pq.read_table(info.path / "shards" / shard["file"])
    shard["file"] = flat_shard(info.path, rows.append_column("more", pa.array(["x"] * rows.num_rows)))
    (info.path / "shards.json").write_text(json.dumps(listing))
    forget_digests(info)
    with pytest.raises(FoundWanting, match="has the column 'more' of VARCHAR in problems"):
        open_version(info)


def test_every_connection_is_made_in_one_place() -> None:
    root = Path(__file__).parents[3]
    found = {
        path.relative_to(root).as_posix()
        for folder in ("storage", "flows", "pipelines", "dashboards", "rollmill")
        for path in (root / folder).rglob("*.py")
        if any("duckdb.connect(" in line and '"""' not in line for line in path.read_text().splitlines())
    }
    assert found == {
        "storage/segments/instance.py",
        "pipelines/gate/tables.py",  # a database of the gate's own, closed to files likewise
        "storage/versions/content/card.py",  # text of the card
        "dashboards/pages/datasets/actions.py",  # text of a page
    }
