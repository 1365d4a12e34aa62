"""The turns of a problem as a map: a graph whose nodes open their texts."""

from rollmill.dashboards.parts.thread_map.show import show_threads

__all__ = ["show_threads"]
