"""The files of one version, written whole into a folder that nobody reads yet. Knows nothing of indexes or intents."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from storage.versions.card import card
from storage.versions.database import write_database
from storage.versions.durable import sync, sync_folder
from storage.versions.index import Entry
from storage.versions.shards import write_shards
from storage.versions.snapshot import Snapshot

LARGE = 1_000_000_000  # bytes of Arrow memory from which a version is written as shards


@dataclass(frozen=True)
class Draft:
    """Everything that goes into a version's folder. `parent` is the folder of the version before, if its files are here."""

    snapshot: Snapshot
    manifest: dict[str, Any]
    entry: Entry
    report_html: str
    report_json: dict[str, Any]
    parent: Path | None = None
    large: int = LARGE


def write_folder(folder: Path, draft: Draft) -> None:
    """Make the folder with all of its files, durable; it must not exist."""
    folder.mkdir(parents=True)
    if sum(table.nbytes for _, table in draft.snapshot.tables()) > draft.large:
        write_shards(folder, draft.snapshot, draft.parent)
    else:
        write_database(folder / "dataset.duckdb", draft.snapshot, draft.manifest)
    texts = {
        "manifest.json": json_text(draft.manifest),
        "README.md": card(draft.manifest),
        "report.html": draft.report_html,
        "report.json": json_text(draft.report_json),
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    sync_folder(folder)
    sync(folder.parent)


def json_text(value: Any) -> str:
    """JSON for people and for git: sorted keys, one value per line."""
    return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
