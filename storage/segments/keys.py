"""Kinds of rows with their columns, and the value types of the segment store's interface; loads no Arrow."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

from rollmill.ground.records import (
    AcceptedOutcome,
    Completion,
    Decision,
    JudgedRow,
    PlanRow,
    Problem,
    Score,
    StopRow,
    ThreadRow,
    Verdict,
)

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
class SentPrompt:
    """Messages as a model gets them, without the beginning of an answer: JSON of `role`, `content` and perhaps `name`.

    `id` is their digest: all completions of a problem on one template share a prompt.
    """

    id: str
    messages: str


@dataclass(frozen=True, slots=True)
class PromptOf:
    """The SentPrompt of a completion in a version."""

    completion_id: str
    prompt: str


RECORDS: Mapping[Kind, type[Any]] = {
    "problems": Problem,
    "completions": Completion,
    "verdicts": Verdict,
    "outcomes": AcceptedOutcome,
    "scores": Score,
    "decisions": Decision,
    "plan": PlanRow,
    "prompts": SentPrompt,
    "stops": StopRow,
    "judged": JudgedRow,
    "threads": ThreadRow,
    "sent": PromptOf,
}
KINDS: tuple[Kind, ...] = tuple(kind for kind in RECORDS if kind not in ("threads", "sent"))
"""Kinds of rows in segments; threads and the prompts of completions exist only in versions, plans only in segments."""

_TYPES: Mapping[str, tuple[str, ...]] = {
    "BIGINT": (
        "level",
        "sample_index",
        "seed",
        "tokens_in",
        "tokens_out",
        "round",
        "batch",
        "ordinal",
        "training_step",
    ),
    "DOUBLE": ("cost", "logprob_sum", "self_certainty", "seconds", "value", "reward", "judged_at"),
    "BOOLEAN": ("kept",),
    "INTEGER[]": ("prompt_token_ids", "token_ids"),
    "FLOAT[]": ("logprobs",),
    "DOUBLE[]": ("steps",),
}
_TYPE_OF = {name: sql for sql, names in _TYPES.items() for name in names}
COLUMNS: Mapping[Kind, Mapping[str, str]] = {
    kind: {field.name: _TYPE_OF.get(field.name, "VARCHAR") for field in fields(record)} for kind, record in RECORDS.items()
}
"""DuckDB's type of each column of each kind."""


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
