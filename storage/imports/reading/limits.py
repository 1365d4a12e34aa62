"""Limits of what an import reads, in bytes as unfolded: a few thousand bytes of a file may unfold to any number of them."""

from dataclasses import dataclass
from pathlib import Path

from rollmill.ground.errors import SetupError

MAX_ROW = 64 << 20
"""Bytes of one row, a line for instance."""
MAX_HELD = 64 << 20
"""Bytes of rows held together in memory, at their size in the file or a batch of it."""
MAX_WAITING = 16 << 20
"""Bytes of records that wait for one segment: its tables, its encoded columns and its file take six times as much."""
MAX_BLANK = 1 << 20
"""Blank lines in a row."""
_LEAST, _RATIO = 256 << 20, 100


@dataclass
class Unfolded:
    """Number of bytes unfolded from a file so far. `most`: the limit."""

    path: Path
    most: int
    bytes: int = 0

    @classmethod
    def of(cls, path: Path, most: int | None = None) -> "Unfolded":
        """Limit for a file or a folder; by default 256 MiB or a hundred times its size on disk, whichever is more."""
        files = (file for file in path.rglob("*") if file.is_file()) if path.is_dir() else (path,)
        return cls(path, most or max(_LEAST, _RATIO * sum(file.stat().st_size for file in files)))

    def add(self, count: int) -> None:
        """Count more bytes; SetupError beyond the limit."""
        self.bytes += count
        self.check(self.bytes)

    def check(self, count: int) -> None:
        """SetupError if the file may not unfold to so many bytes."""
        if count > self.most:
            raise SetupError(
                f"{self.path} unfolds to more than {self.most:,} bytes; nothing was stored.",
                next_command=f"--max-bytes {4 * self.most}, if it is meant to be so large",
            )

    def check_row(self, count: int, where: str) -> None:
        """SetupError for a row that is too long."""
        if count > MAX_ROW:
            raise SetupError(f"{self.path}, {where} is longer than {MAX_ROW >> 20} MiB; nothing was stored.")
