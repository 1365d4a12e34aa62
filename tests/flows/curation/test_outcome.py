"""The reports that DVC compares: which numbers they hold, and that a file changes only when they do."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from rollmill.flows.curation.outcome import write_json, write_problem_report, write_reports
from rollmill.flows.problems import RecipeProblems
from rollmill.ground.records import Problem

FUNNEL = {
    "problems": 3,
    "problems_solved": 2,
    "drawn": 12,
    "correct": 5,
    "incorrect": 6,
    "unparsed": 1,
    "undecided": 0,
    "kept": 4,
    "dropped": {"not correct": 7, "over_quota": 1},
    "tokens_out": 96,
    "rounds": 2,
}
LEVEL = {"pass_rate": 0.25, "low": 0.1, "high": 0.5, "kept": 1}
METRICS = {
    "prefix": 4,
    "overall": {"pass_rate": 0.5, "pass_at": {"1": 0.5, "2": 0.75}},
    "levels": {"1": {**LEVEL, "pass_rate": 0.75}, "2": LEVEL},
}


def problem(number: int, level: int | None) -> Problem:
    return Problem(f"{number}?", str(number), level=level)


def decided_run(root: Path) -> tuple[Any, Any]:
    """What the reports read of a decided run and of its version."""
    recipe_problems = RecipeProblems(
        (problem(1, 1), problem(2, 2), problem(3, None)), 5, {"held_out": 2, "near_duplicate": 0}
    )
    loaded = SimpleNamespace(recipe=SimpleNamespace(name="sums"), recipe_hash="abc")
    spec = SimpleNamespace(problem_set=recipe_problems)
    decided = SimpleNamespace(
        run=SimpleNamespace(workspace=SimpleNamespace(root=root), loaded=loaded, spec=spec),
        snapshot=SimpleNamespace(manifest={"funnel": FUNNEL, "metrics": METRICS}),
    )
    return decided, SimpleNamespace(name="sums", content_hash="c" * 8, kept_hash="k" * 8)


def test_the_reports_hold_numbers_and_neither_times_nor_paths(tmp_path: Path) -> None:
    decided, version = decided_run(tmp_path)
    paths = write_reports(decided, version)
    reports = {path.stem: json.loads(path.read_text()) for path in paths}
    assert [path.relative_to(tmp_path).parent.as_posix() for path in paths] == ["reports/sums"] * 4
    assert reports["problems"] == {
        "digest": decided.run.spec.problem_set.digest,
        "made": 5,
        "dropped": {"held_out": 2, "near_duplicate": 0},
        "problems": 3,
        "levels": {"1": 1, "2": 1, "none": 1},
    }
    assert reports["content"] == {
        "dataset": "sums",
        "content_hash": "cccccccc",
        "kept_hash": "kkkkkkkk",
        "recipe_hash": "abc",
    }
    assert reports["metrics"] == {
        **{name: value for name, value in FUNNEL.items() if name != "rounds"},
        "pass_rate": 0.5,
        "pass_at": {"k1": 0.5, "k2": 0.75},
        "level": {"L1": 0.75, "L2": 0.25},
    }
    assert reports["levels"] == [
        {"level": "1", "pass_rate": 0.75, "low": 0.1, "high": 0.5},
        {"level": "2", "pass_rate": 0.25, "low": 0.1, "high": 0.5},
    ]


def test_a_file_changes_only_when_its_value_does(tmp_path: Path) -> None:
    path = write_json(tmp_path / "reports" / "x.json", {"b": 1, "a": "é"})
    assert path.read_text() == '{\n  "b": 1,\n  "a": "é"\n}\n'
    before = path.stat().st_mtime_ns
    assert write_json(path, {"b": 1, "a": "é"}).stat().st_mtime_ns == before
    write_json(path, {"b": 2})
    assert path.read_text() == '{\n  "b": 2\n}\n'


def test_the_order_of_problems_changes_no_report(tmp_path: Path) -> None:
    decided, _ = decided_run(tmp_path)
    path = write_problem_report(tmp_path, decided.run.loaded, decided.run.spec.problem_set)
    before = path.read_text()
    turned = RecipeProblems(decided.run.spec.problem_set.problems[::-1], 5, decided.run.spec.problem_set.dropped)
    assert write_problem_report(tmp_path, decided.run.loaded, turned).read_text() == before
