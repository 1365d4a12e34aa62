"""Value types of the segment store's interface. Knows nothing of files, databases or the meaning of a row."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "problems",
    "completions",
    "verdicts",
    "outcomes",
    "scores",
    "decisions",
    "plan",
    "prompts",
    "stops",
    "judged",
    "threads",
    "sent",
]


@dataclass(frozen=True, slots=True)
class SegmentKey:
    """Key of a batch: rows of one kind, by one producer in one version, under an id derived from its content."""

    kind: Kind
    producer: str
    version: str
    batch_id: str


@dataclass(frozen=True, slots=True)
class Commit:
    """Result of a commit. `redundant`: the batch was already stored, and these rows were discarded.

    `repeated`: identities of rows that earlier batches had stored; the earlier rows are kept.
    """

    segment_id: str
    rows: int
    redundant: bool
    repeated: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class SegmentFile:
    """A durable file, registered or not. `columns` names its schema."""

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
    """A registered file: its number in the ledger, and whether it may repeat a row of an earlier segment."""

    seq: int
    overlaps: bool


@dataclass(frozen=True, slots=True)
class LostSegment:
    """A registered file found missing, short or altered. It has been unregistered, and its rows must be made again."""

    segment_id: str
    kind: Kind
    producer: str
    version: str
    rows: int
    problem: str
    path: str

    def line(self) -> str:
        """The loss in one line for a person."""
        # No engine drew these rows, so nothing else can make them again.
        again = "; import its file again" if self.producer.startswith("import:") else ""
        return f"segment {self.path} is {self.problem}: its {self.rows} {self.kind} are no longer counted as stored{again}"


@dataclass(frozen=True, slots=True)
class CompactReport:
    """Result of a compaction: files and rows before and after; repeated rows are dropped."""

    kind: Kind
    files_before: int
    files_after: int
    rows_before: int
    rows_after: int
