"""Alembic scripts of the ledger, run by storage.ledger.engine and never by hand."""
