"""Explore: every problem and rollout of a run or version, by facets, charts and text."""

from rollmill.dashboards.pages.explore.page import show

__all__ = ["show"]
