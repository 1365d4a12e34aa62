"""`rollmill pairs`: a plan over an evaluation's answers, a judge with a preference for the first place, and mistakes."""

import json
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest

from rollmill.flows.evaluation.pairs import rank_pairs
from rollmill.ground.errors import SetupError
from tests.flows.cli.look.test_leaderboard import BENCHMARKS, evaluated
from tests.flows.conftest import Run
from tests.json_lines import write_lines


def judged_file(folder: Path, order: float) -> Path:
    """Comparisons of four models on 30 problems in both orders."""
    strengths = {"a": 1.5, "b": 0.5, "c": -0.5, "d": -1.5}
    generator, rows = np.random.default_rng(4), []
    for problem in range(30):
        for first, second in permutations(strengths, 2):
            chance = 1 / (1 + np.exp(strengths[second] - strengths[first] - order))
            preferred = "first" if generator.random() < chance else "second"
            rows.append({"problem": problem, "first": first, "second": second, "preferred": preferred})
    return Path(write_lines(folder / "pairs.jsonl", [*rows, {**rows[0], "preferred": None}]))


def test_a_ranking_is_without_the_preference_for_a_place(tmp_path: Path) -> None:
    report = rank_pairs(judged_file(tmp_path, order=1.0))
    assert [row["model"] for row in report["models"]] == ["a", "b", "c", "d"]
    assert (report["comparisons"], report["unjudged"]) == (360, 1)
    assert report["order"]["low"] < 1 / (1 + np.exp(-1)) < report["order"]["high"]
    assert report["order"]["clusters"] == 30
    best = report["models"][0]["strength"]
    assert best["low"] < 1 / (1 + np.exp(-1.5)) < best["high"]
    assert report["consistent"]["n"] == 180
    assert report["consistent"]["value"] < 0.8
    assert report["win_rate_tau"]["value"] == 1.0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no rows"),
        ('{"first": "a", "second": "b", "preferred": null}', "has no judged comparison"),
        ('{"first": "a", "second": "a", "preferred": "first"}', "line 1: `first` and `second` are the names of two models"),
        ('{"first": "a", "second": "b", "preferred": "A"}', 'line 1: `preferred` is "A". Valid: first, second, tie, null'),
        ('{"first": "a"', "line 1 is cut off"),
        ('{"first": "a", "second": "b", "preferred": ["tie"]}', "line 1: `preferred` is"),
        (
            '{"first": "a", "second": "b", "preferred": "tie"}\n{"first": "c", "second": "d", "preferred": "tie"}',
            "no comparison links c, d with a, b",
        ),
    ],
)
def test_files_that_give_no_ranking_are_refused(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "pairs.jsonl"
    file.write_text(text)
    with pytest.raises(SetupError, match=message):
        rank_pairs(file)


@pytest.mark.integration
def test_from_an_evaluation_to_a_ranking_that_agrees_with_its_pass_rates(toy: Path, rollmill: Run) -> None:
    evaluated(toy, rollmill, "four", BENCHMARKS[:1], {"best": 1.0, "good": 0.7, "poor": 0.3, "worst": 0.0})
    planned = rollmill("pairs", "plan", "four", "--count", "60", "--out", "pairs.jsonl")
    assert planned.status == 0
    assert "60 comparisons of 4 models; 12 ordered pairs of models exist" in planned.out
    rows = [json.loads(text) for text in (toy / "pairs.jsonl").read_text().splitlines()]
    for one, other in zip(rows[::2], rows[1::2], strict=True):
        assert (one["problem"], one["first"], one["first_text"]) == (
            other["problem"],
            other["second"],
            other["second_text"],
        )
    assert len({row["problem"] for row in rows}) > 10
    ranks = {"best": 3, "good": 2, "poor": 1, "worst": 0}
    for row in rows:
        row["preferred"] = "first" if ranks[row["first"]] > ranks[row["second"]] else "second"
    write_lines(toy / "pairs.jsonl", rows)
    report = json.loads(rollmill("pairs", "rank", "pairs.jsonl", "--against", "four", "--json").out)
    assert [row["model"] for row in report["models"]] == ["best", "good", "poor", "worst"]
    assert (report["against"]["tau"]["value"], report["against"]["top_weighted_tau"]) == (1.0, pytest.approx(1.0))
    assert report["consistent"]["value"] == 1.0
    shown = rollmill("pairs", "rank", "pairs.jsonl", "--against", "four").out
    assert "tau with pass rates of four: 1.000" in shown
    alone = rollmill("pairs", "plan", "four:best", "--out", "pairs.jsonl")
    assert alone.status == 2
    assert "four:best has answers of 1 models; a comparison is of two" in alone.err
    other = rollmill("pairs", "rank", "pairs.jsonl", "--against", "for")
    assert other.status == 2
    assert "unknown evaluation, dataset or run 'for'" in other.err
