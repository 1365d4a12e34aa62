"""Rollback journals of SQLite in a folder of somebody else. One may name a file of the person's, which SQLite deletes.

A transaction over several databases has a journal of its own, whose name stands at the end of each database's journal.
After a crash SQLite rolls back and removes the file of that name, whatever it is. No ledger, and no database of Prefect, is
part of such a transaction.
"""

import os
import shlex
from pathlib import Path

from rollmill.ground.errors import SetupError
from rollmill.ground.files import plain

SUFFIX = "-journal"
_MAGIC = bytes.fromhex("d9d505f920a163d7")  # behind the name (sqlite.org/fileformat2.html, 3.1)


def refuse_journal(journal: Path) -> None:
    """SetupError for a journal that names a file. One without a name is data: it changes its own database alone."""
    try:
        with open(journal, "rb", opener=plain) as file:
            file.seek(-len(_MAGIC), os.SEEK_END)
            names_a_file = file.read() == _MAGIC
    except OSError:  # there is none, or it is too short to name one
        return
    if names_a_file:
        raise SetupError(
            f"{journal} names another file, which SQLite would delete; no database here has such a journal of its own.",
            next_command=f"rm {shlex.quote(str(journal))}",
        )
