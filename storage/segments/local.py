"""Segment files in a local folder: temporary name, fsync, rename, fsync of the folder. Knows nothing of what they hold."""

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from storage import failpoints
from storage.faults import explained
from storage.ledger.owners import new_file_id
from storage.segments.place import OWNER, SUFFIX, TEMPORARY, file_id_of, sync


class LocalPlace:
    """Segments under a local folder: <kind>/<first two hex digits>/<segment id>.parquet."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.where = str(root)

    def path(self, kind: str, segment_id: str) -> str:
        return f"{self.root}/{kind}/{segment_id[:2]}/{segment_id}{SUFFIX}"

    def put(self, kind: str, segment_id: str, write: Callable[[Path], None]) -> None:
        final = Path(self.path(kind, segment_id))
        temporary = final.with_name(TEMPORARY + final.name)
        with explained(self.root):
            _make_folder(final.parent)
            try:
                write(temporary)
                failpoints.hit("segment.temp_written")
                sync(temporary)
                failpoints.hit("segment.fsynced")
                temporary.rename(final)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise
            sync(final.parent)
        failpoints.hit("segment.renamed")

    def sizes(self, files: Iterable[tuple[str, str]], *, fresh: bool = False) -> dict[str, int]:  # noqa: ARG002
        found = {}
        for kind, segment_id in files:
            try:
                found[segment_id] = os.stat(self.path(kind, segment_id)).st_size  # noqa: PTH116 (thousands of them)
            except FileNotFoundError:
                continue
        return found

    def remove(self, kind: str, segment_id: str) -> None:
        Path(self.path(kind, segment_id)).unlink(missing_ok=True)

    def files(self) -> Iterator[tuple[str, str]]:
        for path in self.root.glob("*/??/*"):
            file_id = file_id_of(path.name)
            if file_id:
                yield str(path), file_id

    def modified(self, path: str) -> float:
        return Path(path).stat().st_mtime

    def open(self, kind: str, segment_id: str) -> Any:
        return Path(self.path(kind, segment_id)).open("rb")

    def discard(self, path: str) -> None:
        Path(path).unlink(missing_ok=True)

    def owner(self) -> str | None:
        try:
            return (self.root / OWNER).read_text(encoding="ascii").strip()
        except FileNotFoundError:
            return None

    def own(self, ledger: str) -> None:
        with explained(self.root):
            _make_folder(self.root)
            temporary = self.root / f"{OWNER}.{new_file_id()}"
            temporary.write_text(ledger + "\n", encoding="ascii")
            sync(temporary)
            temporary.rename(self.root / OWNER)
            sync(self.root)

    def filesystem(self) -> Any:
        return None


def _make_folder(folder: Path) -> None:
    """mkdir -p whose every new entry is durable."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    sync(folder.parent)
