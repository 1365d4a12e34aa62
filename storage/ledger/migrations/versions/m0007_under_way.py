"""Seventh schema of the ledger: how many requests of a reservation can be under way when its process is killed."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("reserved", sa.Column("under_way", sa.BigInteger(), nullable=True))
