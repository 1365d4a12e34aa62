"""Prefect's database, migrated once for all tests: a new one costs its server many times what its start costs."""

import fcntl
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PLACE: list[Path] = []  # the folder that the processes of a test run share


def migrated_home(state: Path) -> None:
    """Leave a home with a migrated database in the state folder of a workspace that has none."""
    home = state / "prefect"
    if not PLACE or home.exists() or not state.is_dir():
        return
    template = PLACE[0] / "prefect.db"
    with (PLACE[0] / "prefect.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not template.exists():
            _migrate(template)
    home.mkdir()
    shutil.copyfile(template, home / "prefect.db")


def _migrate(template: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        start = (
            f"from rollmill.flows.prefect.managed import *\nwith ManagedServer(Path({folder!r})) as one: one.start().wait()"
        )
        subprocess.run([sys.executable, "-c", start], cwd=ROOT, check=True)  # it sets variables of its process
        with closing(sqlite3.connect(Path(folder) / "prefect" / "prefect.db")) as database:
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        shutil.copyfile(Path(folder) / "prefect" / "prefect.db", template)
