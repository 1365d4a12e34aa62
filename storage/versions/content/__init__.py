"""Content of a dataset version: its tables, digests, hash and card."""
