"""Steps: pure functions over records, one folder per kind of step. None of them knows the workspace or Prefect."""

if __name__ == "pipelines":  # found because the checkout is on the path
    raise ImportError("import rollmill.pipelines")

from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
"""Folder of the shipped models, recipes and profiles: the checkout, or the package `rollmill` of an installed wheel."""
IMPORT_ROOT = Path(__file__).absolute().parents[2]
"""Folder on the import path: the checkout, or site-packages."""
