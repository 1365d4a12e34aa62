"""Named points where a test may kill this process, armed by one environment variable. The points have no actions of their
own.

`ROLLMILL_FAILPOINT="segment.fsynced"` kills the process (SIGKILL) the first time it gets there, `"segment.fsynced:3"` the
third time, `"*:40"` at the fortieth point of any name. Nothing is caught, flushed or closed: the result is that of a killed
process.
"""

import os
import signal
import threading
from collections import Counter

from rollmill.ground.errors import SetupError, unknown_name

VARIABLE = "ROLLMILL_FAILPOINT"
ANY = "*"
NAMES = (
    "segment.temp_written",
    "segment.fsynced",
    "segment.renamed",
    "segment.registered",
    "plan.committed",
    "ledger.written",
    "ledger.committed",
    "spool.written",
    "spool.appended",
    "spool.discarded",
    "compact.swapped",
    "publish.folder_written",
    "publish.renamed",
    "publish.derived",
    "publish.ledger",
    "publish.index",
    "publish.dvc",
    "publish.shared",
    "publish.rewritten",
    "pull.fetched",
    "pull.placed",
    "marks.index",
    "marks.latest",
    "signals.written",
    "model.written",
    "model.index",
    "training.checkpoint",
)

_hits: Counter[str] = Counter()
_lock = threading.Lock()


def hit(name: str) -> None:
    """Kill this process if the environment names this point; otherwise do nothing."""
    armed = os.environ.get(VARIABLE)
    if not armed:
        return
    target, turn = _parse(armed)
    if target not in (name, ANY):
        return
    with _lock:
        _hits[target] += 1
        if _hits[target] == turn:
            os.kill(os.getpid(), signal.SIGKILL)  # SIGKILL: no handler, no finally and no flush runs


def _parse(armed: str) -> tuple[str, int]:
    """Name and count of an armed point. A misspelt name is refused: a kill test would pass without a kill."""
    name, _, turn = armed.partition(":")
    if name not in NAMES and name != ANY:
        raise unknown_name("failpoint", name, NAMES)
    if turn and not (turn.isdigit() and int(turn) > 0):
        raise SetupError(f"{VARIABLE}={armed!r}: the number after the colon must be 1 or more.")
    return name, int(turn or 1)
