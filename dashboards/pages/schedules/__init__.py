"""Schedules: when each fires next, how its last firings ended, and the server that fires them."""

from rollmill.dashboards.pages.schedules.page import show

__all__ = ["show"]
