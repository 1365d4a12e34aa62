"""Third schema of the ledger: attempts at servers, summed up by batch, replica and outcome."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
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
