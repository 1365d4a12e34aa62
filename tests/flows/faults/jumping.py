"""The command line under a clock that a file sets: python -m tests.flows.faults.jumping FILE ARGUMENTS...

FILE holds by how many seconds the clock is wrong; while there is none it is right. Both clocks that are read are moved: the
ledger's, by which leases end, and this process's.
"""

import sys
import time
from pathlib import Path

from sqlalchemy.orm import Session

from rollmill.flows import cli
from rollmill.storage.ledger.engine import Ledger

PLACE = Path(sys.argv[1])
_time, _now = time.time, Ledger.now


def wrong() -> float:
    """Seconds by which the clock is set forward."""
    return float(PLACE.read_text()) if PLACE.exists() else 0.0


def now(self: Ledger, session: Session) -> float:
    """The ledger's clock."""
    return _now(self, session) + wrong()


Ledger.now = now  # type: ignore[method-assign]
time.time = lambda: _time() + wrong()

if __name__ == "__main__":
    sys.exit(cli.run(sys.argv[2:]))
