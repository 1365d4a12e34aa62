"""The ledger migrates itself, refuses what is newer, and serves threads and processes at once."""

import shutil
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, inspect, text

from rollmill.ground.errors import SetupError
from rollmill.storage.ledger import engine
from rollmill.storage.ledger.engine import OLDEST, SCRIPTS, Ledger
from rollmill.storage.ledger.models import SCHEMA_REVISION, Base, LeaseRow, ProgressRow, ReservedRow, RunRow


def open_ledger(folder: Path) -> Ledger:
    return Ledger(f"sqlite:///{folder / 'ledger.sqlite'}")


def upgraded(folder: Path) -> Engine:
    """A ledger as the migrations make it."""
    from alembic import command
    from alembic.config import Config

    made = create_engine(f"sqlite:///{folder / 'ledger.sqlite'}")
    with made.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(SCRIPTS))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return made


def test_the_migrations_lead_to_the_models(tmp_path: Path) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with upgraded(tmp_path).connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []


def written_at_0013(folder: Path) -> Path:
    """A ledger as the thirteen migrations before this one wrote it."""
    path = folder / "ledger.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((Path(__file__).parent / "revision_0013.sql").read_text())
    return path


def tables(made: Engine) -> dict[str, object]:
    """Columns, keys and indexes of every table."""
    looked = inspect(made)
    return {
        name: (
            sorted((column["name"], str(column["type"]), column["nullable"]) for column in looked.get_columns(name)),
            looked.get_pk_constraint(name)["constrained_columns"],
            sorted((str(index["name"]), index["column_names"], index["unique"]) for index in looked.get_indexes(name)),
            sorted(unique["column_names"] for unique in looked.get_unique_constraints(name)),
            sorted((key["constrained_columns"], key["referred_table"]) for key in looked.get_foreign_keys(name)),
        )
        for name in looked.get_table_names()
    }


def test_a_new_ledger_is_what_the_migrations_make_and_made_before(tmp_path: Path) -> None:
    for name in ("old", "migrated"):
        (tmp_path / name).mkdir()
    open_ledger(tmp_path).close()
    new = create_engine(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    assert len(tables(new)) == 22
    assert tables(new) == tables(upgraded(tmp_path / "migrated"))
    assert tables(new) == tables(create_engine(f"sqlite:///{written_at_0013(tmp_path / 'old')}"))
    with new.connect() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one() == SCHEMA_REVISION


def test_the_revisions_in_the_code_are_the_first_and_the_newest_migration() -> None:
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory(str(SCRIPTS))
    assert (scripts.get_bases(), scripts.get_heads()) == ([OLDEST], [SCHEMA_REVISION])


def test_a_ledger_of_revision_0013_opens_with_its_rows(tmp_path: Path) -> None:
    written_at_0013(tmp_path)
    ledger = open_ledger(tmp_path)
    with ledger.write() as session:
        assert session.execute(text("SELECT id FROM identity")).scalar_one() == "0123456789abcdef0123456789abcdef"
        assert session.query(RunRow).one().pauses == [[1.0, 1.5]]
        assert [(row.key, row.claims) for row in session.query(LeaseRow)] == [("k", None)]
        session.add(ReservedRow(run_id="r", batch_id="b", host="h", pid=1, started=0.0, tokens=1, units=2))
    with ledger.read() as session:
        assert session.query(ReservedRow).one().purpose == "draw"
    ledger.close()


def test_a_later_migration_upgrades_it_and_keeps_its_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written_at_0013(tmp_path)
    shutil.copytree(SCRIPTS, tmp_path / "migrations")
    (tmp_path / "migrations/versions/m0014_later.py").write_text(
        'import sqlalchemy as sa\nfrom alembic import op\n\nrevision, down_revision = "0014", "0013"\n\n\n'
        'def upgrade() -> None:\n    op.add_column("leases", sa.Column("later", sa.Integer(), server_default="7"))\n'
    )
    monkeypatch.setattr(engine, "SCRIPTS", tmp_path / "migrations")
    monkeypatch.setattr(engine, "SCHEMA_REVISION", "0014")
    ledger = open_ledger(tmp_path)
    with ledger.read() as session:
        assert session.execute(text("SELECT version_num FROM alembic_version")).scalar_one() == "0014"
        assert [tuple(row) for row in session.execute(text("SELECT key, later FROM leases"))] == [("k", 7)]
    ledger.close()


def test_a_ledger_older_than_the_first_migration_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = written_at_0013(tmp_path)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '0012'")
    with pytest.raises(SetupError) as caught:
        open_ledger(tmp_path)
    assert str(caught.value) == (
        f"the ledger {path} has schema 0012, older than 0013, the oldest that this Rollmill upgrades. "
        f"Next: mv {path} {path}.old, then rollmill doctor --rebuild, which registers the segments again"
    )
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [("0012",)]


def test_a_ledger_of_a_newer_schema_is_refused_and_left_alone(tmp_path: Path) -> None:
    open_ledger(tmp_path).close()
    path = tmp_path / "ledger.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(SetupError) as caught:
        open_ledger(tmp_path)
    assert str(caught.value) == (
        f"the ledger {path} has schema 9999, newer than {SCHEMA_REVISION}, the newest this Rollmill knows. "
        "Next: update Rollmill (git pull, then make)"
    )
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [("9999",)]
    connection.close()


def test_a_file_that_is_no_ledger_is_named(tmp_path: Path) -> None:
    (tmp_path / "ledger.sqlite").write_bytes(b"not a database, but long enough to look like one" * 100)
    with pytest.raises(SetupError, match=r"the ledger .*ledger\.sqlite is damaged\."):
        open_ledger(tmp_path)


def test_an_exception_rolls_back(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)

    def fail() -> None:
        with ledger.write() as session:
            session.add(progress("a"))
            session.flush()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with ledger.read() as session:
        assert session.query(ProgressRow).count() == 0
    ledger.close()
    ledger.close()


def test_sqlite_is_durable_and_lets_readers_in(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    with ledger.write() as writing:
        writing.add(progress("a"))
        writing.flush()
        with ledger.read() as reading:
            assert reading.query(ProgressRow).count() == 0
            assert reading.execute(text("PRAGMA journal_mode")).scalar_one() == "wal"
            assert reading.execute(text("PRAGMA synchronous")).scalar_one() == 2
            assert reading.execute(text("PRAGMA busy_timeout")).scalar_one() == 60_000
    with ledger.read() as reading:
        assert reading.query(ProgressRow).count() == 1
    ledger.close()


def test_threads_write_at_once(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    failed: list[BaseException] = []

    def work(name: str) -> None:
        try:
            for index in range(10):
                with ledger.write() as session:
                    session.add(progress(f"{name}{index}"))
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with ledger.read() as session:
        assert (failed, session.query(ProgressRow).count()) == ([], 40)
    ledger.close()


def test_the_clock_is_the_databases(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    with ledger.read() as session:
        expected = float(session.execute(text("SELECT strftime('%s', 'now')")).scalar_one())
        assert 0 <= ledger.now(session) - expected < 5
    ledger.close()


def progress(stage: str) -> ProgressRow:
    return ProgressRow(run_id="r", stage=stage, done=0, total=0, tokens=0, seconds=0.0, detail={}, updated_at=0.0)
