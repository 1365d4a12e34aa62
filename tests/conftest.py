"""What holds for every test file: it leaves the process in its first folder, and no bytecode of users' files behind."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

BEGAN = Path.cwd()


def pytest_collection_finish() -> None:
    """Bytecode of tests and program is kept; that of files in workspaces is not, as tests change them within a second."""
    sys.dont_write_bytecode = True
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"


@pytest.fixture(autouse=True, scope="module")
def _same_folder() -> Iterator[None]:
    """`rollmill --directory` changes the folder of its process, which here is that of all tests, fixtures included."""
    yield
    os.chdir(BEGAN)
