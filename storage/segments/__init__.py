"""Segments: immutable Parquet files of rows of one kind by one producer, registered in the ledger or nonexistent."""
