"""New run: starts a recipe, an evaluation, an audit or an export, and shows beforehand what it will cost."""

from rollmill.dashboards.pages.start.page import show

__all__ = ["show"]
