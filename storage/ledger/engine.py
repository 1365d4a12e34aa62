"""Opening the ledger, in SQLite or PostgreSQL: its connections, its transactions, and its schema brought to this version.

SQLite runs in WAL mode: any number of readers next to one writer, and writers wait up to a minute for one another. A write
transaction takes its lock when it begins, so two processes never find out at commit that they collided. Alembic is imported
only where an older schema has to change, which keeps making and opening a workspace fast.
"""

import contextlib
import os
import secrets
import shlex
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, insert, inspect, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool, QueuePool

from rollmill.ground import failpoints
from rollmill.ground.errors import SetupError, ledger_error, ledger_lost, read_only
from rollmill.ground.planted.journals import SUFFIX, refuse_journal
from rollmill.storage.ledger import postgres
from rollmill.storage.ledger.leases import Leases
from rollmill.storage.ledger.models import SCHEMA_REVISION, Base, IdentityRow

BUSY_SECONDS = 60.0
DRIVERS = ("postgresql", "postgresql+psycopg")
LIBPQ = (
    "host port user password dbname sslmode sslrootcert sslcert sslkey sslcrl channel_binding gssencmode krbsrvname "
    "application_name connect_timeout target_session_attrs options load_balance_hosts keepalives keepalives_idle "
    "keepalives_interval keepalives_count tcp_user_timeout client_encoding require_auth"
)
"""Settings of a connection to PostgreSQL that a URL may have."""
_NEAR = ("localhost", "127.0.0.1", "::1")
_URLS = ("sqlite:///path", "postgresql://user@host/name")
_NOW = {
    "sqlite": text("SELECT (julianday('now') - 2440587.5) * 86400.0"),
    "postgresql": text("SELECT extract(epoch from clock_timestamp())"),
}


class Ledger:
    """A ledger, usable from several threads, and by several processes that each open their own.

    `state`: the folder of its workspace in which processes at work have a file open.
    """

    def __init__(self, url: str, *, state: Path | None = None, read_only: bool = False) -> None:
        self.url = url.replace("postgresql://", "postgresql+psycopg://", 1) if url.startswith("postgresql://") else url
        self.path = _sqlite_path(self.url)
        self._state = state
        self.read_only = read_only or (self.path is not None and not _writable(self.path))
        self._engine = _engine(self.url, self.path, read_only=self.read_only)
        # A transaction of SQLite in WAL mode sees one snapshot; PostgreSQL has to be asked for it.
        snapshot = {} if self.path else {"isolation_level": "REPEATABLE READ"}
        self._reading = self._engine.execution_options(**snapshot)
        self._writing = self._engine.execution_options(rollmill_write=True)
        self._noting = self._engine.execution_options(rollmill_write=True, rollmill_note=True)
        self._pid = os.getpid()
        self._lock = threading.Lock()
        weakref.finalize(self, _dispose, self._engine, self._pid)
        try:
            with self._explained():
                migrate(self._writing, self.where, read_only=self.read_only)
        except BaseException:
            self.close()
            raise

    @property
    def where(self) -> str:
        """The ledger's place for people: a path, or the URL without its password."""
        return str(self.path) if self.path else make_url(self.url).render_as_string(hide_password=True)

    @cached_property
    def leases(self) -> Leases:
        """Leases on batches and other keys."""
        return Leases(self, None if self._state is None else self._state / "working.lock")

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session over one consistent snapshot."""
        self._own_process()
        with self._explained(), Session(self._reading) as session:
            yield session

    def must_write(self) -> None:
        """SetupError if the ledger is read-only for this user."""
        if self.read_only:
            raise read_only(f"the ledger {self.where}")

    @contextmanager
    def write(self, *, durable: bool = True) -> Iterator[Session]:
        """A session in one transaction that holds the write lock; commits at the end, rolls back on an exception.

        Not `durable`: a power cut may take it back (with SQLite; never out of order), but the commit does not wait for the
        disk. For rows that only save work or are displayed: leases, progress, sums of attempts.
        """
        self.must_write()
        self._own_process()
        engine = self._writing if durable else self._noting
        # Objects are used after the block; expired ones would ask the database again, outside of the transaction.
        with self._explained(), Session(engine, expire_on_commit=False) as session, session.begin():
            # One writer at a time, as with SQLite: what is stored and what a limit leaves are decided while writing.
            if self._engine.dialect.name == "postgresql":
                postgres.lock(session.connection())
            yield session
            failpoints.hit("ledger.written")
        failpoints.hit("ledger.committed")

    def now(self, session: Session) -> float:
        """Seconds since 1970 by the database's clock, the only clock that all its users share."""
        return float(session.execute(_NOW[self._engine.dialect.name]).scalar_one())

    def close(self) -> None:
        """Release every connection; safe to call twice."""
        self._engine.dispose()

    def _own_process(self) -> None:
        """Connections inherited through a fork belong to the parent: drop them without closing."""
        if self._pid != os.getpid():
            with self._lock:
                if self._pid != os.getpid():
                    self._engine.dispose(close=False)
                    self._pid = os.getpid()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            lost = error.connection_invalidated
            known = ledger_lost(self.where) if lost else ledger_error(str(error.orig), self.where)
            if known is None:
                raise
            raise known from error


def _dispose(engine: Engine, pid: int) -> None:
    """Close connections that are still open. After a fork the connections are the parent's: closing them would drop its
    locks.
    """
    engine.dispose(close=pid == os.getpid())


def _sqlite_path(url: str) -> Path | None:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:  # a port that is no number
        raise SetupError(
            f"ledger url {url!r} is not a database URL.", choices=("sqlite:///path", "postgresql://...")
        ) from error
    if not parsed.drivername.startswith("sqlite"):
        _require_plain(parsed)
        return None
    if not parsed.database:
        raise SetupError(f"ledger url {url!r} names no file.", choices=_URLS)
    return Path(parsed.database)


def _require_plain(url: URL) -> None:
    """SetupError for a URL that has a library loaded by its name, as a clone's rollmill.toml may: a driver, a plugin of
    SQLAlchemy, an engine of OpenSSL (`sslkey=engine:key`).
    """
    where = url.render_as_string(hide_password=True)
    if url.drivername not in DRIVERS:
        raise SetupError(f"ledger url {where!r} is of no database that a ledger can be in.", choices=_URLS)
    values = (value for given in url.query.values() for value in _values(given))
    _require_own_password(url, where)
    odd = sorted(set(url.query) - set(LIBPQ.split())) or [value for value in values if "engine:" in value]
    if odd:
        raise SetupError(f"ledger url {where!r} sets {odd[0]!r}, which a ledger's URL may not.", choices=LIBPQ.split())


def _require_own_password(url: URL, where: str) -> None:
    """SetupError where the password in PGPASSWORD would go to a host that a folder names and the environment does not."""
    hosts = {*_values(url.query.get("host")), *([url.host] if url.host else [])}
    far = sorted(host for host in ",".join(hosts).split(",") if host and host not in _NEAR and not host.startswith("/"))
    known = os.environ.get("PGHOST", "").split(",")
    if "PGPASSWORD" in os.environ and url.password is None and (strange := [host for host in far if host not in known]):
        raise SetupError(
            f"ledger url {where!r} would send the password in PGPASSWORD to {strange[0]!r}, which your environment does "
            "not name.",
            next_command=f"if that host is yours: export PGHOST={shlex.quote(strange[0])}; or put it into ~/.pgpass",
        )


def _values(given: str | tuple[str, ...] | None) -> tuple[str, ...]:
    return () if given is None else (given,) if isinstance(given, str) else given


def _writable(path: Path) -> bool:
    place = path if path.exists() else path.parent
    # The folder too: SQLite makes its -wal and -shm files beside the database.
    return os.access(place, os.W_OK) and os.access(path.parent, os.W_OK)


def _engine(url: str, path: Path | None, *, read_only: bool) -> Engine:
    try:
        if path is None:
            # Pinged first: a server that was started again has closed its connections without telling the pool.
            remote = create_engine(url, pool_size=8, max_overflow=32, pool_pre_ping=True)
            if remote.dialect.name == "postgresql":
                postgres.watch(remote)
            return remote
        _require_ledger(path)
        # A reader without write access opens the file each time: whether somebody writes decides how, see below.
        pool: dict[str, Any] = {"poolclass": QueuePool, "pool_size": 8, "max_overflow": 32}
        engine = create_engine(
            "sqlite://",
            creator=lambda: _connect_sqlite(path, read_only=read_only),
            **({"poolclass": NullPool} if read_only else pool),
        )
    except (ModuleNotFoundError, NoSuchModuleError) as error:
        raise SetupError(
            f"the driver for the ledger {make_url(url).render_as_string(hide_password=True)} is not installed.",
            next_command="pip install 'psycopg[binary]'",
        ) from error
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _connect_sqlite(path: Path, *, read_only: bool) -> sqlite3.Connection:
    """Autocommit mode: the driver must not begin transactions of its own, see `_begin_sqlite`."""
    name = path.resolve().as_uri()
    if read_only:
        # Without its -wal file nobody is writing, and only then may a reader do without the shared-memory file.
        name += "?mode=ro" if path.with_name(path.name + "-wal").exists() else "?mode=ro&immutable=1"
    connection = sqlite3.connect(name, uri=True, timeout=BUSY_SECONDS, check_same_thread=False, isolation_level=None)
    try:
        connection.execute("PRAGMA foreign_keys=ON")
        if not read_only:
            _use_wal(connection)
            connection.execute("PRAGMA synchronous=FULL")
    except BaseException:
        connection.close()
        raise
    return connection


def _require_ledger(path: Path) -> None:
    """SetupError for a database of another program, which a folder of somebody else may name: it is not written; and for
    a journal beside a ledger that names a file.
    """
    refuse_journal(path.resolve().with_name(path.resolve().name + SUFFIX))
    if not path.is_file() or not path.stat().st_size:
        return
    try:  # immutable: nothing is written beside it; what is in a -wal file alone is a ledger that is being made
        with contextlib.closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)) as database:
            tables = [
                str(name) for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table' LIMIT 99")
            ]
    except sqlite3.Error:
        return  # the connection to come names the fault
    if tables and "alembic_version" not in tables:
        raise SetupError(
            f"{path} is a database of another program, with the table {tables[0][:80]!r}: it is no ledger.",
            choices=_URLS,
            next_command="correct [ledger] url in rollmill.toml",
        )


def _use_wal(connection: sqlite3.Connection) -> None:
    """SQLite does not wait for its busy timeout when two processes switch a fresh file to WAL at once; this does."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return


def _begin_sqlite(connection: Connection) -> None:
    options = connection.get_execution_options()
    write = options.get("rollmill_write")
    if write:
        # Set each time, as a pooled connection serves both kinds of transaction, and before BEGIN, where alone it works.
        connection.exec_driver_sql(f"PRAGMA synchronous={'NORMAL' if options.get('rollmill_note') else 'FULL'}")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


SCRIPTS = Path(__file__).parent / "migrations"
OLDEST = "0013"
"""The oldest revision that the migrations upgrade: that of the first one."""


def migrate(engine: Engine, where: str, *, read_only: bool = False) -> None:
    """Upgrade to SCHEMA_REVISION in one transaction; SetupError if the ledger is newer, older than OLDEST, or old and
    read-only.

    `engine` must begin its transactions with the write lock, so that of two processes one upgrades and one waits.
    """
    # Nearly every opening finds the newest schema and need not wait for a command that is writing.
    with engine.connect().execution_options(rollmill_write=False) as connection:
        revision = _revision(connection)
    if revision == SCHEMA_REVISION:
        return
    # Revisions are texts of four digits, so their order is that of the numbers.
    if revision is not None and revision > SCHEMA_REVISION:
        raise SetupError(
            f"the ledger {where} has schema {revision}, newer than {SCHEMA_REVISION}, the newest this Rollmill knows.",
            next_command="update Rollmill (git pull, then make)",
        )
    if revision is not None and revision < OLDEST:
        quoted = shlex.quote(where)
        sqlite = engine.dialect.name == "sqlite"
        away = f"mv {quoted} {quoted}.old" if sqlite else "name an empty database in [ledger] url"
        raise SetupError(
            f"the ledger {where} has schema {revision}, older than {OLDEST}, the oldest that this Rollmill upgrades.",
            next_command=f"{away}, then rollmill doctor --rebuild, which registers the segments again",
        )
    if read_only:
        raise SetupError(f"the ledger {where} has an older schema and is read-only.", next_command="make it writable once")
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            postgres.lock(connection)
        # Asked again under the lock: another process may have made or upgraded the ledger meanwhile.
        if _revision(connection) is None:
            _create(connection)
        else:
            _upgrade(connection)


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()


def _create(connection: Connection) -> None:
    """A new ledger straight from the models, to which the migrations lead as well; it needs no Alembic."""
    Base.metadata.create_all(connection)
    connection.execute(insert(IdentityRow), {"id": secrets.token_hex(16)})
    connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))
    connection.execute(text("INSERT INTO alembic_version VALUES (:revision)"), {"revision": SCHEMA_REVISION})


def _upgrade(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    # A % doubled: Alembic's settings are those of configparser, which would read it as a reference.
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
