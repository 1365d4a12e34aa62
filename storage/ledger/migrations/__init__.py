"""Alembic scripts of the ledger, run by rollmill.storage.ledger.engine and never by hand."""
