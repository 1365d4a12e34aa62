"""The ledger migrates itself, refuses what is newer, and serves threads and processes at once."""

import sqlite3
import threading
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, inspect, text

from rollmill.ground.errors import SetupError
from rollmill.storage.ledger.engine import SCRIPTS, Ledger
from rollmill.storage.ledger.models import SCHEMA_REVISION, Base, ProgressRow


def open_ledger(folder: Path) -> Ledger:
    return Ledger(f"sqlite:///{folder / 'ledger.sqlite'}")


def upgraded(folder: Path, revision: str) -> Engine:
    """A ledger as the migrations made it up to that revision."""
    from alembic import command
    from alembic.config import Config

    engine = create_engine(f"sqlite:///{folder / 'ledger.sqlite'}")
    with engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(SCRIPTS))
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    return engine


def test_the_migrations_lead_to_the_models(tmp_path: Path) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with upgraded(tmp_path, "head").connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []


def test_a_new_ledger_is_what_the_migrations_make(tmp_path: Path) -> None:
    def tables(engine: Engine) -> dict[str, object]:
        looked = inspect(engine)
        return {
            name: (
                sorted((column["name"], str(column["type"]), column["nullable"]) for column in looked.get_columns(name)),
                looked.get_pk_constraint(name)["constrained_columns"],
                sorted((str(index["name"]), index["column_names"]) for index in looked.get_indexes(name)),
                sorted(unique["column_names"] for unique in looked.get_unique_constraints(name)),
            )
            for name in looked.get_table_names()
        }

    (tmp_path / "old").mkdir()
    open_ledger(tmp_path).close()
    new = create_engine(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    assert tables(new) == tables(upgraded(tmp_path / "old", "head"))
    with new.connect() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one() == SCHEMA_REVISION


def test_the_revision_in_the_code_is_the_newest_migration() -> None:
    from alembic.script import ScriptDirectory

    assert ScriptDirectory(str(SCRIPTS)).get_heads() == [SCHEMA_REVISION]


def test_a_ledger_of_the_first_schema_is_upgraded_and_keeps_its_rows(tmp_path: Path) -> None:
    engine = upgraded(tmp_path, "0001")
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO leases VALUES ('k', 't', 'h', 1, 0.0, 5.0)"))
    engine.dispose()
    ledger = open_ledger(tmp_path)
    with ledger.read() as session:
        assert session.execute(text("SELECT version_num FROM alembic_version")).scalar_one() == SCHEMA_REVISION
        rows = session.execute(text("SELECT key, expires_at FROM leases")).fetchall()
        assert [tuple(row) for row in rows] == [("k", 5.0)]
        assert session.execute(text("SELECT count(*) FROM audit_items")).scalar_one() == 0
    ledger.close()


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
