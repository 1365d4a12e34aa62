"""An evaluation as a job: scores, segments that turn out corrupt, what is drawn anew; the toy engine counts its calls."""

import json
from pathlib import Path
from typing import Any

import pytest

from rollmill.storage.segments import store
from rollmill.storage.workspace import Workspace
from tests.flows.conftest import Run

pytestmark = pytest.mark.integration

EVALUATION = """\
evaluation_schema: 1
name: sums
seed: 3
samples: 4
benchmarks:
  - {name: small, synthesize: "toys.py:ToyProblems", count: 12, prompt_template: "Add. {prompt}"}
models:
  - {name: good, engine: "toys.py:ToyEngine", model: toy-1, max_tokens: 16, options: {chance: 0.7}}
metrics:
  - {metric: pass@k, ks: [1]}
"""


@pytest.fixture
def sums(toy: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace with a small evaluation of one cell in sums.yaml; every call of its engine is a line in `calls`."""
    (toy / "sums.yaml").write_text(EVALUATION)
    monkeypatch.setenv("TOY_CALLS", str(toy / "calls"))
    return toy


def cell(rollmill: Run, *arguments: str) -> dict[str, Any]:
    result = rollmill("evaluate", "sums.yaml", "--json", *arguments)
    assert result.status == 0, result.err
    report = json.loads(result.out)
    [cell] = report["cells"]
    return {**cell, "messages": report["messages"]}


def calls(folder: Path) -> int:
    return len((folder / "calls").read_text().split())


def test_a_stage_of_scores_lets_metrics_need_them(sums: Path, rollmill: Run) -> None:
    questions = [
        "{metric: auroc, score: answer_agreement}",
        "{metric: calibration, score: answer_agreement}",
        "{metric: selected@k, score: answer_agreement, ks: [4]}",
        "{metric: auroc, score: length}",
        "{metric: maj@k, ks: [4]}",
        "{metric: aggregate@k, ks: [4], aggregator: {method: best_of_n, options: {score: answer_agreement}}}",
    ]
    metrics = ("--set", f"metrics=[{', '.join(questions)}]")
    without = cell(rollmill, *metrics)["metrics"]
    assert [row["value"] is None for row in without] == [True, True, True, True, False, True]
    scored = ("--set", "score=[{method: answer_agreement}, {method: length}]", *metrics)
    rows = cell(rollmill, *scored)["metrics"]
    assert all(row["value"] is not None for row in rows)
    by_name = {row["metric"]: row["value"] for row in rows}
    assert by_name["selected@k"] == by_name["maj@k"]  # the answer that most agree with
    assert by_name["aggregate@k"] == by_name["maj@k"]
    assert calls(sums) == 48
    assert cell(rollmill, *scored)["metrics"] == rows


@pytest.mark.parametrize("kind", ["completions", "verdicts", "scores"])
def test_a_corrupt_segment_is_mended_by_the_same_command(
    sums: Path, rollmill: Run, monkeypatch: pytest.MonkeyPatch, kind: Any
) -> None:
    scored = ("--set", "score=[{method: length}]", "--set", "metrics=[{metric: pass@k}, {metric: auroc, score: length}]")
    first = cell(rollmill, *scored)
    with Workspace.open() as workspace:
        path = Path(workspace.segments.path(workspace.segments.registry.segments(kind)[0]))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x10
    path.chmod(0o644)
    path.write_bytes(bytes(content))
    monkeypatch.setattr(store, "DEEP_BYTES", -1)  # as in a large workspace, whose files are compared when they are read
    again = cell(rollmill, *scored)
    assert again["metrics"] == first["metrics"]
    assert any(path.name in text for text in again["messages"])
    assert calls(sums) == (96 if kind == "completions" else 48)


def test_a_redraw_is_drawn_beside_what_is_there(sums: Path, rollmill: Run) -> None:
    first, other = cell(rollmill), cell(rollmill, "--redraw", "1")
    assert calls(sums) == 96
    assert other["run"] != first["run"]
    assert cell(rollmill, "--set", "redraw=1")["run"] == other["run"]
    assert cell(rollmill)["run"] == first["run"]
    assert calls(sums) == 96
    with Workspace.open() as workspace:
        assert workspace.runs.get(other["run"]).recipe["generate"]["redraw"] == 1


def test_keys_of_meta_are_groups_with_and_without_their_prefix(sums: Path, rollmill: Run) -> None:
    text = (sums / "toys.py").read_text()
    meta = 'meta={"parity": number % 2, "level": "of meta"}, template='
    (sums / "toys.py").write_text(text.replace("template=", meta, 1))
    by = [f"{{metric: pass@k, ks: [1], by: [{name}]}}" for name in ("parity", "meta.parity", "level", "meta.level")]
    unknown = rollmill("evaluate", "sums.yaml", "--set", "metrics=[{metric: pass@k, by: [paritie]}]")
    assert unknown.status == 2
    assert "unknown group 'paritie'." in unknown.err
    assert "meta.level, meta.parity" in unknown.err
    assert not (sums / "calls").exists()

    rows = cell(rollmill, "--set", f"metrics=[{', '.join(by)}]")["metrics"]
    groups = [row["group"] for row in rows]
    assert groups[:4] == [{"parity": 0}, {"parity": 1}, {"meta.parity": 0}, {"meta.parity": 1}]
    assert groups[4:] == [{"level": 1}, {"level": 2}, {"level": 3}, {"meta.level": "of meta"}]
    assert [row["value"] for row in rows[:2]] == [row["value"] for row in rows[2:4]]
    compared = json.loads(rollmill("compare", "sums:good", "sums:good", "--by", "parity", "--json").out)["comparisons"]
    assert [part["group"] for part in compared[0]["strata"]["parity"]] == [0, 1]
    board = json.loads(rollmill("leaderboard", "sums", "--by", "parity", "--json").out)
    assert {row["benchmark"]: row["value"] for row in board["cells"]} == {"0": rows[0]["value"], "1": rows[1]["value"]}
    for words in (("compare", "sums", "sums"), ("leaderboard", "sums")):
        result = rollmill(*words, "--by", "paritie")
        assert (result.status, "unknown group 'paritie'. Valid: level, meta.level, meta.parity" in result.err) == (
            2,
            True,
        ), result.err
