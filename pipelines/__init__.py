"""Steps: pure functions over records, one folder per kind of step. None of them knows the workspace or Prefect."""

from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
"""The folder that our packages lie in: a checkout, or what an installed wheel puts on its path."""
