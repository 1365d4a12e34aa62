"""Scheduled runs end with the standing process that started them, however it ends. Knows one environment variable."""

import os

from pipelines.processes.child import die_with_parent

VARIABLE = "ROLLMILL_PARENT"


def end_with_supervisor() -> None:
    """Die with the standing process; nothing in a command of a person's own.

    SIGKILL, because a milder end would have Prefect call a server that is gone, for a minute; a killed run is resumed.
    """
    parent = os.environ.get(VARIABLE)
    if parent is not None and parent.isdigit() and os.getppid() in (int(parent), 1):
        die_with_parent(int(parent))
