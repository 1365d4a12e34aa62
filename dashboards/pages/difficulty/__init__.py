"""Difficulty and budget: how hard the problems are, and what draws cost and reached."""

from dashboards.pages.difficulty.page import show

__all__ = ["show"]
