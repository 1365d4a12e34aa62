"""Curation through the command line, without Prefect: a version, nothing twice, only what is missing, a gate."""

import json
import os
import re
from pathlib import Path
from typing import Any

import duckdb
import pytest

from rollmill.flows.cli.summary import summary
from rollmill.storage.workspace import Workspace
from tests.flows.conftest import RECIPE, Curated, Run, retrain, said_as_json
from tests.json_lines import write_lines

pytestmark = pytest.mark.integration


def outcome(rollmill: Run, *arguments: str) -> dict[str, Any]:
    result = rollmill("curate", "toy.yaml", "--direct", "--json", *arguments)
    assert result.status == 0, result.err
    outcome: dict[str, Any] = json.loads(result.out)
    return outcome


def calls(folder: Path) -> int:
    return len((folder / "calls").read_text().splitlines()) if (folder / "calls").exists() else 0


@pytest.fixture
def counted(toy: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TOY_CALLS", str(toy / "calls"))
    return toy


def test_a_version_and_then_nothing_more(counted: Path, rollmill: Run, curated: Curated) -> None:
    first = curated()
    assert (first["version"], first["created"], first["parent"]) == (1, True, None)
    funnel = first["funnel"]
    assert funnel["drawn"] == calls(counted) == first["spent"]["drawn"]
    assert funnel["drawn"] == sum(funnel[name] for name in ("correct", "incorrect", "unparsed", "undecided"))
    assert funnel["drawn"] == funnel["kept"] + sum(funnel["dropped"].values())
    assert first["metrics"]["prefix"] == 4
    assert first["metrics"]["overall"]["judged"] == 48
    drawn, reports = calls(counted), {p.name: p.read_text() for p in (counted / "reports" / "toy").iterdir()}
    again = outcome(rollmill)
    assert (again["version"], again["created"], again["content_hash"]) == (1, False, first["content_hash"])
    assert again["spent"]["drawn"] == again["spent"]["judged"] == 0
    assert calls(counted) == drawn
    assert {p.name: p.read_text() for p in (counted / "reports" / "toy").iterdir()} == reports
    assert sorted(reports) == ["content.json", "levels.json", "metrics.json", "problems.json"]
    assert str(counted) not in "".join(reports.values())


def test_without_a_server_nothing_of_prefect_is_begun_and_a_line_says_how(toy: Path, rollmill: Run) -> None:
    result = rollmill("curate", "toy.yaml")
    assert result.status == 0
    (said,) = [text for text in result.err.splitlines() if "Prefect" in text]
    assert said == (
        "rollmill: no Prefect server stands, so none shows this run. Next: rollmill up, or the same command with --prefect"
    )
    assert not (toy / ".rollmill" / "prefect").exists()
    assert "Prefect" not in rollmill("curate", "toy.yaml", "--direct").err


def test_another_selector_draws_nothing_and_makes_version_two(counted: Path, rollmill: Run, curated: Curated) -> None:
    first = curated()
    drawn = calls(counted)
    second = outcome(rollmill, "--set", "select.options.per_problem=1")
    assert calls(counted) == drawn
    assert (second["version"], second["parent"]) == (2, first["content_hash"])
    assert second["funnel"]["kept"] == 12
    result = rollmill("dataset", "diff", "toy@v1", "toy@v2")
    assert "select.options.per_problem: 3 -> 1" in result.out
    assert "kept -> over_quota" in result.out


def test_a_larger_target_draws_only_what_is_missing(counted: Path, rollmill: Run, curated: Curated) -> None:
    first = curated()
    drawn = calls(counted)
    second = outcome(rollmill, "--set", "budget.options.target=4")
    assert second["funnel"]["drawn"] > first["funnel"]["drawn"]
    assert calls(counted) - drawn == second["spent"]["drawn"] < second["funnel"]["drawn"]
    ids = (counted / "calls").read_text().split()
    assert len(ids) == len(set(ids))


def test_a_deleted_segment_is_named_and_only_its_rows_are_drawn_again(
    counted: Path, rollmill: Run, curated: Curated
) -> None:
    first = curated()
    drawn = calls(counted)
    with Workspace.open() as workspace:
        segments = workspace.segments.registry.segments("completions")
        path = Path(workspace.segments.path(segments[0]))
    path.unlink()
    result = rollmill("curate", "toy.yaml", "--direct")
    assert result.status == 0
    assert f"segment {path.relative_to(counted)} is missing" in result.out
    assert calls(counted) - drawn == segments[0].rows
    assert f"({first['content_hash'][:8]}) already has this content: no new version" in result.out


def test_a_segment_corrupted_in_place_is_named_and_made_again(counted: Path, rollmill: Run, curated: Curated) -> None:
    first = curated()
    with Workspace.open() as workspace:
        segment = workspace.segments.registry.segments("verdicts")[0]
        path = Path(workspace.segments.path(segment))
    path.chmod(0o644)
    path.write_bytes(bytes(path.stat().st_size))
    again = outcome(rollmill)
    assert again["content_hash"] == first["content_hash"]
    assert any(str(path) in text or path.name in text for text in again["messages"])


def test_a_completion_that_answers_two_problems_counts_once(toy: Path, rollmill: Run) -> None:
    """Its second rollout was said to be stored already."""
    outcome = said_as_json(rollmill, "curate", "toy.yaml", "--direct")
    drawn = outcome["funnel"]["drawn"]
    assert "  rollouts  " not in summary(outcome, toy)
    outcome["funnel"]["drawn"] += 4
    shown = summary(outcome, toy)
    assert f"  completions  {drawn:>9,}   in 3 rounds: {drawn} drawn now, 0 already stored\n" in shown
    assert f"  rollouts     {drawn + 4:>9,}   some completions answer several problems\n" in shown


def test_the_summary(toy: Path, rollmill: Run) -> None:
    result = rollmill("curate", "toy.yaml", "--direct")
    lines = result.out.splitlines()
    assert lines[0].startswith("toy: toy@v1 (")
    assert lines[0].endswith(") published")
    assert " completions drawn, " in lines[1]
    for piece in (
        "  problems            12",
        "    correct ",
        "    unparsed ",
        "  kept ",
        "  dropped ",
        "drawing stopped by target_met",
    ):
        assert piece in result.out
    assert "  level  pass rate  95% interval" in result.out
    assert (
        "Rates: the first 4 completions of each problem, fixed before any verdict. Intervals over templates" in result.out
    )
    assert lines[-4:] == [
        "Next:",
        "  rollmill dataset show toy",
        "  rollmill dataset export toy --format sft --out toy.jsonl",
        "  rollmill dashboard",
    ]
    assert str(toy) not in result.out
    assert "stage=publish done=1 total=1" in result.err
    assert "nothing was drawn" in rollmill("curate", "toy.yaml", "--direct").out


def test_the_gate_names_the_rows_and_publishes_nothing(toy: Path, rollmill: Run) -> None:
    (toy / "toy.yaml").write_text(RECIPE.replace("min_kept: 10", "min_kept: 1000\n  level_shares: {1: [0.9, 1.0]}"))
    result = rollmill("curate", "toy.yaml", "--direct")
    assert result.status == 1
    assert "rollmill: the gate did not pass; nothing is published." in result.err
    assert "FAILED  kept: expected at least 1,000 rollouts, found " in result.err
    assert "FAILED  level" in result.err
    assert not list((toy / "datasets").glob("toy/v*"))
    assert rollmill("runs", "list").out.splitlines()[1].split()[1:3] == ["failed:", "gate"]
    assert "the gate did not pass" in rollmill("runs", "show").out


def test_held_out_problems_are_dropped_before_anything_is_drawn(counted: Path, rollmill: Run, curated: Curated) -> None:
    text = RECIPE.replace("split: held", "split: train").replace("count: 12\n    seed: 1", "count: 5\n    seed: 3")
    (counted / "toy.yaml").write_text(text)
    funnel = curated()["funnel"]
    assert (funnel["problems_made"], funnel["problems"]) == (12, 7)
    assert funnel["problems_dropped"] == {"held_out": 5, "near_duplicate": 0}
    (counted / "toy.yaml").write_text(text.replace("count: 5", "count: 12"))
    result = rollmill("curate", "toy.yaml", "--direct")
    assert (result.status, "every problem is one of the evaluation problems" in result.err) == (2, True)


def test_dry_run_writes_nothing(counted: Path, rollmill: Run) -> None:
    result = rollmill("curate", "toy.yaml", "--dry-run")
    assert "12 problems; the first round, 48 completions planned, 48 to draw" in result.out
    assert calls(counted) == 0
    with Workspace.open() as workspace:
        assert workspace.runs.list() == []
        assert workspace.segments.read("problems").num_rows == 0


def test_an_empty_import_is_a_mistake(toy: Path, rollmill: Run) -> None:
    (toy / "toy.yaml").write_text(
        "recipe_schema: 1\nname: toy\nproblems: {imported: nothing}\ngenerate: {engine: imported}\n"
    )
    result = rollmill("curate", "toy.yaml", "--direct")
    assert result.status == 2
    assert "no problems were imported as 'nothing'. Next: rollmill import problems FILE --name nothing" in result.err


def test_imported_rollouts_are_judged_selected_and_published(toy: Path, rollmill: Run) -> None:
    problems = [{"prompt": f"What is {n} + 1?", "reference": str(n + 1), "id": f"p{n}"} for n in range(6)]
    answers = [
        {
            "problem": f"p{n}",
            "completion": f"It is {n + 1 if sample else n + 2}. #### {n + 1 if sample else n + 2}",
            "sample": sample,
        }
        for n in range(6)
        for sample in range(2)
    ]
    write_lines(toy / "problems.jsonl", problems)
    write_lines(toy / "answers.jsonl", answers)
    mapping = ("--map", "problem_id=problem", "--map", "text=completion", "--map", "sample_index=sample")
    assert rollmill("import", "problems", "problems.jsonl", "--name", "mine").status == 0
    result = rollmill("import", "rollouts", "answers.jsonl", "--name", "mine", "--problems", "mine", *mapping)
    assert result.status == 0, result.err
    (toy / "toy.yaml").write_text(
        "recipe_schema: 1\nname: toy\nproblems: {imported: mine}\ngenerate: {engine: imported}\nselect: {method: quota}\n"
    )
    found = outcome(rollmill)
    assert (found["funnel"]["drawn"], found["funnel"]["correct"], found["funnel"]["kept"]) == (12, 6, 6)
    assert found["metrics"]["prefix"] is None
    assert found["metrics"]["overall"]["pass_rate"] == 0.5
    assert outcome(rollmill)["created"] is False


def test_an_unfinished_run_is_not_mixed_with_another_model(
    toy: Path, rollmill: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    (toy / "toy.yaml").write_text(RECIPE.replace("min_kept: 10", "min_kept: 1000"))
    assert rollmill("curate", "toy.yaml", "--direct").status == 1
    retrain(toy, monkeypatch)
    result = rollmill("curate", "toy.yaml", "--direct")
    assert result.status == 2
    assert re.search(r"other parts \(model_digest was digest-toy-1-0.5\+file.\w\w, is retrained\+file.\w{8}\)", result.err)
    assert "--keep-going" in result.err
    rollmill("curate", "toy.yaml", "--direct", "--keep-going")
    assert len(json.loads(rollmill("runs", "list", "--json").out)) == 2
    again = rollmill("curate", "toy.yaml", "--direct")  # what was begun anew goes on without saying so again
    assert (again.status, "the gate did not pass" in again.err) == (1, True)
    assert len(json.loads(rollmill("runs", "list", "--json").out)) == 2


@pytest.mark.sqlite
def test_a_read_only_workspace_is_told_in_one_line(toy: Path, rollmill: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with Workspace.open(toy) as workspace:
        workspace.runs.list()  # makes the ledger
    if os.geteuid() == 0:  # root may write everywhere: ask the code that answers for the ledger instead
        monkeypatch.setattr("rollmill.storage.ledger.engine._writable", lambda _: False)
    else:
        (toy / ".rollmill").chmod(0o500)
    result = rollmill("curate", "toy.yaml", "--direct")
    assert result.status == 2
    assert "read-only" in result.err
    assert result.err.count("\n") == 1


def test_the_published_file_is_an_ordinary_database(toy: Path, rollmill: Run, curated: Curated) -> None:
    path = Path(curated()["path"]) / "dataset.duckdb"
    with duckdb.connect(str(path), read_only=True) as connection:
        rows = connection.execute("select count(*), count(distinct problem_id) from kept").fetchone()
    assert rows is not None
    assert rows[1] == 12


def test_select_over_a_lost_segment_says_what_to_do(counted: Path, rollmill: Run, curated: Curated) -> None:
    curated()
    next((counted / ".rollmill" / "segments" / "completions").rglob("*.parquet")).unlink()
    result = rollmill("select", "toy.yaml")
    assert result.status == 2
    assert "is no longer whole: completion " in result.err
    assert "rollmill curate RECIPE" in result.err


def test_an_interrupted_query_ends_the_run_as_interrupted(
    counted: Path, rollmill: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object) -> None:
        raise RuntimeError("Query interrupted")

    monkeypatch.setattr("rollmill.flows.jobs.curate.outcome_of", stopped)
    assert rollmill("curate", "toy.yaml", "--direct").status == 130
    with Workspace.open(counted) as workspace:
        assert workspace.runs.list()[0].status == "interrupted"


def test_made_problems_are_kept_apart_from_a_test_set_that_grows(counted: Path, rollmill: Run) -> None:
    """What is dropped depends on the imported set, so the stored problems do too."""
    text = RECIPE.partition("evaluation:")[0] + "evaluation: [{imported: test}]\n"
    (counted / "toy.yaml").write_text(text)
    dropped = []
    for rows in (range(3, 5), range(3, 6)):
        file = counted / "test.jsonl"
        file.write_text("".join(f'{{"prompt": "What is {n} + {n + 997}?", "reference": "0"}}\n' for n in rows))
        assert rollmill("import", "problems", "test.jsonl", "--name", "test").status == 0
        dropped.append(outcome(rollmill)["funnel"]["problems_dropped"]["held_out"])
    assert dropped == [2, 3]
    assert rollmill("dataset", "verify", "toy", "--base", ".").status == 0
