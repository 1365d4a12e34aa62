"""Eleventh schema of the ledger: the pauses of a run, so that its seconds are those in which a command worked on it."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; of earlier runs no pause is known."""
    op.add_column("runs", sa.Column("pauses", sa.JSON(), nullable=False, server_default="[]"))
