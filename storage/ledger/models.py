"""The ledger's tables. Small rows only: texts live in segments. Knows nothing of engines or transactions.

Times are seconds since 1970 by the database's clock. A segment is a file; a batch is a registered unit of work and
points to the segment that holds its rows, so that compaction can move rows without forgetting what was done.
"""

from typing import Any

from sqlalchemy import JSON, BigInteger, Boolean, Float, ForeignKey, Index, Integer, String, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

SCHEMA_REVISION = "0001"


class Base(DeclarativeBase):
    """The metadata that migrations are checked against."""


class IdentityRow(Base):
    """The one row that tells this ledger from every other; its segments carry the same name."""

    __tablename__ = "identity"
    id: Mapped[str] = mapped_column(String, primary_key=True)


class RunRow(Base):
    """One named execution of a recipe."""

    __tablename__ = "runs"
    id: Mapped[str] = mapped_column(String, primary_key=True)
    name: Mapped[str] = mapped_column(String)
    recipe: Mapped[dict[str, Any]] = mapped_column(JSON)
    recipe_hash: Mapped[str] = mapped_column(String)
    status: Mapped[str] = mapped_column(String)
    started_at: Mapped[float] = mapped_column(Float)
    finished_at: Mapped[float | None] = mapped_column(Float)
    summary: Mapped[dict[str, Any]] = mapped_column(JSON)


class ProgressRow(Base):
    """How far one stage of a run is."""

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
    """One registered Parquet file. `overlaps`: it may repeat a row of a segment registered earlier."""

    __tablename__ = "segments"
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
    """One committed unit of work; its unique key is what makes a commit safe against a second one."""

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
    """Who works on what, until when. Saves work; safety is the unique key of batches."""

    __tablename__ = "leases"
    key: Mapped[str] = mapped_column(String, primary_key=True)
    token: Mapped[str] = mapped_column(String)
    host: Mapped[str] = mapped_column(String)
    pid: Mapped[int] = mapped_column(Integer)
    started: Mapped[float] = mapped_column(Float)
    expires_at: Mapped[float] = mapped_column(Float)


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
