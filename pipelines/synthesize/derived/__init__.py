"""Synthesizers that derive problems from problems, and the lineage that every derived problem states."""
