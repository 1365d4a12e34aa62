"""Processes that score unfinished answers."""
