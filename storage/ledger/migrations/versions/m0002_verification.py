"""Second schema of the ledger: rules of verifiers, audits with the rollouts drawn for a person, and judgements."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "verifiers",
        sa.Column("name", sa.String(), primary_key=True),
        sa.Column("version", sa.String(), primary_key=True),
        sa.Column("rules", sa.JSON(), nullable=False),
        sa.Column("seen_at", sa.Float(), nullable=False),
    )
    _audits()


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
