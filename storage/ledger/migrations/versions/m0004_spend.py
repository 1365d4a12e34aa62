"""Fourth schema of the ledger: what runs paid, what is reserved under a limit, and forecasts with their scores."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    _spend()
    _reserved()
    _forecasts()


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
