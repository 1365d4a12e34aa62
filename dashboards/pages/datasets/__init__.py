"""Datasets: the versions of one, how each differs from the one before, and what a person does with one."""

from dashboards.pages.datasets.page import show

__all__ = ["show"]
