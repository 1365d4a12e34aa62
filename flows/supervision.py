"""Scheduled runs end with the standing process that started them, however it ends. Knows one environment variable."""

import os
import signal

from flows.prefect.process import die_with_parent

VARIABLE = "ROLLMILL_PARENT"


def end_with_supervisor() -> None:
    """Ask for SIGTERM at the death of the standing process; nothing in a command of a person's own."""
    parent = os.environ.get(VARIABLE)
    if parent is not None and parent.isdigit() and os.getppid() in (int(parent), 1):
        die_with_parent(int(parent), signal.SIGTERM)
