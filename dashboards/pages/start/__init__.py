"""New run: a recipe, an evaluation, an audit or an export is started, with what it will take beside it."""

from dashboards.pages.start.page import show

__all__ = ["show"]
