"""Replays that were stored in this workspace: `rollmill replay POOL --out replays/NAME` writes one as JSON."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

from storage.files import read_object

FOLDER = Path("replays")


def replays(root: Path, pools: Collection[str]) -> list[dict[str, Any]]:
    """The reports on these runs and versions, by folder; SetupError for a damaged file."""
    found = [
        read_object(path, next_command=f"rollmill replay POOL --out {path.parent.relative_to(root)}")
        for path in sorted((root / FOLDER).glob("**/replay.json"))
    ]
    return [report for report in found if report.get("pool") in pools]
