"""First schema of the ledger: runs, progress, segments, batches, leases, lost and retired segments, dataset index."""

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create every table."""
    _runs()
    _segments()
    _aftermath()
    _datasets()


def _runs() -> None:
    identity = op.create_table("identity", sa.Column("id", sa.String(), primary_key=True))
    op.bulk_insert(identity, [{"id": secrets.token_hex(16)}])
    op.create_table(
        "runs",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("recipe", sa.JSON(), nullable=False),
        sa.Column("recipe_hash", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("started_at", sa.Float(), nullable=False),
        sa.Column("finished_at", sa.Float()),
        sa.Column("summary", sa.JSON(), nullable=False),
    )
    op.create_table(
        "progress",
        sa.Column("run_id", sa.String(), primary_key=True),
        sa.Column("stage", sa.String(), primary_key=True),
        sa.Column("done", sa.BigInteger(), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("tokens", sa.BigInteger(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.Column("updated_at", sa.Float(), nullable=False),
    )


def _segments() -> None:
    op.create_table(
        "segments",
        sa.Column("seq", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("id", sa.String(), nullable=False, unique=True),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("producer", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("checksum", sa.String(), nullable=False),
        sa.Column("columns", sa.String(), nullable=False),
        sa.Column("overlaps", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_segments_kind", "segments", ["kind", "producer", "version"])
    op.create_table(
        "batches",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("producer", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("batch_id", sa.String(), nullable=False),
        sa.Column("segment_id", sa.String(), sa.ForeignKey("segments.id"), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.UniqueConstraint("kind", "producer", "version", "batch_id", name="uq_batches_key"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_batches_segment", "batches", ["segment_id"])
    op.create_table(
        "run_batches",
        sa.Column("run_id", sa.String(), primary_key=True),
        sa.Column("batch", sa.Integer(), sa.ForeignKey("batches.id", ondelete="CASCADE"), primary_key=True),
    )
    op.create_index("ix_run_batches_batch", "run_batches", ["batch"])


def _aftermath() -> None:
    op.create_table(
        "lost_segments",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("producer", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("batches", sa.JSON(), nullable=False),
        sa.Column("problem", sa.String(), nullable=False),
        sa.Column("found_at", sa.Float(), nullable=False),
    )
    op.create_table(
        "retired_segments",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("retired_at", sa.Float(), nullable=False),
    )
    op.create_table(
        "leases",
        sa.Column("key", sa.String(), primary_key=True),
        sa.Column("token", sa.String(), nullable=False),
        sa.Column("host", sa.String(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("started", sa.Float(), nullable=False),
        sa.Column("expires_at", sa.Float(), nullable=False),
    )


def _datasets() -> None:
    op.create_table(
        "datasets",
        sa.Column("name", sa.String(), primary_key=True),
        sa.Column("number", sa.Integer(), primary_key=True),
        sa.Column("content_hash", sa.String(), nullable=False),
        sa.Column("kept_hash", sa.String(), nullable=False),
        sa.Column("parent", sa.String()),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("run", sa.String()),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("kept", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
    )
