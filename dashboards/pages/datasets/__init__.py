"""Datasets: the versions of a dataset, the changes from one to the next, and actions on a version."""

from rollmill.dashboards.pages.datasets.page import show

__all__ = ["show"]
