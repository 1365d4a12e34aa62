"""An evaluation from its file to reports, comparison and leaderboard, with a toy engine whose calls are counted."""

import json
from pathlib import Path

import pytest

import rollmill as face
from rollmill.flows.recipe.evaluations import load_evaluation
from rollmill.storage.workspace import Workspace
from tests.flows.conftest import Curated, Prepare, Run
from tests.json_lines import write_lines

pytestmark = pytest.mark.integration

EVALUATION = """\
evaluation_schema: 1
name: sums
seed: 3
samples: 4
benchmarks:
  - {name: small, synthesize: "toys.py:ToyProblems", count: 24, options: {split: held}}
  - {name: large, synthesize: "toys.py:ToyProblems", count: 12, options: {split: train, levels: [4, 5]}, samples: 2}
models:
  - {name: good, engine: "toys.py:ToyEngine", model: toy-1, max_tokens: 16, options: {chance: 0.9}}
  - {name: poor, engine: "toys.py:ToyEngine", model: toy-1, max_tokens: 16, options: {chance: 0.2}}
metrics:
  - {metric: pass@k, ks: [1, 2]}
  - {metric: pass@k, ks: [3]}
  - {metric: pass@k, ks: [1], by: [level]}
"""
EVALUATE = ["evaluate", "sums.yaml", "--json"]


@pytest.fixture
def sums(toy: Path) -> Path:
    """A workspace with the evaluation in sums.yaml."""
    (toy / "sums.yaml").write_text(EVALUATION)
    return toy


def test_every_cell_is_drawn_once_measured_and_reported(sums: Path, rollmill: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOY_CALLS", str(sums / "calls"))
    report = json.loads(rollmill("evaluate", "sums.yaml", "--json").out)
    cells = report["cells"]
    names = [("small", "good"), ("small", "poor"), ("large", "good"), ("large", "poor")]
    assert [(cell["benchmark"], cell["model"]) for cell in cells] == names
    assert [(cell["problems"], cell["rollouts"]) for cell in cells] == [(24, 96), (24, 96), (12, 24), (12, 24)]
    for cell in cells:
        rate = next(row for row in cell["metrics"] if row["metric"] == "pass@k" and row.get("k") == 1)
        assert rate["value"] == pytest.approx(cell["correct"] / cell["rollouts"])
        assert rate["low"] < rate["value"] < rate["high"]
        assert sum(row["n"] for row in cell["metrics"] if row.get("group")) == cell["problems"]
    assert next(row for row in cells[2]["metrics"] if "why" in row and row["value"] is None)["why"].startswith(
        "k = 3 is undef"
    )

    drawn = (sums / "calls").read_text()
    assert len(drawn.splitlines()) == 240
    again = json.loads(rollmill("evaluate", "sums.yaml", "--json").out)
    assert (sums / "calls").read_text() == drawn
    assert [{**cell, "spent": None} for cell in again["cells"]] == [{**cell, "spent": None} for cell in cells]


def test_reports_hold_the_same_numbers_and_no_time_or_run(sums: Path, rollmill: Run, prepare: Prepare) -> None:
    report = json.loads(prepare(EVALUATE)[0].out)
    folder = sums / "reports" / "sums"
    texts = {path.name: path.read_text() for path in folder.iterdir()}
    assert sorted(texts) == ["evaluation.json", "metrics.json", "report.html", "report.md", "results.json"]
    value = report["cells"][0]["metrics"][0]["value"]
    assert json.loads(texts["results.json"])["results"]["small:good"]["pass@1,none"] == value
    assert json.loads(texts["metrics.json"])["small"]["good"]["pass@1"] == value
    assert f"{value:.3f} [" in texts["report.md"]
    assert f"{value:.3f} [" in texts["report.html"]
    assert not any(word in texts["report.html"] for word in ("http:", "https:", "src="))
    run = report["cells"][0]["run"]
    assert not any(run in text or "seconds" in text for text in texts.values())
    rollmill("evaluate", "sums.yaml")
    assert {path.name: path.read_text() for path in folder.iterdir()} == texts


def test_its_completions_never_mix_with_a_dataset(sums: Path, rollmill: Run, curated: Curated) -> None:
    curated()
    rollmill("evaluate", "sums.yaml")
    with Workspace.open(sums) as workspace:
        runs = {run.name: run for run in workspace.runs.list()}
        assert {name.split(".")[0]: run.status for name, run in runs.items()} == {"toy": "done", "sums": "done"}
        with workspace.segments.connect() as connection:
            streams = connection.execute("SELECT stream, count(*) FROM completions GROUP BY 1 ORDER BY 1").fetchall()
    assert dict(streams)["evaluate"] == 240


def test_the_leaderboard_and_a_comparison_say_who_is_better(sums: Path, rollmill: Run, prepare: Prepare) -> None:
    report = json.loads(prepare(EVALUATE)[0].out)
    board = json.loads(rollmill("leaderboard", "sums", "--json").out)
    assert (board["models"], board["benchmarks"]) == (["good", "poor"], ["small", "large"])
    shown = {(row["benchmark"], row["model"]): row["value"] for row in board["cells"]}
    for cell in report["cells"]:
        assert shown[cell["benchmark"], cell["model"]] == pytest.approx(cell["correct"] / cell["rollouts"])
    assert [(test["better"], test["worse"]) for test in board["tests"]] == [("good", "poor")] * 2

    rows = json.loads(rollmill("compare", "sums:poor", "sums:good", "--by", "level", "--margin", "0.1", "--json").out)
    small = rows["comparisons"][0]
    before, after = (small[key] for key in ("value_before", "value_after"))
    assert (before, after) == (shown["small", "poor"], shown["small", "good"])
    assert small["difference"] == pytest.approx(after - before)
    assert small["low"] < small["difference"] < small["high"]
    assert small["conclusion"] == "different"
    assert sum(small["flipped"][key] for key in ("better", "worse", "same")) == small["problems"] == 24
    assert [part["group"] for part in small["strata"]["level"]] == [1, 2, 3]
    assert "difference +" in rollmill("compare", "sums:poor", "sums:good").out


def test_every_line_names_its_model_and_a_leaderboard_takes_several_names(sums: Path, rollmill: Run) -> None:
    said = rollmill("evaluate", "sums.yaml")
    drawn = [text for text in said.err.splitlines() if "stage=draw" in text]
    assert [text.split()[:2] for text in drawn if "done=0 " not in text] == [
        ["benchmark=small", "model=good"],
        ["benchmark=large", "model=good"],
        ["benchmark=small", "model=poor"],
        ["benchmark=large", "model=poor"],
    ]
    page = said.out[: said.out.index("Reports:")].splitlines()
    lines = [text for text in page if text and not text.startswith("model ")]
    assert len(lines) == 4 * 6 + 2  # each cell: its totals, pass@1, @2 and @3, two to three levels
    assert [text for text in lines if "good" not in text and "poor" not in text] == []
    (sums / "more.yaml").write_text(EVALUATION.replace("name: sums", "name: more"))
    assert (
        rollmill("evaluate", "more.yaml", "--set", "models=[{name: fair, engine: toys.py:ToyEngine, model: toy-1}]").status
        == 0
    )
    board = json.loads(rollmill("leaderboard", "sums", "more", "--json").out)
    assert (sorted(board["models"]), len(board["cells"])) == (["fair", "good", "poor"], 6)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("evaluate", "sums.yaml", "--set", "metrics=[{metric: pas@k}]"), "unknown metric 'pas@k'"),
        (("evaluate", "sums.yaml", "--set", "samples=0"), "samples"),
        (("evaluate", "toy.yaml"), "toy.yaml is a recipe, not an evaluation"),
        (("evaluate", "sums.yaml", "--set", "models=[{name: a}, {name: a}]"), "two models are named 'a'"),
        (("evaluate", "sums.yaml", "--set", "budget.method=search"), "an evaluation takes no budget"),
        (
            ("evaluate", "sums.yaml", "--set", "models=[{name: a, budget: {method: search}}]"),
            "an evaluation takes no budget",
        ),
        (("leaderboard", "sums"), "there are no runs here. Next: rollmill curate"),
        (("compare", "sums", "sums"), "there are no runs here. Next: rollmill curate"),
    ],
)
def test_mistakes_are_named(sums: Path, rollmill: Run, words: tuple[str, ...], message: str) -> None:
    answer = rollmill(*words)
    assert answer.status == 2
    assert message in answer.err
    assert not (sums / "reports").exists()


def test_a_dry_run_writes_nothing(sums: Path, rollmill: Run) -> None:
    out = rollmill("evaluate", "sums.yaml", "--dry-run").out
    assert "sums.small.good: 4 completions of each of 24 problems\n" in out
    assert json.loads(rollmill("evaluate", "sums.yaml", "--dry-run", "--json").out)["cells"][0] == {
        "run": "sums.small.good",
        "benchmark": "small",
        "model": "good",
        "recipe_hash": load_evaluation(sums / "sums.yaml").cells[0].recipe_hash,
        "max_tokens": 16,
        "problems": 24,
        "samples": 4,
        "done": None,
    }
    with Workspace.open(sums) as workspace:
        assert workspace.runs.list() == []


def test_an_evaluation_of_several_models_is_not_one_side(sums: Path, rollmill: Run) -> None:
    rollmill("evaluate", "sums.yaml", "--set", "benchmarks=[{name: one, synthesize: 'toys.py:ToyProblems', count: 8}]")
    answer = rollmill("compare", "sums", "sums:good")
    assert answer.status == 2
    assert "Valid: sums:good, sums:poor" in answer.err
    assert "k up to 4" in rollmill("compare", "sums:poor", "sums:good", "--k", "5").err


def test_a_new_workspace_has_the_evaluation_that_ships(
    tmp_path: Path, rollmill: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".git").mkdir()  # a repository of the user's: no git and no DVC is begun
    rollmill("init", "ws")
    monkeypatch.chdir(tmp_path / "ws")
    assert "arithmetic-eval.easy.tiny" in rollmill("evaluate", "recipes/evaluations/arithmetic.yaml", "--dry-run").out


def test_a_cell_is_a_run_that_other_verbs_understand(sums: Path, rollmill: Run) -> None:
    cells = json.loads(rollmill("evaluate", "sums.yaml", "--json").out)["cells"]
    run = cells[0]["run"]
    assert rollmill("score", run, "--with", "length").status == 0
    shown = rollmill("runs", "show", run)
    assert (shown.status, run in shown.out) == (0, True)
    assert rollmill("reverify", run, "--dry-run").status == 0
    resumed = rollmill("runs", "resume", run)
    assert resumed.status == 2
    assert f"{run} is a cell of an evaluation. Next: rollmill evaluate sums.yaml" in resumed.err
    scored = json.loads(
        rollmill("evaluate", "sums.yaml", "--json", "--set", "metrics=[{metric: auroc, score: length}]").out
    )
    assert scored["cells"][0]["metrics"][0]["metric"] == "auroc"


def test_from_python_the_numbers_are_those_of_the_commands(sums: Path, rollmill: Run) -> None:
    report = face.evaluate("sums.yaml", sets=["benchmarks.0.count=6", "benchmarks.1.count=4"])
    assert [Path(path).name for path in report["reports"]] == [
        "evaluation.json",
        "metrics.json",
        "report.md",
        "report.html",
        "results.json",
    ]
    again = json.loads(
        rollmill("evaluate", "sums.yaml", "--set", "benchmarks.0.count=6", "--set", "benchmarks.1.count=4", "--json").out
    )
    assert [cell["metrics"] for cell in report["cells"]] == [cell["metrics"] for cell in again["cells"]]
    rows = face.compare("sums:good", "sums:poor", by=["level"])
    assert rows == json.loads(rollmill("compare", "sums:good", "sums:poor", "--by", "level", "--json").out)["comparisons"]
    assert face.compare("sums:good", "sums:poor", all_samples=True)[0]["difference"] < 0
    assert face.leaderboard("sums") == json.loads(rollmill("leaderboard", "sums", "--json").out)
    with pytest.raises(face.SetupError, match="sums is of 2 models"):
        face.compare("sums", "sums:poor")


def test_a_benchmark_may_be_a_split_of_a_dataset_version(sums: Path, rollmill: Run) -> None:
    assert rollmill("curate", "toy.yaml", "--direct").status == 0
    rollmill("import", "problems", str(_more(sums)), "--name", "more")
    version = "benchmarks=[{name: v, version: 'toy@v1', split: train, count: 5}]"
    report = rollmill("evaluate", "sums.yaml", "--set", version, "--json")
    assert report.status == 0, report.err
    assert [(cell["problems"], cell["rollouts"]) for cell in json.loads(report.out)["cells"]] == [(5, 20), (5, 20)]
    again = rollmill("evaluate", "sums.yaml", "--set", version, "--json")
    assert [cell["spent"]["drawn"] for cell in json.loads(again.out)["cells"]] == [0, 0]
    split = rollmill("evaluate", "sums.yaml", "--set", "benchmarks=[{name: v, imported: more, split: test}]", "--json")
    assert split.status == 0, split.err
    assert [cell["problems"] for cell in json.loads(split.out)["cells"]] == [2, 2]
    for benchmark, said in (
        ("{name: v, version: 'toy@v7'}", "toy has no version called 'v7'"),
        ("{name: v, version: none}", "unknown dataset 'none'"),
        ("{name: v, version: toy, split: held}", "unknown split of toy: 'held'"),
    ):
        answer = rollmill("evaluate", "sums.yaml", "--set", f"benchmarks=[{benchmark}]")
        assert (answer.status, said in answer.err) == (2, True), answer.err


def _more(folder: Path) -> Path:
    """Problems of two splits."""
    rows = [{"prompt": f"What is {n} + 1?", "answer": n + 1, "split": "test" if n < 2 else "train"} for n in range(6)]
    write_lines(folder / "more.jsonl", rows)
    return folder / "more.jsonl"


def test_worked_examples_out_of_a_set_that_grew_are_another_run(sums: Path, rollmill: Run) -> None:
    rows = [{"id": f"{n}", "prompt": f"What is {n} + 1?", "answer": n + 1, "split": "shown"} for n in range(40)]
    row = {**rows[0], "id": "asked", "prompt": "What is 70 + 1?", "answer": 71, "split": "test"}
    for name, part in (("first", [row, *rows[:2]]), ("more", rows[2:])):
        write_lines(sums / f"{name}.jsonl", part)
    benchmark = (
        "{name: shown, imported: set, split: test, examples_from: {split: shown, count: 2}, prompt_form: completion}"
    )
    runs = []
    for name in ("first", "more"):
        assert rollmill("import", "problems", f"{name}.jsonl", "--name", "set").status == 0
        for _ in range(2):
            result = rollmill("evaluate", "sums.yaml", "--set", f"benchmarks=[{benchmark}]", "--json")
            assert result.status == 0, result.err
            runs.append(json.loads(result.out)["cells"][0]["run"])
    assert runs == [runs[0], runs[0], f"{runs[0]}-2", f"{runs[0]}-2"]
