"""Files of trainings and publications that nothing needs: for `rollmill gc`, and for `rollmill doctor` to name."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from rollmill.ground.files import locked
from rollmill.storage.artifacts.index import artifact_names
from rollmill.storage.models.index import REFERENCES
from rollmill.storage.models.publish import PARTIAL
from rollmill.storage.workspace import Workspace

UNTOUCHED = 86_400.0  # seconds after which rows that no process trains on are removed; a training exports them again


def leftovers(ws: Workspace) -> list[Path]:
    """Checkpoints of trainings that are done or unknown, exported rows that nobody trains on, halves of publications.

    The checkpoints of trainings that are under way, or were interrupted or failed, stay: they go on from there.
    """
    if ws.unused:
        return list(half_published(ws.models))
    open_ones = {training.id[:16] for training in ws.trainings.all() if training.status != "done"}
    live = {key.partition("/")[2][:16] for key in ws.ledger.leases.held() if key.startswith("training/")}
    unneeded = []
    for path in sorted((ws.state / "trainings").glob("*")):
        if path.is_dir():
            needed = path.name in open_ones | live
        else:
            needed = bool(live) or time.time() - path.stat().st_mtime < UNTOUCHED
        if not needed:
            unneeded.append(path)
    return [*unneeded, *half_published(ws.models)]


def half_published(models: Path) -> Iterator[Path]:
    """Folders of publications that were killed before their rename."""
    for name in artifact_names(models):
        yield from sorted((models / name).glob(f"{PARTIAL}*"))


def remove_leftovers(ws: Workspace) -> list[str]:
    """Remove them, but for the half of a publication under way; their paths below the workspace."""
    removed = []
    for path in leftovers(ws):
        if not path.is_dir():
            path.unlink(missing_ok=True)
        elif path.name.startswith(PARTIAL):
            with locked(REFERENCES.lock(ws, path.parent.name), wait=False) as free:
                if not free:
                    continue
                shutil.rmtree(path, ignore_errors=True)
        else:
            shutil.rmtree(path, ignore_errors=True)
        removed.append(str(path.relative_to(ws.root)))
    return removed
