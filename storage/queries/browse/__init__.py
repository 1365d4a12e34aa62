"""Queries of single rows: searches, problems, lineage."""
