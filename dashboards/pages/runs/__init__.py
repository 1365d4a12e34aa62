"""Runs: every run with its state, and the chosen one in full."""

from rollmill.dashboards.pages.runs.page import show

__all__ = ["show"]
