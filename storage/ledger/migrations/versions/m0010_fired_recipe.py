"""Tenth schema of the ledger: the recipe of a firing as it stood when the schedule fired."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; of earlier firings nobody knows it."""
    op.add_column("firings", sa.Column("resolved", sa.String(), nullable=True))
