"""Fixtures of the product's own tests of commands and pages."""

from tests.flows.conftest import _shared_place, rollmill, toy

__all__ = ["_shared_place", "rollmill", "toy"]
