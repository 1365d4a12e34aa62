"""`rollmill view`: filters under a name are kept, renamed and removed, and a mistake changes nothing."""

import json
from pathlib import Path

import pytest

from tests.flows.conftest import Run

pytestmark = pytest.mark.integration


def test_a_view_is_saved_renamed_and_removed(toy: Path, rollmill: Run) -> None:
    assert "No view is saved yet" in rollmill("view", "list").out
    assert rollmill("view", "save", "hard  and wrong", "outcome=incorrect&level=8").out == "Saved hard and wrong.\n"
    assert rollmill("view", "save", "other", "level=1", "--dry-run").status == 0
    assert json.loads(rollmill("view", "list", "--json").out) == [
        {"view": "hard and wrong", "query": "outcome=incorrect&level=8"}
    ]
    assert rollmill("view", "save", "b", "level=2").status == 0
    assert "there is a view 'b' already" in rollmill("view", "rename", "hard and wrong", "b").err
    assert rollmill("view", "rename", "hard and wrong", "a").status == 0
    assert rollmill("view", "save", "--", "-x", "level=3").status == 0
    assert rollmill("view", "list").out.split()[2:] == ["-x", "level=3", "a", "outcome=incorrect&level=8", "b", "level=2"]
    assert "unknown view 'c'" in rollmill("view", "remove", "c").err
    assert rollmill("view", "save", "\u202e", "level=3").status == 2
    assert rollmill("view", "save", "c", "").status == 2
    assert rollmill("view", "remove", "--", "-x").status == 0
    assert [one["view"] for one in json.loads(rollmill("view", "list", "--json").out)] == ["a", "b"]
    (toy / ".rollmill" / "views.json").write_text("[")
    assert "is damaged" in rollmill("view", "list").err
