"""An export in two files, for training and validation, with no template on both sides."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from storage.errors import SetupError
from storage.exports.write import Export, Row
from storage.ids import digest128


@dataclass(frozen=True, slots=True)
class Validation:
    """The file of the validation rows and their least share of all rows; whole templates are drawn by the seed.

    A problem without a template is a cluster of its own.
    """

    out: Path
    share: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.share < 1:
            raise SetupError(f"a validation share of {self.share}; it is above 0 and below 1.")

    def clusters(self, chosen: Export, connection: duckdb.DuckDBPyConnection) -> frozenset[str]:
        """The clusters of the validation file; SetupError where one template has all rows."""
        sizes = Counter(cluster_of(row) for row in chosen.rows(connection))
        if len(sizes) < 2:
            raise SetupError(
                f"{len(sizes)} template among the rows: it cannot be on one side only.", next_command="export one file"
            )
        clusters: set[str] = set()
        rows = 0
        for name in sorted(sizes, key=lambda name: digest128(["validation", self.seed, name])):
            if rows >= self.share * sizes.total() or len(clusters) == len(sizes) - 1:
                break
            clusters.add(name)
            rows += sizes[name]
        return frozenset(clusters)


def cluster_of(row: Row) -> str:
    """What stays together: the template, else the problem."""
    template: Any = row.get("template")
    return f"template {template}" if template else f"problem {row['problem_id']}"


def side(rows: Iterator[Row], clusters: frozenset[str], *, inside: bool) -> Iterator[Row]:
    """The rows of one side."""
    return (row for row in rows if (cluster_of(row) in clusters) == inside)
