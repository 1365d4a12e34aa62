"""The values the segment store takes and gives. Knows nothing of files, databases or what a row means."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["problems", "completions", "verdicts", "scores", "decisions", "plan", "stops", "threads"]


@dataclass(frozen=True, slots=True)
class SegmentKey:
    """What a batch is: rows of one kind, by one producer in one version, under an id that follows from its content."""

    kind: Kind
    producer: str
    version: str
    batch_id: str


@dataclass(frozen=True, slots=True)
class Commit:
    """What became of a commit. `redundant`: the batch was there already, and these rows were thrown away.

    `repeated`: identities of rows that other batches had stored before; those are the rows that exist.
    """

    segment_id: str
    rows: int
    redundant: bool
    repeated: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class SegmentFile:
    """A durable file, registered or not yet. `columns` names the schema it was written with."""

    id: str
    kind: Kind
    producer: str
    version: str
    rows: int
    bytes: int
    checksum: str
    columns: str


@dataclass(frozen=True, slots=True)
class Segment(SegmentFile):
    """A registered file: its number in the ledger, and whether it may repeat a row of a segment registered earlier."""

    seq: int
    overlaps: bool


@dataclass(frozen=True, slots=True)
class LostSegment:
    """A registered file that is missing, short or altered; it is no longer registered and its rows are to be made again."""

    segment_id: str
    kind: Kind
    producer: str
    version: str
    rows: int
    problem: str
    path: str

    def line(self) -> str:
        """One line for a person."""
        # Nothing else can make these rows again: no engine drew them.
        again = "; import its file again" if self.producer.startswith("import:") else ""
        return f"segment {self.path} is {self.problem}: its {self.rows} {self.kind} are no longer counted as stored{again}"


@dataclass(frozen=True, slots=True)
class CompactReport:
    """What a compaction did: files and rows before and after; repeated rows are dropped."""

    kind: Kind
    files_before: int
    files_after: int
    rows_before: int
    rows_after: int
