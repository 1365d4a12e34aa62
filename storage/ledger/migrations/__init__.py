"""Alembic scripts of the ledger, run by storage.ledger.migrate and never by hand."""
