"""Where segment files lie: a local folder or an fsspec URL. Knows how to make a file durable, nothing of what it holds.

Local: temporary name in the folder of the final one, fsync, rename, fsync of the folder. Remote: written and fsynced
locally, then put; object stores have no rename, and an object is whole or absent.
"""

import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol

from storage import failpoints
from storage.errors import SetupError
from storage.faults import explained
from storage.ledger.owners import new_file_id

OWNER = "ledger.txt"
TEMPORARY = ".tmp-"
_SUFFIX = ".parquet"
_NAME = re.compile(r"(?:\.tmp-)?([0-9a-f]{44})\.parquet")


class Place(Protocol):
    """The files of a segment store."""

    def path(self, kind: str, segment_id: str) -> str:
        """The path or URL that DuckDB reads."""
        ...

    def put(self, kind: str, segment_id: str, write: Callable[[Path], None]) -> None:
        """Make the file that `write` writes durable under its final name."""
        ...

    def sizes(self, files: Iterable[tuple[str, str]]) -> dict[str, int]:
        """Bytes of each (kind, segment id) that exists, by segment id."""
        ...

    def remove(self, kind: str, segment_id: str) -> None:
        """Remove the file if it is there."""
        ...

    def strays(self) -> Iterator[tuple[str, str, str]]:
        """(path, kind, segment id) of every file here, temporary ones included."""
        ...

    def discard(self, path: str) -> None:
        """Remove a stray by its path."""
        ...

    def open(self, kind: str, segment_id: str) -> Any:
        """The file, open for reading bytes."""
        ...

    def owner(self) -> str | None:
        """The name of the ledger whose segments these are; None before the first."""
        ...

    def own(self, ledger: str) -> None:
        """Record the name of the ledger whose segments these are."""
        ...

    def filesystem(self) -> Any:
        """The fsspec filesystem DuckDB has to be told of; None for a local folder."""
        ...


class LocalPlace:
    """Segments under a local folder: <kind>/<first two hex digits>/<segment id>.parquet."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, kind: str, segment_id: str) -> str:
        return f"{self.root}/{kind}/{segment_id[:2]}/{segment_id}{_SUFFIX}"

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

    def sizes(self, files: Iterable[tuple[str, str]]) -> dict[str, int]:
        found = {}
        for kind, segment_id in files:
            try:
                found[segment_id] = os.stat(self.path(kind, segment_id)).st_size  # noqa: PTH116 (thousands of them)
            except FileNotFoundError:
                continue
        return found

    def remove(self, kind: str, segment_id: str) -> None:
        Path(self.path(kind, segment_id)).unlink(missing_ok=True)

    def strays(self) -> Iterator[tuple[str, str, str]]:
        for path in self.root.glob("*/??/*"):
            name = _NAME.fullmatch(path.name)
            if name:
                yield str(path), path.parent.parent.name, name[1]

    def open(self, kind: str, segment_id: str) -> Any:
        return Path(self.path(kind, segment_id)).open("rb")

    def discard(self, path: str) -> None:
        """Remove a stray by its path."""
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


class RemotePlace:
    """Segments under an fsspec URL; files are written under `scratch` first."""

    def __init__(self, url: str, scratch: Path) -> None:
        self.url = url.rstrip("/")
        self.scratch = scratch
        self._fs, self._root = _filesystem(self.url)

    def path(self, kind: str, segment_id: str) -> str:
        return f"{self.url}/{kind}/{segment_id[:2]}/{segment_id}{_SUFFIX}"

    def put(self, kind: str, segment_id: str, write: Callable[[Path], None]) -> None:
        temporary = self.scratch / f"{TEMPORARY}{segment_id}{_SUFFIX}"
        with explained(self.scratch):
            self.scratch.mkdir(parents=True, exist_ok=True)
            try:
                write(temporary)
                failpoints.hit("segment.temp_written")
                sync(temporary)
                failpoints.hit("segment.fsynced")
                target = self._target(kind, segment_id)
                self._fs.makedirs(target.rsplit("/", 1)[0], exist_ok=True)
                self._fs.put_file(str(temporary), target)
            finally:
                temporary.unlink(missing_ok=True)
        failpoints.hit("segment.renamed")

    def sizes(self, files: Iterable[tuple[str, str]]) -> dict[str, int]:
        wanted = {segment_id for _, segment_id in files}
        listed = self._fs.find(self._root, detail=True) if self._fs.exists(self._root) else {}
        names = {str(name).rsplit("/", 1)[-1].removesuffix(_SUFFIX): info["size"] for name, info in listed.items()}
        return {segment_id: int(names[segment_id]) for segment_id in wanted & names.keys()}

    def remove(self, kind: str, segment_id: str) -> None:
        target = self._target(kind, segment_id)
        if self._fs.exists(target):
            self._fs.rm_file(target)

    def strays(self) -> Iterator[tuple[str, str, str]]:
        for path in self._fs.find(self._root) if self._fs.exists(self._root) else []:
            name = _NAME.fullmatch(str(path).rsplit("/", 1)[-1])
            if name:
                yield str(path), str(path).rsplit("/", 3)[1], name[1]
        for local in self.scratch.glob(f"{TEMPORARY}*"):
            name = _NAME.fullmatch(local.name)
            if name:
                yield str(local), "", name[1]

    def open(self, kind: str, segment_id: str) -> Any:
        return self._fs.open(self._target(kind, segment_id), "rb")

    def discard(self, path: str) -> None:
        """Remove a stray by its path."""
        if Path(path).parent == self.scratch:
            Path(path).unlink(missing_ok=True)
        else:
            self._fs.rm_file(path)

    def owner(self) -> str | None:
        target = f"{self._root}/{OWNER}"
        return str(self._fs.cat_file(target).decode("ascii")).strip() if self._fs.exists(target) else None

    def own(self, ledger: str) -> None:
        self._fs.makedirs(self._root, exist_ok=True)
        self._fs.pipe_file(f"{self._root}/{OWNER}", f"{ledger}\n".encode("ascii"))

    def filesystem(self) -> Any:
        return self._fs

    def _target(self, kind: str, segment_id: str) -> str:
        return f"{self._root}/{kind}/{segment_id[:2]}/{segment_id}{_SUFFIX}"


def place_for(url: str | None, state: Path, root: Path) -> Place:
    """The place of a URL or path (relative to the workspace); the default is a folder of its state."""
    if url is None:
        return LocalPlace(state / "segments")
    return RemotePlace(url, state / "scratch") if "://" in url else LocalPlace(root / url)


def sync(path: Path) -> None:
    """fsync a file or a folder."""
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def _make_folder(folder: Path) -> None:
    """mkdir -p whose every new entry is durable."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    sync(folder.parent)


def _filesystem(url: str) -> tuple[Any, str]:
    import fsspec

    try:
        fs, root = fsspec.core.url_to_fs(url)
    except (ValueError, ImportError) as error:
        raise SetupError(
            f"segments url {url!r} cannot be opened ({error}).",
            next_command="install its fsspec driver or correct rollmill.toml",
        ) from error
    return fs, str(root).rstrip("/")
