"""Verbs for dataset versions."""
