"""Engines without a model: they compose, edit, compute or retrieve texts."""
