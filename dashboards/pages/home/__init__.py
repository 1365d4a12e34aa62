"""Home: what works, what needs a person, how runs ended, what they cost, and how pass rates went."""

from dashboards.pages.home.page import show

__all__ = ["show"]
