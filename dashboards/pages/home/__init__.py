"""Home: running work, open tasks of people, ended runs, their costs, and the trend of pass rates."""

from rollmill.dashboards.pages.home.page import show

__all__ = ["show"]
