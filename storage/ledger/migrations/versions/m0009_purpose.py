"""Ninth schema of the ledger: what a payment and a reservation are for, the completions of a plan or a judge's votes."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; what was paid so far was paid for completions of plans."""
    for table in ("spend", "reserved"):
        op.add_column(table, sa.Column("purpose", sa.String(), nullable=False, server_default="draw"))
