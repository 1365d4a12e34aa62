"""An import in batches of four rows, for tests that kill it: `tests.forked` runs it in a process of its own."""

from pathlib import Path

from rollmill.storage.imports.rollouts import import_rollouts
from rollmill.storage.imports.spec import ImportSpec
from rollmill.storage.workspace import Workspace


def import_in_fours(root: Path, file: Path) -> None:
    import_rollouts(Workspace.open(root), ImportSpec(file, "r", batch_rows=4))
