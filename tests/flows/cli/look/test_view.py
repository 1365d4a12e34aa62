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


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("nonsense", "unknown parameter of Explore 'nonsense'. Valid: cols, colsby, correct, down, kept, level, model"),
        ("outcom=incorrect", "unknown parameter of Explore 'outcom'. Did you mean 'outcome'?"),
        ("outcome=incorect", "unknown outcome 'incorect'. Did you mean 'incorrect'?"),
        ("kept=true", "unknown kept 'true'. Valid: no, none, yes."),
        ("rows=rollouts&sort=pass+rate", "unknown sort 'pass rate'."),
        ("level=hard", "level 'hard' is not a number."),
        ("correct=3", "correct '3' is not K of N."),
        ("cols=problem,levl", "unknown column of problems 'levl'. Did you mean 'level'?"),
        ("rows=rollouts&cols=pass+rate", "unknown column of rollouts 'pass rate'."),
        ("rowsby=colour", "unknown rowsby 'colour'. Valid: correct, kept, level"),
        ("rowsby=level&colsby=level", "rowsby and colsby are both 'level'; a heat map needs two facets."),
        ("of=version+toy%40v1&page=2", "a view keeps filters, and the query has none."),
    ],
)
def test_filters_that_explore_would_overlook_are_refused(toy: Path, rollmill: Run, query: str, message: str) -> None:
    result = rollmill("view", "save", "mine", query)
    assert (result.status, result.err.count("\n")) == (2, 1)
    assert message in result.err
    assert rollmill("view", "save", "mine", query, "--dry-run").status == 2
    assert not (toy / ".rollmill" / "views.json").exists()


def test_a_view_keeps_the_filters_of_an_address(toy: Path, rollmill: Run) -> None:
    address = "?of=version+toy%40v1&correct=3+of+8&correct=none&level=1&sort=pass+rate&down=yes&problem=ab&text="
    assert rollmill("view", "save", "mine", address).status == 0
    [view] = json.loads(rollmill("view", "list", "--json").out)
    assert view["query"] == "correct=3+of+8&correct=none&level=1&sort=pass+rate&down=yes"
    table = "cols=pass+rate,level&rowsby=model&colsby=level"
    assert rollmill("view", "save", "table", table).status == 0
    assert json.loads(rollmill("view", "list", "--json").out)[1]["query"] == table.replace(",", "%2C")
