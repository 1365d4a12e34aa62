"""A real PostgreSQL for tests: needs `initdb`, `pg_ctl` and the driver psycopg.

`pytest --postgres` gives every workspace that a test makes a database of its own.
It refuses to run as root, so root steps down. Nothing is fsynced: no test cuts the power.
"""

import importlib.util
import itertools
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rollmill.storage.ledger.engine import Ledger
from rollmill.storage.workspace import MARKER, Workspace

NOBODY = 65534
TEMPLATE = "migrated"
ROOM = 4 << 30  # bytes
_numbers = itertools.count()


@contextmanager
def postgres_server() -> Iterator[str]:
    """The URL of a fresh cluster in a temporary folder, until the block ends."""
    assert binary("initdb"), "PostgreSQL is not installed: apt-get install postgresql"
    assert importlib.util.find_spec("psycopg"), "the driver is not installed: pip install 'psycopg[binary]'"
    folder = (
        Path("/var/tmp") / f"rollmill-postgres-{os.getpid()}-{next(_numbers)}"
    )  # its socket path must be short and open to the user
    folder.mkdir()
    if os.geteuid() == 0:
        os.chown(folder, NOBODY, NOBODY)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=300"
    run(folder, "initdb", "-D", f"{folder}/data", "-A", "trust", "-U", "rollmill", "-N")
    run(folder, "pg_ctl", "-D", f"{folder}/data", "-o", options, "-l", f"{folder}/log", "-w", "start")
    try:
        yield f"postgresql://rollmill@127.0.0.1:{port}/postgres"
    finally:
        run(folder, "pg_ctl", "-D", f"{folder}/data", "-m", "immediate", "-w", "stop")
        shutil.rmtree(folder)


def binary(name: str) -> str | None:
    """A PostgreSQL program on the PATH, or where Debian keeps it."""
    debian = sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin")))
    return shutil.which(name) or shutil.which(name, path=os.pathsep.join(reversed(debian)))


def run(folder: Path, name: str, *options: str) -> None:
    command = [binary(name) or name, *options]
    user = {"user": NOBODY, "group": NOBODY} if os.geteuid() == 0 else {}
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **user)  # type: ignore[call-overload]


def database(server: str, name: str, *, template: str = "template1") -> str:
    """The URL of a new database of the cluster, a copy of another."""
    from sqlalchemy import create_engine, text

    maker = create_engine(server.replace("postgresql", "postgresql+psycopg", 1), isolation_level="AUTOCOMMIT")
    with maker.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template}"))
    maker.dispose()
    return server.replace("/postgres", f"/{name}")


@contextmanager
def ledgers_on(server: str) -> Iterator[None]:
    """Until the block ends, every workspace that is made gets a PostgreSQL ledger, written into its rollmill.toml."""
    Ledger(database(server, TEMPLATE)).close()
    plain = Workspace.init

    def init(path: Path) -> Workspace:
        marker = path.resolve() / MARKER
        if not marker.exists() and not set("?\\").intersection(str(marker)):  # which a workspace refuses
            marker.parent.mkdir(parents=True, exist_ok=True)
            url = database(server, f"ws{next(_numbers)}", template=TEMPLATE)
            marker.write_text(f'[ledger]\nurl = "{url}"\n')
        return plain(path)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Workspace, "init", staticmethod(init))
        yield
