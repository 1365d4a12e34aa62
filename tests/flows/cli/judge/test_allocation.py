"""`rollmill replay --allocator`: spending on stored completions, and a winner that is reported where it was not chosen."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rollmill.storage.workspace import Workspace
from tests.flows.conftest import Run
from tests.json_lines import write_lines

pytestmark = pytest.mark.integration

RECIPE = """\
recipe_schema: 1
name: NAME
problems: {imported: NAME}
generate: {engine: imported}
budget: {method: fixed}
select: {method: all_correct}
gate: {min_kept: 1}
"""
EQUAL = {"a": 0.5, "b": 0.5, "c": 0.5, "d": 0.5, "e": 0.5, "f": 0.5}
UNEQUAL = {"weak": 0.2, "fair": 0.4, "good": 0.5, "best": 0.9}
PROBLEMS = 80


def rollouts(rates: dict[str, float], seed: int) -> list[dict[str, Any]]:
    """Two answers of each model to each problem, right at its rate; the right one is always 7."""
    generator = np.random.default_rng(seed)
    return [
        {
            "problem_id": str(number),
            "model": model,
            "sample_index": index,
            "text": f"#### {7 if generator.random() < rate else 8}",
        }
        for model, rate in rates.items()
        for number in range(PROBLEMS)
        for index in range(2)
    ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with a version `equal` and a version `unequal`."""
    from rollmill.flows import cli

    folder = tmp_path_factory.mktemp("allocation") / "ws"
    Workspace.init(folder).close()
    problems = [
        {"id": str(n), "prompt": f"What is {n} + {7 - n}?", "reference": "7", "level": n % 3} for n in range(PROBLEMS)
    ]
    for seed, (name, rates) in enumerate({"equal": EQUAL, "unequal": UNEQUAL}.items()):
        (folder / f"{name}.yaml").write_text(RECIPE.replace("NAME", name))
        asked = [{**problem, "prompt": f"{problem['prompt']} ({name})"} for problem in problems]
        file = write_lines(folder / f"{name}-problems.jsonl", asked)
        drawn = write_lines(folder / f"{name}.jsonl", rollouts(rates, seed))
        for command in (
            ["import", "problems", file, "--name", name],
            ["import", "rollouts", drawn, "--name", name, "--problems", name],
            ["curate", f"{name}.yaml", "--direct"],
        ):
            assert cli.run(["-C", str(folder), *command]) == 0
    return folder


@pytest.fixture
def here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(folder)
    return folder


def test_equal_models_show_the_winners_curse_where_chosen_and_not_where_reported(here: Path, rollmill: Run) -> None:
    result = rollmill("replay", "equal", "--allocator", "halving", "--spend", "120", "--json")
    report = json.loads(result.out)
    rows = {row["allocator"]: row for row in report["rows"]}
    assert set(rows) == {"halving", "uniform"}
    for row in rows.values():
        assert row["spent"] <= 120
        assert row["curse"]["value"] > 4 * row["curse"]["error"] > 0
        assert row["seen"] > 0.55
        assert abs(row["reported"] - 0.5) < 0.04


def test_the_best_model_gets_most_pulls_and_wins(here: Path, rollmill: Run, tmp_path: Path) -> None:
    result = rollmill(
        *("replay", "unequal", "--allocator", "ucb c=0.5", "--allocator", "thompson"),
        *("--repeats", "20", "--out", str(tmp_path / "out")),
    )
    assert result.status == 0
    assert "winner's curse" in result.out
    report = json.loads((tmp_path / "out" / "allocation.json").read_text())
    assert report["best"] == "best"
    for row in report["rows"][:2]:
        assert row["winners"]["best"] > 0.9
        assert row["pulls"]["best"] > 2 * row["pulls"]["weak"]
    for row in report["rows"]:
        assert row["spending"]["rounds"][:2] == [0, 1]
        assert {name: part["mean"][-1] for name, part in row["spending"]["arms"].items()} == row["pulls"]
    assert report["scopes"] == ["unequal@v1"]
    choice = report["choice"]
    assert (choice["allocator"], choice["winner"], choice["problems"]) == ("ucb c=0.5", "best", PROBLEMS // 2)
    assert choice["reported"]["low"] < 0.9 < choice["reported"]["high"] + 0.05


def test_groups_of_problems_are_arms_of_one_model(here: Path, rollmill: Run) -> None:
    result = rollmill("replay", "unequal", "--allocator", "dump group=2", "--arms", "level", "--json")
    assert result.status == 2
    assert "unequal:weak" in result.err
    named = rollmill("replay", "unequal:good", "--allocator", "dump group=2", "--arms", "level", "--json")
    report = json.loads(named.out)
    assert {row["arm"] for row in report["arms"]} == {"0", "1", "2"}


def test_a_ranking_says_what_it_does_not_vouch_for(here: Path, rollmill: Run) -> None:
    words = (
        "replay",
        "unequal",
        "--allocator",
        "ranking delta=0.1",
        "--tasks",
        "level",
        "--repeats",
        "3",
        "--spend",
        "300",
    )
    report = json.loads(rollmill(*words, "--json").out)
    rows = {row["allocator"]: row for row in report["rows"]}
    assert 0 <= rows["ranking delta=0.1"]["vouched"] <= 1
    assert rows["uniform"]["vouched"] is None
    choice = report["choice"]
    assert choice["order"][0] == "best"
    assert any("is not decided at delta = 0.1" in doubt for doubt in choice["doubts"])
    shown = rollmill(*words).out
    assert "Repeats that decide the order of all arms: ranking delta=0.1 0%." in shown
    assert "- the order of " in shown
    unknown = rollmill("replay", "unequal", "--allocator", "ranking", "--tasks", "colour")
    assert unknown.status == 2
    assert "unknown group 'colour'" in unknown.err


def test_it_says_what_cannot_be_replayed(here: Path, rollmill: Run) -> None:
    for arguments, words in (
        (["equal", "--allocator", "halvin"], "Did you mean 'halving'?"),
        (["equal", "--allocator", "ucb c"], "not of the form KEY=VALUE"),
        (["equal:a", "--allocator", "ucb"], "has 1 model with judged completions"),
        (["equal", "--allocator", "dump"], "has the 16 completions of a pull"),
        (["equal", "--allocator", "ucb", "--in-tokens"], "no token count"),
    ):
        result = rollmill("replay", *arguments)
        assert result.status == 2
        assert words in result.err
