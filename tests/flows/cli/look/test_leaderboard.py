"""`rollmill leaderboard` of evaluations that asked their models different benchmarks, in a workspace."""

import json
from pathlib import Path

import pytest

import rollmill as face
from rollmill.dashboards.pages.compare.page import subjects
from rollmill.storage.queries import Reader
from tests.flows.conftest import Run

pytestmark = pytest.mark.integration

EVALUATION = """\
evaluation_schema: 1
name: {name}
seed: 3
samples: 2
benchmarks: {benchmarks}
models:
{models}
metrics: [{{metric: pass@k, ks: [1]}}]
"""
BENCHMARKS = (
    "{name: small, synthesize: 'toys.py:ToyProblems', count: 24, options: {split: held}}",
    "{name: large, synthesize: 'toys.py:ToyProblems', count: 12, options: {split: train, levels: [4, 5]}}",
)


def evaluated(toy: Path, rollmill: Run, name: str, benchmarks: tuple[str, ...], models: dict[str, float]) -> None:
    """An evaluation of toy models, each with its chance to be right."""
    lines = [
        f"  - {{name: {model}, engine: 'toys.py:ToyEngine', model: toy-1, max_tokens: 16, options: {{chance: {chance}}}}}"
        for model, chance in models.items()
    ]
    text = EVALUATION.format(name=name, benchmarks=f"[{', '.join(benchmarks)}]", models="\n".join(lines))
    (toy / f"{name}.yaml").write_text(text)
    assert rollmill("evaluate", f"{name}.yaml").status == 0


def test_a_model_that_was_asked_one_benchmark_is_rated_on_both(toy: Path, rollmill: Run) -> None:
    evaluated(toy, rollmill, "both", BENCHMARKS, {"good": 0.9, "poor": 0.2})
    answer = rollmill("leaderboard", "both", "--impute")
    assert answer.status == 2
    assert "all 2 models were asked all 36 problems" in answer.err
    evaluated(toy, rollmill, "first", BENCHMARKS[:1], {"fair": 0.6})
    board = json.loads(rollmill("leaderboard", "both", "first", "--impute", "--json").out)
    cells = {(row["model"], row["benchmark"]): row for row in board["cells"]}
    assert {place: row["imputed"] for place, row in cells.items() if row["imputed"]} == {("fair", "large"): 12}
    plain = json.loads(rollmill("leaderboard", "both", "first", "--json").out)
    for row in plain["cells"]:
        assert cells[row["model"], row["benchmark"]]["value"] == row["value"]
    assert board["models"] == ["good", "fair", "poor"]
    assert json.loads(json.dumps(face.leaderboard("both", "first", impute=True))) == board
    shown = rollmill("leaderboard", "both", "first", "--impute").out
    assert "~12" in shown
    assert "12 of 108 cells of models x problems are imputed" in shown


def test_an_evaluation_is_no_run_and_is_named_as_what_it_is(toy: Path, rollmill: Run) -> None:
    evaluated(toy, rollmill, "both", BENCHMARKS, {"good": 0.9})
    said = rollmill("runs", "show", "both").err
    assert "both is an evaluation of 2 cells, each of them a run. Next: rollmill leaderboard both, or" in said


def test_without_a_name_the_evaluations_are_named(toy: Path, rollmill: Run) -> None:
    said = rollmill("leaderboard", "--impute")
    assert (said.status, "Next: rollmill evaluate recipes/evaluations/arithmetic.yaml" in said.err) == (2, True)
    evaluated(toy, rollmill, "both", BENCHMARKS[:1], {"good": 0.9})
    said = rollmill("leaderboard", "--impute")
    assert said.status == 2
    assert "Valid: both. Next: rollmill leaderboard both --impute" in said.err


def test_a_name_that_an_evaluation_and_a_dataset_have_means_the_evaluation(toy: Path, rollmill: Run) -> None:
    assert rollmill("curate", "toy.yaml").status == 0
    evaluated(toy, rollmill, "toy", BENCHMARKS[:1], {"good": 0.9, "poor": 0.2})
    models = [
        json.loads(rollmill("leaderboard", name, "--json").out)["models"] for name in ("toy", "toy@latest", "toy:poor")
    ]
    assert models == [["good", "poor"], ["toy-1"], ["poor"]]
    with Reader.open(toy) as reader:
        assert subjects(reader)[:2] == ["toy", "toy@latest"]
    folded, every = rollmill("runs", "list").out, rollmill("runs", "list", "--cells").out
    assert folded.splitlines()[1].startswith("toy (2 cells)  done")
    assert "toy.small.good-" not in folded
    assert sum(row.startswith("toy.small.") for row in every.splitlines()) == 2
    assert rollmill("runs", "show", "toy").out.startswith("toy-")  # the newest run of the recipe
    said = rollmill("runs", "show", "to").err
    assert "unknown run 'to'. Valid: toy-" in said
    assert "toy.small" not in said


def test_evaluations_without_a_common_problem_are_not_completed(toy: Path, rollmill: Run) -> None:
    evaluated(toy, rollmill, "first", BENCHMARKS[:1], {"fair": 0.6})
    evaluated(toy, rollmill, "second", BENCHMARKS[1:], {"good": 0.9})
    answer = rollmill("leaderboard", "first", "second", "--impute")
    assert answer.status == 2
    assert "no common problem links fair; and good. Next: rollmill evaluate RECIPE" in answer.err


def test_the_order_of_checkpoints_is_compared_with_their_rates(toy: Path, rollmill: Run) -> None:
    chances = {"step-1": 0.1, "step-2": 0.5, "step-3": 0.9, "step-4": 0.3}
    evaluated(toy, rollmill, "steps", BENCHMARKS[:1], chances)
    board = json.loads(rollmill("leaderboard", "steps", "--checkpoints", "--json").out)
    [row] = board["checkpoints"]
    assert (row["benchmark"], row["checkpoints"], row["falls"]) == ("small", 4, 1)
    assert row["tau"]["value"] == pytest.approx(1 / 3)  # four pairs of six rise and two fall
    assert "Kendall's tau with their order [95%]" in rollmill("leaderboard", "steps", "--checkpoints").out
    alone = rollmill("leaderboard", "steps", "--checkpoints", "--errata")
    assert (alone.status, "--checkpoints goes alone" in alone.err) == (2, True)
