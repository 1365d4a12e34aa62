"""Where segment files lie: a local folder or an fsspec URL. Says what a place can do; `local` and `remote` say how."""

import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol

OWNER = "ledger.txt"
TEMPORARY = ".tmp-"
SUFFIX = ".parquet"
_NAME = re.compile(r"(?:\.tmp-)?([0-9a-f]{44})\.parquet")


class Place(Protocol):
    """The files of a segment store. `where` names it for people."""

    where: str

    def path(self, kind: str, segment_id: str) -> str:
        """The path or URL that DuckDB reads."""
        ...

    def put(self, kind: str, segment_id: str, write: Callable[[Path], None]) -> None:
        """Make the file that `write` writes durable under its final name."""
        ...

    def sizes(self, files: Iterable[tuple[str, str]], *, fresh: bool = False) -> dict[str, int]:
        """Bytes of each (kind, segment id) that exists, by segment id; `fresh`: not from an earlier listing."""
        ...

    def remove(self, kind: str, segment_id: str) -> None:
        """Remove the file if it is there."""
        ...

    def files(self) -> Iterator[tuple[str, str]]:
        """(path, segment id) of every segment file here, temporary ones included."""
        ...

    def modified(self, path: str) -> float:
        """When a file that `files` named was last written, in seconds since 1970."""
        ...

    def discard(self, path: str) -> None:
        """Remove a file that `files` named."""
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


def file_id_of(name: str) -> str | None:
    """The segment id in a file's name, temporary or final; None for a file that is no segment."""
    found = _NAME.fullmatch(name)
    return found[1] if found else None


def sync(path: Path) -> None:
    """fsync a file or a folder."""
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
