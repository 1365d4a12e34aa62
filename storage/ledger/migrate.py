"""Brings a ledger to this version's schema when it is opened, or refuses one that is newer. Knows no table by name.

Alembic is imported only when there is something to do, which keeps opening a workspace fast.
"""

from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

from storage.errors import SetupError
from storage.ledger.models import SCHEMA_REVISION

SCRIPTS = Path(__file__).parent / "migrations"


def migrate(engine: Engine, where: str, *, read_only: bool = False) -> None:
    """Upgrade to SCHEMA_REVISION in one transaction; SetupError where the ledger is newer, or old and read-only.

    `engine` must begin its transactions with the write lock, so that of two processes one upgrades and one waits.
    """
    with engine.connect().execution_options(rollmill_write=False) as connection:
        found = _revision(connection)
    if found == SCHEMA_REVISION:
        return
    _refuse_newer(found, where)
    if read_only:
        raise SetupError(f"the ledger {where} has an older schema and is read-only.", next_command="make it writable once")
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('rollmill'))"))
        _upgrade(connection)


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()


def _refuse_newer(found: str | None, where: str) -> None:
    if found is not None and found > SCHEMA_REVISION:
        raise SetupError(
            f"the ledger {where} has schema {found}, newer than {SCHEMA_REVISION}, the newest this Rollmill knows.",
            next_command="update Rollmill (git pull, then make)",
        )


def _upgrade(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
