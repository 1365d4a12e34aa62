"""Environment of the peers: an interpreter of their own, built by `make peers`. Knows no peer."""

import os
import sys
from pathlib import Path

DEFAULT = ".venv-peers/bin/python"


def peers_python() -> str:
    """The peers' interpreter: ROLLMILL_PEERS, else `.venv-peers`; ends the program with one line where there is none."""
    path = Path(os.environ.get("ROLLMILL_PEERS", DEFAULT))
    if not path.is_file():
        sys.exit(f"no peers at {path}. Next: make peers, or set ROLLMILL_PEERS to a Python that has them")
    return str(path)
