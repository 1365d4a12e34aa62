"""Compare: models on the benchmarks they share, with their differences, curves, costs and replays."""

from rollmill.dashboards.pages.compare.page import show

__all__ = ["show"]
