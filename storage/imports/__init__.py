"""Problems and rollouts made elsewhere, imported into a workspace: all rows of a file, or none of them.

Formats are JSONL, Parquet and CSV (or TSV), each also gzipped. The import knows columns and their usual names; it judges
nothing: a rollout's label is kept with it and never becomes a verdict.
"""
