"""Connections to PostgreSQL that notice a vanished host: neither side waits for the other forever.

By default a command whose link goes down while it writes keeps the ledger locked for two hours, the kernel's time limit,
and every other command waits that long. The wait for a server that answered before is as long as for a locked SQLite.
"""

import time
from typing import Any

from sqlalchemy import Connection, Dialect, Engine, event, text

IDLE, INTERVAL, PROBES = 20, 10, 4  # seconds of silence, then between probes, and how many are sent: a minute in all
GONE_SECONDS = IDLE + INTERVAL * PROBES
CONNECT_SECONDS = 10
PATIENCE = 60.0  # seconds without a connection to a server that gave one before
PAUSE = 0.5

CLIENT = {
    "connect_timeout": CONNECT_SECONDS,
    "keepalives_idle": IDLE,
    "keepalives_interval": INTERVAL,
    "keepalives_count": PROBES,
    "tcp_user_timeout": GONE_SECONDS * 1000,
}
SERVER = {
    "tcp_keepalives_idle": IDLE,
    "tcp_keepalives_interval": INTERVAL,
    "tcp_keepalives_count": PROBES,
    "tcp_user_timeout": GONE_SECONDS * 1000,
}
# A process that stands still, as its machine does, answers the server's probes: its transaction has an end of its own.
_LOCK = text(
    f"SELECT set_config('idle_in_transaction_session_timeout', '{GONE_SECONDS}s', true), "
    "pg_advisory_xact_lock(hashtext('rollmill'))"
)


def lock(connection: Connection) -> None:
    """Take the ledger's write lock until the transaction ends, or is idle for a minute."""
    connection.execute(_LOCK)


def watch(engine: Engine) -> None:
    """Set how long either side of this engine's connections believes in the other, and wait for a server that is back."""
    reached = False

    def connect(dialect: Dialect, _record: Any, arguments: Any, settings: dict[str, Any]) -> Any:
        nonlocal reached
        deadline = time.monotonic() + (PATIENCE if reached else 0)
        while True:
            try:
                connection = dialect.connect(*arguments, **{**CLIENT, **settings})
            except dialect.loaded_dbapi.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(PAUSE)
            else:
                reached = True
                return connection

    def tell_server(connection: Any, _record: Any) -> None:
        with connection.cursor() as cursor:
            for name, value in SERVER.items():
                cursor.execute(f"SET {name} = {value}")
        connection.commit()

    event.listen(engine, "do_connect", connect)
    event.listen(engine, "connect", tell_server)
