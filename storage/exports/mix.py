"""Several versions as one file, their rows one version after another, each row with the name of its version."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from rollmill.ground.errors import SetupError
from rollmill.ground.ids import digest128
from rollmill.storage.exports.write import Export, Row
from rollmill.storage.versions.resolve import VersionInfo

DATASET = "dataset"
"""The column that names the version."""


@dataclass(frozen=True, slots=True)
class MixPart:
    """A version of a mix. `most`: take whole problems, in the order of their hash, up to so many rows; None: all rows."""

    info: VersionInfo
    most: int | None = None

    def __post_init__(self) -> None:
        if self.most is not None and self.most < 1:
            raise SetupError(f"{self.most} rows of {self.info.ref}; at least 1.")


@dataclass(frozen=True, slots=True)
class Member:
    """A part with its own instance of the format and a connection to its rows."""

    part: MixPart
    chosen: Export
    connection: duckdb.DuckDBPyConnection

    def rows(self) -> Iterator[Row]:
        """The rows that the mix takes, in the format's order."""
        taken = self._taken()
        name = f"{self.part.info.name}@{self.part.info.folder}"
        for row in self.chosen.rows(self.connection):
            if taken is None or row["problem_id"] in taken:
                yield {**row, DATASET: name}

    def _taken(self) -> frozenset[str] | None:
        if self.part.most is None:
            return None
        sizes = Counter(row["problem_id"] for row in self.chosen.rows(self.connection))
        taken, count = [], 0
        # The hash is of the problem alone: versions with common problems take the same ones first.
        for problem in sorted(sizes, key=lambda problem_id: digest128(["mix", problem_id])):
            if count >= self.part.most:
                break
            taken.append(problem)
            count += sizes[problem]
        return frozenset(taken)


class Mix:
    """An export of several versions; a row repeated from an earlier version is left out."""

    def __init__(self, members: Sequence[Member]) -> None:
        self._members = members
        self._repeated = 0
        self._given = Counter[str]()

    @property
    def schema(self) -> pa.Schema:
        """The format's columns, and the version."""
        return self._members[0].chosen.schema.append(pa.field(DATASET, pa.string()))

    @property
    def connections(self) -> Sequence[duckdb.DuckDBPyConnection]:
        """The connection of each version."""
        return [member.connection for member in self._members]

    @property
    def left_out(self) -> Mapping[str, int]:
        """Number of rows left out by the format in all versions, and of repeated rows."""
        counts = sum((Counter(member.chosen.left_out) for member in self._members), Counter[str]())
        return {**counts, "rows that an earlier dataset has": self._repeated}

    @property
    def short(self) -> Mapping[str, int]:
        """Number of available rows of each version with fewer than requested, after reading."""
        wanted = {member.part.info.ref: member.part.most or 0 for member in self._members}
        return {name: self._given[name] for name, most in wanted.items() if self._given[name] < most}

    def rows(self, connection: duckdb.DuckDBPyConnection) -> Iterator[Row]:  # noqa: ARG002 - as every format
        """The rows of each version, through a connection of its own."""
        self._repeated = 0
        self._given.clear()
        keys: set[tuple[str, str]] = set()
        for member in self._members:
            for row in member.rows():
                self._given[member.part.info.ref] += 1
                key = (row["problem_id"], row.get("id", ""))  # rows of problems may have no other id
                if key in keys:
                    self._repeated += 1
                else:
                    keys.add(key)
                    yield row
