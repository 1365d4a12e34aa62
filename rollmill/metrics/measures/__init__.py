"""Metrics by name, for `measure`."""
