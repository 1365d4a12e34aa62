"""Processes: scores of begun answers."""
