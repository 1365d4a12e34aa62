"""Files to begin with: a recipe of imported problems that is curated as it is, and a class for each kind of method."""

import re
from pathlib import Path
from typing import Any

import pytest

from rollmill.flows.cli.new import new_method
from rollmill.roles.registries import REGISTRIES
from tests.flows.conftest import Run, said_as_json

pytestmark = pytest.mark.integration


def test_a_recipe_of_imported_problems_runs_as_written(ten_sums: Path, rollmill: Run) -> None:
    assert (ten_sums / ".rollmill").is_dir()
    made = rollmill("recipe", "new", "first", "--problems", "sums")
    assert made.status == 0, made.err
    path = made.out.split()[0]
    assert rollmill("recipe", "check", path).status == 0
    assert "# system_prompt:" in Path(path).read_text()
    assert (rollmill("recipe", "new", "first").status, rollmill("recipe", "new", "a b").status) == (2, 2)
    other = rollmill("recipe", "new", "second", "--problems", "summs")
    assert (other.status, "sums" in other.err) == (2, True)


@pytest.mark.parametrize("kind", [place.kind for place in REGISTRIES.values()])
def test_a_class_of_each_kind_is_taken_for_one(
    kind: str, tmp_path: Path, rollmill: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = new_method(kind, "my-own")
    rows: Any = said_as_json(rollmill, "methods", kind, "--file", str(path))
    assert [row["method"] for row in rows] == ["my_own.py:MyOwn"]
    imported = re.findall(r"^(?:from|import) ([\w.]+)", path.read_text(), flags=re.MULTILINE)
    assert set(imported) <= {"collections.abc", "typing", "rollmill.methods"}
    assert "rollmill.methods" in imported or kind in (
        "orders",
        "warps",
        "exports",
    )  # these are given plain lists, arrays or a connection
    assert rollmill("methods", "new", kind, "my-own").status == 2


def test_it_says_where_the_product_has_such_a_method(
    tmp_path: Path, rollmill: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert rollmill("methods", "new", "selectors", "mine").out.splitlines() == [
        "mine.py is written.",
        "In the product it is pipelines/select/mine.py, with a line in pipelines/select/__init__.py and a row in "
        "tests/pipelines/select/test_contract.py.",
        "Next: rollmill methods --file mine.py",
    ]
