"""Difficulty and budget: the pass rates of problems, and the cost and results of draws."""

from rollmill.dashboards.pages.difficulty.page import show

__all__ = ["show"]
