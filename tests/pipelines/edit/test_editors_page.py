"""docs/how-to/edit-texts-without-a-model.md has a row for every editor."""

from pathlib import Path

import pytest

from rollmill.pipelines.edit import EDITORS

PAGE = (Path(__file__).parents[3] / "docs/how-to/edit-texts-without-a-model.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", EDITORS)
def test_the_page_lists_every_editor(name: str) -> None:
    assert f"| `{name}` |" in PAGE
