"""What holds for every test file: it leaves the process in the folder where the tests began."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

BEGAN = Path.cwd()


@pytest.fixture(autouse=True, scope="module")
def _same_folder() -> Iterator[None]:
    """`rollmill --directory` changes the folder of its process, which here is that of all tests, fixtures included."""
    yield
    os.chdir(BEGAN)
