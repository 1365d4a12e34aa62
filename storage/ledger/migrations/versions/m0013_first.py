"""First schema of the ledger: the tables as they stood at revision 0013."""

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create every table, and the id of this ledger."""
    _runs()
    _trainings()
    _segments()
    _aftermath()
    _datasets()
    _verifiers()
    _audits()
    _attempts()
    _spend()
    _reserved()
    _forecasts()
    _imports()
    _firings()


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
        sa.Column("pauses", sa.JSON(), nullable=False, server_default="[]"),
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


def _trainings() -> None:
    op.create_table(
        "trainings",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("recipe", sa.JSON(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("started_at", sa.Float(), nullable=False),
        sa.Column("updated_at", sa.Float(), nullable=False),
        sa.Column("progress", sa.JSON(), nullable=False),
        sa.Column("summary", sa.JSON(), nullable=False),
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
        sa.Column("claims", sa.Text(), nullable=True),
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


def _verifiers() -> None:
    op.create_table(
        "verifiers",
        sa.Column("name", sa.String(), primary_key=True),
        sa.Column("version", sa.String(), primary_key=True),
        sa.Column("rules", sa.JSON(), nullable=False),
        sa.Column("seen_at", sa.Float(), nullable=False),
    )


def _audits() -> None:
    op.create_table(
        "audits",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("verifier", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("design", sa.JSON(), nullable=False),
        sa.Column("report", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
    )
    op.create_index("ix_audits_verifier", "audits", ["verifier", "version"])
    op.create_table(
        "audit_items",
        sa.Column("audit_id", sa.String(), sa.ForeignKey("audits.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("ordinal", sa.Integer(), primary_key=True),
        sa.Column("completion_id", sa.String(), nullable=False),
        sa.Column("problem_id", sa.String(), nullable=False),
        sa.Column("stratum", sa.String(), nullable=False),
        sa.Column("probability", sa.Float(), nullable=False),
        sa.Column("weight", sa.Float(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
    )
    op.create_table(
        "judgements",
        sa.Column("completion_id", sa.String(), primary_key=True),
        sa.Column("problem_id", sa.String(), primary_key=True),
        sa.Column("judge", sa.String(), primary_key=True),
        sa.Column("judgement", sa.String(), nullable=False),
        sa.Column("note", sa.String()),
        sa.Column("judged_at", sa.Float(), nullable=False),
    )


def _attempts() -> None:
    op.create_table(
        "attempts",
        sa.Column("run_id", sa.String(), primary_key=True),
        sa.Column("batch_id", sa.String(), primary_key=True),
        sa.Column("replica", sa.String(), primary_key=True),
        sa.Column("outcome", sa.String(), primary_key=True),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("last_completion", sa.String(), nullable=False),
        sa.Column("first_at", sa.Float(), nullable=False),
        sa.Column("last_at", sa.Float(), nullable=False),
    )


def _spend() -> None:
    op.create_table(
        "spend",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("command", sa.String(), nullable=False),
        sa.Column("batch_id", sa.String(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("batch", sa.Integer(), nullable=False),
        sa.Column("members", sa.String(), nullable=False),
        sa.Column("redundant", sa.Boolean(), nullable=False),
        sa.Column("completions", sa.BigInteger(), nullable=False),
        sa.Column("uncounted", sa.BigInteger(), nullable=False),
        sa.Column("tokens_in", sa.BigInteger(), nullable=False),
        sa.Column("tokens_out", sa.BigInteger(), nullable=False),
        sa.Column("units", sa.BigInteger(), nullable=False),
        sa.Column("unpriced", sa.BigInteger(), nullable=False),
        sa.Column("micros", sa.BigInteger(), nullable=False),
        sa.Column("bound_tokens", sa.BigInteger(), nullable=False),
        sa.Column("bound_units", sa.BigInteger(), nullable=False),
        sa.Column("paid_at", sa.Float(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False, server_default="draw"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_spend_run", "spend", ["run_id"])


def _reserved() -> None:
    op.create_table(
        "reserved",
        sa.Column("run_id", sa.String(), primary_key=True),
        sa.Column("batch_id", sa.String(), primary_key=True),
        sa.Column("host", sa.String(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("started", sa.Float(), nullable=False),
        sa.Column("tokens", sa.BigInteger(), nullable=False),
        sa.Column("units", sa.BigInteger(), nullable=False),
        sa.Column("under_way", sa.BigInteger(), nullable=True),
        sa.Column("purpose", sa.String(), nullable=False, server_default="draw"),
    )


def _forecasts() -> None:
    op.create_table(
        "forecasts",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("recipe_hash", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("forecast", sa.JSON(), nullable=False),
        sa.Column("made_at", sa.Float(), nullable=False),
        sa.Column("run_id", sa.String(), nullable=True),
        sa.Column("score", sa.JSON(), nullable=True),
        sa.Column("scored_at", sa.Float(), nullable=True),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_forecasts_recipe", "forecasts", ["recipe_hash"])


def _imports() -> None:
    op.create_table(
        "imports",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("of", sa.String(), nullable=True),
        sa.Column("file", sa.String(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("problems", sa.BigInteger(), nullable=False),
        sa.Column("completions", sa.BigInteger(), nullable=False),
        sa.Column("mapping", sa.JSON(), nullable=False),
        sa.Column("notes", sa.JSON(), nullable=False),
        sa.Column("imported_at", sa.Float(), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_imports_name", "imports", ["name"])


def _firings() -> None:
    op.create_table(
        "firings",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("schedule", sa.String(), nullable=False),
        sa.Column("recipe", sa.String(), nullable=False),
        sa.Column("fresh", sa.String(), nullable=True),
        sa.Column("number", sa.BigInteger(), nullable=True),
        sa.Column("run_id", sa.String(), nullable=True),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("said", sa.String(), nullable=False),
        sa.Column("host", sa.String(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("started", sa.Float(), nullable=False),
        sa.Column("fired_at", sa.Float(), nullable=False),
        sa.Column("ended_at", sa.Float(), nullable=True),
        sa.Column("resolved", sa.String(), nullable=True),
        sa.Column("flow_run", sa.String(), nullable=True),
        sa.Column("starts", sa.Integer(), nullable=False, server_default="0"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_firings_schedule", "firings", ["schedule"])
    op.create_index("ix_firings_flow_run", "firings", ["flow_run"], unique=True)
