"""Python's search for unreachable cycles, made rare while a run makes records by the hundred thousand. Knows nothing else.

Records have no reference cycles and are freed by reference counting; repeated searches through them and all imported
modules would take a fifth of a run's time.
"""

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

YOUNG = 50_000  # objects made and not freed before the youngest are searched; Python's own number is 700 to 2,000

_lock = threading.Lock()
_inside = 0
_usual = gc.get_threshold()


@contextmanager
def rare_collections() -> Iterator[None]:
    """Collect garbage rarely until the last block that entered, on any thread, is left."""
    global _inside, _usual  # noqa: PLW0603 - the collector is the process's
    with _lock:
        if _inside == 0:
            _usual = gc.get_threshold()
            gc.set_threshold(max(YOUNG, _usual[0]), *_usual[1:])
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0:
                gc.set_threshold(*_usual)
