"""Alembic's environment: the connection and its transaction come from storage.ledger.engine. Has no offline mode."""

from alembic import context

from storage.ledger.models import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    transactional_ddl=True,
    render_as_batch=True,
)
context.run_migrations()
