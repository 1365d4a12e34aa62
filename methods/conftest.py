"""Fixtures and the choice of files by tier, as for the product's own tests."""

from tests.conftest import _ledgers, _same_folder, pytest_ignore_collect

__all__ = ["_ledgers", "_same_folder", "pytest_ignore_collect"]
