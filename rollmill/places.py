"""Folders of the installed program: of what it ships, and on the import path."""

from pathlib import Path

_PACKAGE = Path(__file__).absolute().parent
CHECKOUT = (_PACKAGE / "pipelines").resolve().parent
"""Folder of the shipped models, recipes and profiles: the checkout, or the package `rollmill` of an installed wheel."""
IMPORT_ROOT = _PACKAGE.parent
"""Folder on the import path: the checkout, or site-packages."""
