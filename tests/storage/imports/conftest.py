"""A workspace and files for the import tests."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rollmill.storage.workspace import Workspace
from tests.json_lines import write_lines

WriteLines = Callable[..., Path]


@pytest.fixture
def ws(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace.init(tmp_path / "ws") as workspace:
        yield workspace


@pytest.fixture
def jsonl(tmp_path: Path) -> WriteLines:
    """Write rows as JSON Lines and give the path."""

    def write(*rows: Any, name: str = "rows.jsonl") -> Path:
        path = tmp_path / name
        write_lines(path, rows)
        return path

    return write
