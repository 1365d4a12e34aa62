"""Models: their versions with lineage, loss curves and evaluations, and the trainings that make them."""

from rollmill.dashboards.pages.models.page import show

__all__ = ["show"]
