"""Waits for what another process, thread or server does; no wait of the tests is without an end."""

import time
from collections.abc import Callable

import psutil


def until(done: Callable[[], object], seconds: float = 60.0) -> bool:
    """Whether it came true in time."""
    deadline = time.monotonic() + seconds
    while not (found := done()) and time.monotonic() < deadline:
        time.sleep(0.01)
    return bool(found)


def has_ended(process: psutil.Process) -> bool:
    """Whether a process is gone, or a zombie of which only its parent has to hear."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:  # between the two questions
        return True
