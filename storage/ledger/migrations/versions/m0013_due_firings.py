"""Thirteenth schema of the ledger: firings are written down when they fall due, with Prefect's id of each."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; earlier firings have begun already and need no id."""
    op.add_column("firings", sa.Column("flow_run", sa.String(), nullable=True))
    op.add_column("firings", sa.Column("starts", sa.Integer(), nullable=False, server_default="0"))
    op.create_index("ix_firings_flow_run", "firings", ["flow_run"], unique=True)
