"""Alembic's environment, without offline mode: rollmill.storage.ledger.engine gives the connection and its transaction."""

from alembic import context

from rollmill.storage.ledger.models import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    transactional_ddl=True,
    render_as_batch=True,
)
context.run_migrations()
