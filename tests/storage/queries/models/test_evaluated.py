"""Evaluations of models: which cells are of which version, and a family's numbers over its versions."""

from datetime import UTC, datetime
from typing import Any

import pytest

from rollmill.storage.queries.models.evaluated import (
    cells_of_version,
    family_cells,
    family_metrics,
    family_series,
    is_of,
    measured_cells,
    runs_of_version,
)
from rollmill.storage.queries.models.versions import model_lines
from rollmill.storage.runs import Run
from tests.storage.queries.models.conftest import Family


def cell_run(model: str, digest: str | None, value: float = 0.5, **changed: Any) -> Run:
    """A measured cell of the evaluation `held`: `sums` asked of a model of this name and digest."""
    generate = {"engine": "embedded", "model": f"models/{model}", "temperature": 1.0, **changed}
    recipe = {
        "generate": generate,
        "cell": {"evaluation": "held", "benchmark": "sums", "model": "row"},
        "resolved": {"model_digest": digest, "problems": "p", "verifiers": [["number", "1"]]},
        "prefix": 4,
    }
    number = {"metric": "pass@k", "k": 1, "group": {}, "value": value, "low": value - 0.1, "high": value + 0.1, "n": 7}
    rows = [
        {**number, "k": 4, "value": 0.9, "high": 1.0},
        number,
        {**number, "group": {"level": 1}},
        {**number, "k": 8, "value": None},
    ]
    run_id = f"held.sums.{model}-{value}"
    return Run(run_id, "held.sums.row", recipe, "h", "done", datetime.now(UTC), None, {"models": [model], "metrics": rows})


def test_a_cell_has_the_measured_rows_of_whole_benchmarks(family: Family) -> None:
    unfinished = cell_run("student@v1", "d")
    [cell] = measured_cells([cell_run("student@v1", "d"), Run(**{**vars_of(unfinished), "status": "failed"})])
    assert sorted(cell.rows) == ["pass@1", "pass@4"]
    assert family_metrics([cell]) == ["pass@1", "pass@4"]
    assert (cell.evaluation, cell.benchmark, cell.sampling) == ("held", "sums", "temperature 1.0")


def vars_of(run: Run) -> dict[str, Any]:
    return {name: getattr(run, name) for name in Run.__slots__}


@pytest.mark.parametrize(
    ("engine", "name", "digest", "found"),
    [
        ("embedded", "student@v1", "own", "student@v1"),
        ("embedded", "other name", "own", "student@v1"),
        ("embedded", "student@v1", "another", None),  # other files under its name
        ("vllm", "student@v2", "another", "student@v2"),
        ("vllm", "models/student@v2", None, "student@v2"),
        ("vllm", "student", None, None),
    ],
)
def test_a_cell_is_of_a_version_by_digest_or_by_name_where_engines_have_digests_of_their_own(
    family: Family, engine: str, name: str, digest: str | None, found: str | None
) -> None:
    lines = model_lines(family.reader)
    own = next(line.digest for line in lines if line.ref == "student@v1")
    [cell] = measured_cells([cell_run(name, own if digest == "own" else digest, engine=engine)])
    assert [line.ref for line in lines if is_of(cell, line)] == ([] if found is None else [found])


def test_a_series_runs_over_the_versions_from_the_initial_model_on(family: Family) -> None:
    lines = [line for line in model_lines(family.reader) if line.name == "student"]
    digests = {line.ref: line.digest for line in lines}
    runs = [
        cell_run("student@v2", digests["student@v2"], 0.7),
        cell_run("student@v1", digests["student@v1"], 0.6),
        cell_run("student@v1", digests["student@v1"], 0.3),  # an older measurement of the same
        cell_run("base", "b", 0.5),
        cell_run("base", "b", 0.2, temperature=0.5),  # other sampling, and no version measured so
        cell_run("stranger", "s", 0.9),
    ]
    cells = family_cells(lines, measured_cells(runs))
    [series] = family_series(cells, "pass@1")
    assert (series.evaluation, series.benchmark) == ("held", "sums")
    assert [(point.number, point.model, point.value, point.problems) for point in series.points] == [
        (0, "base", 0.5, 7),
        (1, "student@v1", 0.6, 7),
        (2, "student@v2", 0.7, 7),
    ]
    assert (series.points[2].low, series.points[2].high) == pytest.approx((0.6, 0.8))
    assert series.points[2].run == "held.sums.student@v2-0.7"
    assert family_series(cells, "maj@8") == []


def test_of_a_version_the_newest_cell_of_each_comparison_counts(family: Family) -> None:
    [line] = [line for line in model_lines(family.reader) if line.ref == "student@v1"]
    cells = measured_cells([cell_run("student@v1", line.digest, 0.6), cell_run("student@v1", line.digest, 0.3)])
    assert [cell.run for cell in cells_of_version(cells, line)] == ["held.sums.student@v1-0.6"]


def test_a_run_drew_with_a_version_if_one_of_its_steps_did(family: Family) -> None:
    [line] = [line for line in model_lines(family.reader) if line.ref == "student@v1"]
    evaluation = cell_run("student@v1", line.digest)
    steps = [
        {"name": "solve", "engine": "embedded", "model": "models/base"},
        {"name": "check", "engine": "embedded", "model": "models/student@v1"},
    ]
    resolved = {"model_digest": "b", "steps": [["solve", "embedded", "b"], ["check", "embedded", line.digest]]}
    stepped = Run("s-1", "s", {"steps": steps, "resolved": resolved}, "h", "done", datetime.now(UTC))
    others = Run("s-2", "s", {"steps": steps[:1], "resolved": {"model_digest": "b"}}, "h", "done", datetime.now(UTC))
    pilot = Run("p", "s", {**stepped.recipe, "pilot": 1}, "h", "done", datetime.now(UTC))
    assert [run.id for run in runs_of_version([evaluation, stepped, others, pilot], line)] == ["s-1"]
