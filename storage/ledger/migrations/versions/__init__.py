"""Migrations of the ledger's schema, in order; a released one is never edited."""
