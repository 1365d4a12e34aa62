"""The ledger's tables. Small rows only: texts live in segments. Knows nothing of engines or transactions.

Times are seconds since 1970 by the database's clock. A segment is a file; a batch is a registered unit of work and
points to the segment that holds its rows, so that compaction can move rows and keep the record of finished work.
"""

import re
from typing import Any

from sqlalchemy import JSON, BigInteger, Boolean, Float, ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

from rollmill.ground.errors import SetupError

_PLAIN = re.compile(r"[\w.@:/+=%][\w.@:/+=%-]*")
SCHEMA_REVISION = "0013"


class Base(DeclarativeBase):
    """The metadata that migrations are checked against."""


class PlainName(TypeDecorator[str]):
    """A text that commands to copy repeat, `rollmill runs show NAME`. SetupError for one that a shell would run: the ledger
    may be somebody else's.
    """

    impl = String
    cache_ok = True

    def process_result_value(self, value: str | None, dialect: object) -> str | None:  # noqa: ARG002 - SQLAlchemy's
        if value and not _PLAIN.fullmatch(value):
            raise SetupError(
                f"the ledger has the name {value[:80]!r}, which nothing of Rollmill's has: somebody else wrote it.",
                next_command="mv .rollmill .rollmill.theirs",
            )
        return value


class IdentityRow(Base):
    """Id of this ledger, in a single row; its segments carry the same name."""

    __tablename__ = "identity"
    id: Mapped[str] = mapped_column(String, primary_key=True)


class RunRow(Base):
    """A named execution of a recipe. `pauses`: [begin, end] of the times between its commands."""

    __tablename__ = "runs"
    id: Mapped[str] = mapped_column(PlainName, primary_key=True)
    name: Mapped[str] = mapped_column(PlainName)
    recipe: Mapped[dict[str, Any]] = mapped_column(JSON)
    recipe_hash: Mapped[str] = mapped_column(String)
    status: Mapped[str] = mapped_column(String)
    started_at: Mapped[float] = mapped_column(Float)
    finished_at: Mapped[float | None] = mapped_column(Float)
    summary: Mapped[dict[str, Any]] = mapped_column(JSON)
    pauses: Mapped[list[list[float]]] = mapped_column(JSON, server_default="[]")


class TrainingRow(Base):
    """A training of a model, by the hash of all that decides it. `progress`: of its last report."""

    __tablename__ = "trainings"
    id: Mapped[str] = mapped_column(PlainName, primary_key=True)
    name: Mapped[str] = mapped_column(PlainName)
    recipe: Mapped[dict[str, Any]] = mapped_column(JSON)
    status: Mapped[str] = mapped_column(String)
    started_at: Mapped[float] = mapped_column(Float)
    updated_at: Mapped[float] = mapped_column(Float)
    progress: Mapped[dict[str, Any]] = mapped_column(JSON)
    summary: Mapped[dict[str, Any]] = mapped_column(JSON)


class ProgressRow(Base):
    """Progress of one stage of a run."""

    __tablename__ = "progress"
    run_id: Mapped[str] = mapped_column(String, primary_key=True)
    stage: Mapped[str] = mapped_column(String, primary_key=True)
    done: Mapped[int] = mapped_column(BigInteger)
    total: Mapped[int] = mapped_column(BigInteger)
    tokens: Mapped[int] = mapped_column(BigInteger)
    seconds: Mapped[float] = mapped_column(Float)
    detail: Mapped[dict[str, Any]] = mapped_column(JSON)
    updated_at: Mapped[float] = mapped_column(Float)


class SegmentRow(Base):
    """A registered Parquet file. `overlaps`: it may repeat a row of a segment registered earlier."""

    __tablename__ = "segments"
    # Autoincrement: a number is never used again, so that a change of a listing shows in its numbers alone.
    __table_args__ = (Index("ix_segments_kind", "kind", "producer", "version"), {"sqlite_autoincrement": True})
    seq: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(String, unique=True)
    kind: Mapped[str] = mapped_column(String)
    producer: Mapped[str] = mapped_column(String)
    version: Mapped[str] = mapped_column(String)
    rows: Mapped[int] = mapped_column(BigInteger)
    bytes: Mapped[int] = mapped_column(BigInteger)
    checksum: Mapped[str] = mapped_column(String)
    columns: Mapped[str] = mapped_column(String)
    overlaps: Mapped[bool] = mapped_column(Boolean)
    created_at: Mapped[float] = mapped_column(Float)


class BatchRow(Base):
    """A committed unit of work; its unique key makes a commit safe against a second one."""

    __tablename__ = "batches"
    __table_args__ = (
        UniqueConstraint("kind", "producer", "version", "batch_id", name="uq_batches_key"),
        Index("ix_batches_segment", "segment_id"),
        {"sqlite_autoincrement": True},
    )
    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    kind: Mapped[str] = mapped_column(String)
    producer: Mapped[str] = mapped_column(String)
    version: Mapped[str] = mapped_column(String)
    batch_id: Mapped[str] = mapped_column(String)
    segment_id: Mapped[str] = mapped_column(ForeignKey("segments.id"))
    rows: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[float] = mapped_column(Float)


class RunBatchRow(Base):
    """A run made or used a batch."""

    __tablename__ = "run_batches"
    run_id: Mapped[str] = mapped_column(String, primary_key=True)
    batch: Mapped[int] = mapped_column(ForeignKey("batches.id", ondelete="CASCADE"), primary_key=True, index=True)


class LostSegmentRow(Base):
    """A segment that was registered and whose file is gone, short or altered; its rows are to be made again."""

    __tablename__ = "lost_segments"
    id: Mapped[str] = mapped_column(String, primary_key=True)
    kind: Mapped[str] = mapped_column(String)
    producer: Mapped[str] = mapped_column(String)
    version: Mapped[str] = mapped_column(String)
    rows: Mapped[int] = mapped_column(BigInteger)
    batches: Mapped[list[str]] = mapped_column(JSON)
    problem: Mapped[str] = mapped_column(String)
    found_at: Mapped[float] = mapped_column(Float)


class RetiredSegmentRow(Base):
    """A file that compaction replaced; kept a while for readers that listed it before the swap."""

    __tablename__ = "retired_segments"
    id: Mapped[str] = mapped_column(String, primary_key=True)
    kind: Mapped[str] = mapped_column(String)
    retired_at: Mapped[float] = mapped_column(Float)


class LeaseRow(Base):
    """Holder of a lease, with its key and expiry. Saves work; safety is the unique key of batches.

    `claims`: ids, with spaces between them, of the completions that its holder draws, whatever other batches hold them.
    """

    __tablename__ = "leases"
    key: Mapped[str] = mapped_column(String, primary_key=True)
    token: Mapped[str] = mapped_column(String)
    host: Mapped[str] = mapped_column(String)
    pid: Mapped[int] = mapped_column(Integer)
    started: Mapped[float] = mapped_column(Float)
    expires_at: Mapped[float] = mapped_column(Float)
    # Deferred: the ids of a batch are tens of kilobytes, and a query for holders does not need them.
    claims: Mapped[str | None] = mapped_column(Text, deferred=True)


class DatasetRow(Base):
    """Index of the dataset versions seen here; index.json and the manifests are the truth and rebuild it."""

    __tablename__ = "datasets"
    name: Mapped[str] = mapped_column(String, primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    content_hash: Mapped[str] = mapped_column(String)
    kept_hash: Mapped[str] = mapped_column(String)
    parent: Mapped[str | None] = mapped_column(String)
    path: Mapped[str] = mapped_column(String)
    run: Mapped[str | None] = mapped_column(String)
    rows: Mapped[int] = mapped_column(BigInteger)
    kept: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[float] = mapped_column(Float)
    detail: Mapped[dict[str, Any]] = mapped_column(JSON)


class VerifierRow(Base):
    """The rules that one version of a verifier tried, in their order, each with its own version and perhaps plain words."""

    __tablename__ = "verifiers"
    name: Mapped[str] = mapped_column(String, primary_key=True)
    version: Mapped[str] = mapped_column(String, primary_key=True)
    rules: Mapped[list[list[str]]] = mapped_column(JSON)
    seen_at: Mapped[float] = mapped_column(Float)


class AuditRow(Base):
    """An audit of one version of a verifier: its sampling, and its report.

    `kind`: `natural` (random rollouts for a person to judge) or `planted` (a stress test). `source`: the run or dataset.
    """

    __tablename__ = "audits"
    __table_args__ = (Index("ix_audits_verifier", "verifier", "version"),)
    id: Mapped[str] = mapped_column(PlainName, primary_key=True)
    verifier: Mapped[str] = mapped_column(String)
    version: Mapped[str] = mapped_column(String)
    kind: Mapped[str] = mapped_column(String)
    source: Mapped[str] = mapped_column(String)
    design: Mapped[dict[str, Any]] = mapped_column(JSON)
    report: Mapped[dict[str, Any]] = mapped_column(JSON)
    created_at: Mapped[float] = mapped_column(Float)


class AuditItemRow(Base):
    """A rollout drawn for a person to judge, with its inclusion probability; `ordinal` is the order of review.

    `weight`: its share in the mean pass rate over problems. `outcome`: that of the verifier.
    """

    __tablename__ = "audit_items"
    audit_id: Mapped[str] = mapped_column(ForeignKey("audits.id", ondelete="CASCADE"), primary_key=True)
    ordinal: Mapped[int] = mapped_column(Integer, primary_key=True)
    completion_id: Mapped[str] = mapped_column(String)
    problem_id: Mapped[str] = mapped_column(String)
    stratum: Mapped[str] = mapped_column(String)
    probability: Mapped[float] = mapped_column(Float)
    weight: Mapped[float] = mapped_column(Float)
    outcome: Mapped[str] = mapped_column(String)


class JudgementRow(Base):
    """A person's judgement of a rollout. It belongs to the rollout: every audit that drew it uses it."""

    __tablename__ = "judgements"
    completion_id: Mapped[str] = mapped_column(String, primary_key=True)
    problem_id: Mapped[str] = mapped_column(String, primary_key=True)
    judge: Mapped[str] = mapped_column(String, primary_key=True)
    judgement: Mapped[str] = mapped_column(String)
    note: Mapped[str | None] = mapped_column(String)
    judged_at: Mapped[float] = mapped_column(Float)


class AttemptRow(Base):
    """Attempts of one outcome (`ok`, `http_429`, `timeout`, ...) at one replica for one batch of a run, summed up."""

    __tablename__ = "attempts"
    run_id: Mapped[str] = mapped_column(String, primary_key=True)
    batch_id: Mapped[str] = mapped_column(String, primary_key=True)
    replica: Mapped[str] = mapped_column(String, primary_key=True)
    outcome: Mapped[str] = mapped_column(String, primary_key=True)
    count: Mapped[int] = mapped_column(BigInteger)
    seconds: Mapped[float] = mapped_column(Float)
    last_completion: Mapped[str] = mapped_column(String)
    first_at: Mapped[float] = mapped_column(Float)
    last_at: Mapped[float] = mapped_column(Float)


class SpendRow(Base):
    """Payment for one commit of drawn completions: a batch of a run, or the part of it that a command drew.

    `members`: which of the batch's distinct completions, a bit each in hexadecimal, the first the lowest. `units`: money,
    see rollmill.ground.money; `micros`: engine seconds. `uncounted`: completions without token counts, `unpriced`:
    without a cost. `bound_*`: what those may have taken at most, which counts against a limit. `redundant`: another command
    was first. Without completions: requests in flight when a command was killed. `purpose`:
    rollmill.storage.spending.PURPOSES.
    """

    __tablename__ = "spend"
    __table_args__ = (Index("ix_spend_run", "run_id"), {"sqlite_autoincrement": True})
    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    run_id: Mapped[str] = mapped_column(String)
    command: Mapped[str] = mapped_column(String)
    batch_id: Mapped[str] = mapped_column(String)
    round: Mapped[int] = mapped_column(Integer)
    batch: Mapped[int] = mapped_column(Integer)
    members: Mapped[str] = mapped_column(String)
    redundant: Mapped[bool] = mapped_column(Boolean)
    completions: Mapped[int] = mapped_column(BigInteger)
    uncounted: Mapped[int] = mapped_column(BigInteger)
    tokens_in: Mapped[int] = mapped_column(BigInteger)
    tokens_out: Mapped[int] = mapped_column(BigInteger)
    units: Mapped[int] = mapped_column(BigInteger)
    unpriced: Mapped[int] = mapped_column(BigInteger)
    micros: Mapped[int] = mapped_column(BigInteger)
    bound_tokens: Mapped[int] = mapped_column(BigInteger)
    bound_units: Mapped[int] = mapped_column(BigInteger)
    purpose: Mapped[str] = mapped_column(String, server_default="draw")
    paid_at: Mapped[float] = mapped_column(Float)


class ReservedRow(Base):
    """Reservation of a command for a batch under a limit: drawn and not committed, and under way at its worst case.

    `under_way`: the most requests at servers, all that a kill can cost; null: possibly all of them.
    """

    __tablename__ = "reserved"
    run_id: Mapped[str] = mapped_column(String, primary_key=True)
    batch_id: Mapped[str] = mapped_column(String, primary_key=True)
    host: Mapped[str] = mapped_column(String)
    pid: Mapped[int] = mapped_column(Integer)
    started: Mapped[float] = mapped_column(Float)
    tokens: Mapped[int] = mapped_column(BigInteger)
    units: Mapped[int] = mapped_column(BigInteger)
    under_way: Mapped[int | None] = mapped_column(BigInteger)
    purpose: Mapped[str] = mapped_column(String, server_default="draw")


class ImportRow(Base):
    """An import of one file, recorded with its rows. `of`: the problem set of its rollouts."""

    __tablename__ = "imports"
    __table_args__ = (Index("ix_imports_name", "name"), {"sqlite_autoincrement": True})
    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    name: Mapped[str] = mapped_column(PlainName)
    kind: Mapped[str] = mapped_column(String)
    of: Mapped[str | None] = mapped_column(PlainName)
    file: Mapped[str] = mapped_column(String)
    rows: Mapped[int] = mapped_column(BigInteger)
    problems: Mapped[int] = mapped_column(BigInteger)
    completions: Mapped[int] = mapped_column(BigInteger)
    mapping: Mapped[dict[str, str]] = mapped_column(JSON)
    notes: Mapped[list[str]] = mapped_column(JSON)
    imported_at: Mapped[float] = mapped_column(Float)


class FiringRow(Base):
    """A start of a schedule, with its process. `fresh`: the key of the recipe that got `number`. `resolved`: the recipe
    at that time, as JSON.
    """

    __tablename__ = "firings"
    __table_args__ = (
        Index("ix_firings_schedule", "schedule"),
        Index("ix_firings_flow_run", "flow_run", unique=True),
        {"sqlite_autoincrement": True},
    )
    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    schedule: Mapped[str] = mapped_column(String)
    recipe: Mapped[str] = mapped_column(String)
    fresh: Mapped[str | None] = mapped_column(String)
    number: Mapped[int | None] = mapped_column(BigInteger)
    run_id: Mapped[str | None] = mapped_column(PlainName)
    status: Mapped[str] = mapped_column(String)
    said: Mapped[str] = mapped_column(String)
    host: Mapped[str] = mapped_column(String)
    pid: Mapped[int] = mapped_column(Integer)
    started: Mapped[float] = mapped_column(Float)
    fired_at: Mapped[float] = mapped_column(Float)
    ended_at: Mapped[float | None] = mapped_column(Float)
    resolved: Mapped[str | None] = mapped_column(String)
    flow_run: Mapped[str | None] = mapped_column(String)
    starts: Mapped[int] = mapped_column(Integer, server_default="0")


class ForecastRow(Base):
    """Forecast of the cost of a recipe's run, its source, and its score once the run has ended."""

    __tablename__ = "forecasts"
    __table_args__ = (Index("ix_forecasts_recipe", "recipe_hash"), {"sqlite_autoincrement": True})
    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    recipe_hash: Mapped[str] = mapped_column(String)
    name: Mapped[str] = mapped_column(PlainName)
    source: Mapped[str] = mapped_column(String)
    forecast: Mapped[dict[str, Any]] = mapped_column(JSON)
    made_at: Mapped[float] = mapped_column(Float)
    run_id: Mapped[str | None] = mapped_column(PlainName)
    score: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    scored_at: Mapped[float | None] = mapped_column(Float)
