"""The order file of a training: the rows of each step with their weights, appended step by step, published as Parquet."""

import csv
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rollmill.ground.files import sync
from rollmill.pipelines.train.roles import TokenBatch
from rollmill.pipelines.train.rows import EncodedRow

COLUMNS = ("step", "row", "problem_id", "weight", "tokens")


class OrderFile:
    """Rows of the steps so far, in a CSV file. A resumed training cuts what a killed one wrote after its checkpoint."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def cut(self, steps: int) -> None:
        """Keep the first `steps` steps."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        kept = self._lines(steps)
        temporary = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        with temporary.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(kept)
        sync(temporary)
        temporary.replace(self.path)  # a kill in between leaves the whole file

    def _lines(self, steps: int) -> list[list[str]]:
        if not self.path.exists():
            return []
        with self.path.open(encoding="utf-8", newline="") as file:
            # A line that a kill left half written is behind the last checkpoint.
            return [line for line in csv.reader(file) if len(line) == len(COLUMNS) and int(line[0]) <= steps]

    def add(self, step: int, rows: Sequence[EncodedRow], batch: TokenBatch) -> None:
        """The rows of a step with their trained tokens in its batch."""
        _, once = np.unique(batch.places, return_index=True)  # a place may have several targets
        counts = np.bincount(batch.row[batch.sequence[once]], minlength=len(rows))
        self.add_rows(step, [(row, int(count)) for row, count in zip(rows, counts, strict=True)])

    def add_rows(self, step: int, rows: Sequence[tuple[EncodedRow, int]]) -> None:
        """Rows of a step, which is counted from 0 and written from 1, with their trained tokens."""
        lines = [(step + 1, row.id, row.problem, row.weight, count) for row, count in rows]
        with self.path.open("a", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(lines)

    def rows(self) -> int:
        """Number of its lines."""
        return len(self._lines(2**62))

    def tokens(self) -> int:
        """Trained tokens of all lines."""
        return sum(int(line[-1]) for line in self._lines(2**62))

    def sync(self) -> None:
        """Make the lines so far durable."""
        sync(self.path)

    def to_parquet(self, out: Path) -> None:
        """Write the whole file as Parquet: step, row, problem_id, weight, tokens."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        self.sync()
        columns: list[Sequence[str]] = list(zip(*self._lines(2**62), strict=True))
        kinds = (int, str, str, float, int)
        table = {name: [kind(text) for text in texts] for name, kind, texts in zip(COLUMNS, kinds, columns, strict=True)}
        pq.write_table(pa.table(table), out, compression="zstd")
