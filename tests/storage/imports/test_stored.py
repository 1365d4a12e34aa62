"""Which imports answer a problem set, those older than the ledger's records too, and their counts by model."""

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import delete

from rollmill.ground.records import Problem
from rollmill.storage.imports.problems import import_problems
from rollmill.storage.imports.rollouts import import_rollouts
from rollmill.storage.imports.spec import ImportSpec
from rollmill.storage.imports.stored import ModelCount, answering, model_counts, names_of
from rollmill.storage.ledger.models import ImportRow
from rollmill.storage.workspace import Workspace

WriteLines = Callable[..., Path]
SUM, SHARED, LONG = (Problem(f"{n}+{n}?", str(2 * n)) for n in (2, 3, 4))


@pytest.fixture
def two_sets(ws: Workspace, jsonl: WriteLines) -> Workspace:
    """The sets `a` (2+2, 3+3) and `b` (3+3, 4+4) with one import of rollouts each, and `c`, which brings 3+3 itself."""
    for name, members in (("a", (SUM, SHARED)), ("b", (SHARED, LONG))):
        rows = [{"id": problem.prompt, "prompt": problem.prompt, "reference": problem.reference} for problem in members]
        import_problems(ws, ImportSpec(jsonl(*rows, name=f"{name}.jsonl"), name))
        answers = [{"problem_id": problem.prompt, "model": m, "text": "?"} for problem in members for m in ("m", "n")]
        import_rollouts(ws, ImportSpec(jsonl(*answers, name=f"r{name}.jsonl"), f"r{name}", problems=name))
    own = {"problem_id": "x", "prompt": SHARED.prompt, "reference": SHARED.reference, "model": "m", "text": "own"}
    import_rollouts(ws, ImportSpec(jsonl(own), "c"))
    return ws


def test_an_import_answers_the_set_that_it_was_imported_for(two_sets: Workspace) -> None:
    assert names_of(two_sets.segments, "completions") == ["c", "ra", "rb"]
    assert [answering(two_sets, name) for name in ("a", "b", "c", "d")] == [("ra",), ("rb",), ("c",), ()]


def test_without_records_it_answers_the_set_that_has_all_its_problems(two_sets: Workspace) -> None:
    with two_sets.ledger.write() as session:
        session.execute(delete(ImportRow))
    assert [answering(two_sets, name) for name in ("a", "b", "c", "d")] == [("ra",), ("rb",), ("c",), ()]


def test_a_rollout_that_two_imports_hold_counts_with_the_first(two_sets: Workspace) -> None:
    prompts = {SUM.prompt_id, SHARED.prompt_id}
    assert model_counts(two_sets.segments, ["ra", "rb", "c"], prompts) == [
        ModelCount("ra", "m", 2, 2),
        ModelCount("ra", "n", 2, 2),
        ModelCount("c", "m", 1, 1),
    ]
    assert model_counts(two_sets.segments, ["rb"], prompts) == [ModelCount("rb", "m", 1, 1), ModelCount("rb", "n", 1, 1)]
    assert model_counts(two_sets.segments, [], prompts) == []
