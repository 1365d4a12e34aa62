"""Imports are listed with their models; one that something needs stays, and rows that another import holds stay."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rollmill.ground.errors import SetupError
from rollmill.ground.records import PlanRow
from rollmill.storage.imports.problems import import_problems
from rollmill.storage.imports.removal import Removal, contents_of, imports_held, plan_removal, remove
from rollmill.storage.imports.rollouts import import_rollouts
from rollmill.storage.imports.spec import ImportSpec
from rollmill.storage.workspace import Workspace

pytestmark = pytest.mark.integration

WriteLines = Callable[..., Path]
SET = [{"id": str(n), "prompt": f"{n}+{n}?", "reference": str(2 * n)} for n in range(3)]


def rollouts(*models: str, problem: str = "0") -> list[dict[str, Any]]:
    return [{"problem_id": problem, "model": model, "sample_index": 0, "text": f"by {model}"} for model in models]


@pytest.fixture
def sums(ws: Workspace, jsonl: WriteLines) -> Workspace:
    """The set `sums` with the imports `a` (models m, n) and `b` (model n again, and o)."""
    import_problems(ws, ImportSpec(jsonl(*SET, name="sums.jsonl"), "sums"))
    import_rollouts(ws, ImportSpec(jsonl(*rollouts("m", "n"), name="a.jsonl"), "a", problems="sums"))
    import_rollouts(ws, ImportSpec(jsonl(*rollouts("n", "o"), name="b.jsonl"), "b", problems="sums"))
    return ws


def models(ws: Workspace) -> list[str]:
    return sorted(ws.segments.read("completions", columns=("model",))["model"].to_pylist())


def test_every_import_is_listed_with_its_models_and_files(sums: Workspace) -> None:
    assert [
        (contents.name, contents.problems, contents.rollouts, contents.of, dict(contents.models))
        for contents in imports_held(sums)
    ] == [
        ("a", 0, 2, "sums", {"m": 1, "n": 1}),
        ("b", 0, 2, "sums", {"n": 1, "o": 1}),
        ("sums", 3, 0, None, {}),
    ]
    [record] = contents_of(sums, "a").row()["records"]
    assert (Path(record["file"]).name, record["rows"], record["completions"]) == ("a.jsonl", 2, 2)
    assert record["mapping"]["text"] == "text"
    with pytest.raises(SetupError, match=r"unknown import 'sum'\. Did you mean 'sums'\? Valid: a, b, sums\."):
        contents_of(sums, "sum")


def test_rows_that_another_import_holds_stay(sums: Workspace) -> None:
    assert plan_removal(sums, "a") == Removal("a", 0, 2, 1, ())
    assert models(sums) == ["m", "n", "o"]
    assert remove(sums, "a") == Removal("a", 0, 2, 1, ())
    assert models(sums) == ["n", "o"]
    assert [contents.name for contents in imports_held(sums)] == ["b", "sums"]
    remove(sums, "b")
    assert models(sums) == []
    assert remove(sums, "sums") == Removal("sums", 3, 0, 0, ())
    assert imports_held(sums) == []


def test_a_removed_import_comes_again(sums: Workspace, jsonl: WriteLines) -> None:
    spec = ImportSpec(jsonl(*rollouts("m", "n"), name="a.jsonl"), "a", problems="sums")
    remove(sums, "a")
    assert import_rollouts(sums, spec).completions.new == 2
    sums.recover()
    assert models(sums) == ["m", "n", "o"]


def test_a_problem_set_stays_while_rollouts_answer_it(sums: Workspace) -> None:
    used = "the import 'sums' is used by the rollouts imported as a, the rollouts imported as b; nothing was removed"
    with pytest.raises(SetupError, match=used):
        remove(sums, "sums")
    assert models(sums) == ["m", "n", "o"]


def test_what_a_run_planned_or_its_recipe_names_stays(sums: Workspace) -> None:
    [first] = [row for row in sums.segments.read("completions").to_pylist() if row["model"] == "m"]
    sums.runs.open("r1", name="r", recipe={}, recipe_hash="0" * 64)
    sums.runs.commit_plan("r1", 0, [PlanRow("r1", 0, 0, 0, "p", first["prompt_id"], first["id"], 0, 0)], [])
    assert (plan_removal(sums, "a").used_by, plan_removal(sums, "b").used_by) == (("run r1",), ())
    recipe = {"problems": {"imported": "sums"}, "generate": {"engine": "imported", "imports": []}}
    sums.runs.open("r2", name="r", recipe=recipe, recipe_hash="1" * 64)
    assert plan_removal(sums, "b").used_by == ("run r2",)
    with pytest.raises(SetupError, match=r"the import 'a' is used by run r1, run r2; nothing was removed\."):
        remove(sums, "a")


def test_a_plan_that_comes_meanwhile_is_noticed(sums: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    from rollmill.storage.imports import removal

    def overtaken(ws: Workspace, name: str) -> Removal:
        removal = plan_removal(ws, name)
        ws.runs.open("r1", name="r", recipe={}, recipe_hash="0" * 64)
        return removal

    monkeypatch.setattr(removal, "plan_removal", overtaken)
    with pytest.raises(SetupError, match="another command wrote to this workspace meanwhile; nothing was removed"):
        remove(sums, "a")
    assert models(sums) == ["m", "n", "o"]
