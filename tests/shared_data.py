"""The real problems and rollouts of ../shared/data, for tests marked `data`, and one message where they are missing."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def shared_data(name: str) -> Path:
    """The file `name`; a test without it fails, as a missing file is not a pass."""
    path = ROOT.parent / "shared" / "data" / name
    if not path.exists():
        pytest.fail(f"the test data {name} is missing: expected it in ../shared/data beside the checkout")
    return path
