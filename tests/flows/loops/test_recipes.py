"""The published loops: each recipe loads and says what its method says; each runs at its smallest form."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from rollmill.flows.loops.loaded_loop import LoadedLoop, RoundState, load_loop
from rollmill.flows.recipe.parse import read_yaml
from rollmill.ground.errors import SetupError
from tests.flows.conftest import Run, said_as_json

ROOT = Path(__file__).resolve().parents[3]
LOOPS = ROOT / "recipes/loops"
SAID: dict[str, dict[str, Any]] = {
    "expert_iteration": {"init": "previous", "own": "cumulative", "loss": "sft", "format": "prompt_completion"},
    "proofs": {"init": "previous", "own": "cumulative", "loss": "sft", "format": "prompt_completion"},
    "star": {"init": "base", "own": "round", "loss": "sft", "format": "prompt_completion"},
    "rft": {"init": "base", "own": "round", "loss": "sft", "format": "prompt_completion"},
    "rest_em": {"init": "base", "own": "round", "loss": "sft", "format": "prompt_completion"},
    "v_star": {"init": "base", "own": "cumulative", "loss": "sft", "format": "prompt_completion"},
    "iterative_dpo": {"init": "previous", "own": "round", "loss": "dpo", "format": "pairs"},
    "itertl": {"init": "previous", "own": "round", "loss": "weighted", "format": "rl"},
    "math_genie": {"init": "base", "own": "cumulative", "loss": "sft", "format": "prompt_completion"},
    "cemal": {"init": "base", "own": "cumulative", "loss": "sft", "format": "prompt_completion"},
    "self_rewarding": {"init": "previous", "own": "round", "loss": "dpo", "format": "ranked_pairs"},
    "hpt": {"init": "previous", "own": "round", "loss": "weighted", "format": "unpaired"},
    "itool": {"init": "previous", "own": "round", "loss": "sft", "format": "prompt_completion"},
    "toolace_r": {"init": "previous", "own": "round", "loss": "sft", "format": "prompt_completion"},
    "gvm": {"init": "previous", "own": "round", "loss": "sft", "format": "prompt_completion"},
    "mastering_rate": {"init": "previous", "own": "round", "loss": "sft", "format": "prompt_completion"},
}
PICK = {"method": "likelihood", "options": {"model": "{v}"}}
FIRST = RoundState(0, "models/rollmill-tiny", ["own@v1"])
SECOND = RoundState(1, "models/own@v1", ["own@v1", "own@v2"])


def loop(name: str) -> LoadedLoop:
    return load_loop(LOOPS / f"{name}.yaml")


def test_every_recipe_of_the_folder_is_named() -> None:
    assert {path.stem for path in LOOPS.glob("*.yaml")} == set(SAID)


@pytest.mark.parametrize("name", sorted(SAID))
def test_a_recipe_says_what_its_method_says(name: str) -> None:
    loaded, said = loop(name), SAID[name]
    first, second = loaded.training_of(FIRST), loaded.training_of(SECOND)
    assert (first.recipe.loss.method, first.format) == (said["loss"], said["format"])
    assert second.recipe.init == ("models/rollmill-tiny" if said["init"] == "base" else "models/own@v1")
    assert list(second.recipe.data.versions) == (["own@v1", "own@v2"] if said["own"] == "cumulative" else ["own@v2"])
    assert second.recipe.seed == first.recipe.seed + 1
    assert {"generate.redraw=1", 'generate.model="models/own@v1"'} <= set(loaded.curate_sets(SECOND))
    # Two comment lines at most: what it is with its source, and the command.
    comments = [line for line in (LOOPS / f"{name}.yaml").read_text().splitlines() if line.startswith("#")]
    assert len(comments) <= 2
    assert f"rollmill loop recipes/loops/{name}.yaml" in comments[1]


def test_a_loop_has_the_same_budget_in_every_round_and_its_control_too() -> None:
    for name in ("itertl", "rest_em", "iterative_dpo"):
        budgets = [loop(name).curate_of(state).recipe.budget for state in (FIRST, SECOND)]
        frozen = load_loop(LOOPS / f"{name}.yaml", frozen=True).curate_of(FIRST).recipe.budget
        assert budgets[0] == budgets[1] == frozen


def test_star_marks_what_saw_the_answer_and_shows_the_problem_alone() -> None:
    """A row of the second step says `sees_label`, and its training prompt is the problem's, without the hint."""
    from rollmill.storage.exports.asked import label_seeing_steps

    recipe = loop("star").curate_of(FIRST)
    assert label_seeing_steps(recipe.canonical()) == {"rationalised"}
    assert loop("star").training_of(FIRST).recipe.data.options == {"sees_label": True}


def test_rest_em_keeps_ten_right_solutions_of_a_problem_at_most() -> None:
    recipe = loop("rest_em").curate_of(FIRST).recipe
    assert (recipe.select.method, recipe.select.options["per_problem"]) == ("quota", 10)


def test_self_rewarding_reads_no_label_in_its_pairs() -> None:
    """The score is of agreement, which sees no reference, and pairs follow it whatever the verdicts."""
    from rollmill.roles.blind_pool import is_blind

    data = loop("self_rewarding").training_of(FIRST).recipe.data
    assert data.options["blind"] is True
    assert is_blind(data.options["score"])
    assert [part.name for part in loop("self_rewarding").audit] == ["math"]


def test_the_verifier_of_v_star_learns_from_all_verdicts_and_picks() -> None:
    loaded = loop("v_star")
    beside = loaded.beside_of("verifier", SECOND)
    assert (beside.recipe.name, beside.recipe.init) == ("v-star-verifier", "models/rollmill-tiny")
    assert (beside.recipe.loss.method, list(beside.recipe.data.versions)) == ("dpo", ["own@v1", "own@v2"])
    picks = loaded.picks_of("r1-0", "models/v-star@v1", {"verifier": "models/v-star-verifier@v1"})
    assert picks.score[0].options["model"] == "models/v-star-verifier@v1"
    assert {metric.metric for metric in picks.metrics} == {"selected@k", "maj@k"}


def test_math_genie_makes_the_problems_of_a_round_from_those_of_the_round_before() -> None:
    sets = loop("math_genie").curate_sets(SECOND)
    made = next(item for item in sets if item.startswith("problems="))
    assert json.loads(made.partition("=")[2])["options"] == {"from": "own@v2"}
    assert not any(item.startswith("problems=") for item in loop("math_genie").curate_sets(FIRST))


def test_itool_changes_its_loss_after_the_warm_up() -> None:
    later = loop("itool").training_of(SECOND)
    assert (later.recipe.loss.method, later.format) == ("dpo", "pairs")


def test_cemal_makes_new_exercises_in_every_round() -> None:
    seeds = [loop("cemal").curate_of(state).recipe.seed for state in (FIRST, SECOND)]
    assert seeds[1] == seeds[0] + 1
    assert loop("star").curate_of(SECOND).recipe.seed == seeds[0]


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("policies", [{"method": "colder"}], "unknown round policy 'colder'"),
        ("data", {"real": {"a@v1": 0.5, "b@v1": 0.5}}, "leave nothing for the loop's own rows"),
        ("data", {"band": [0.9, 0.1]}, "cannot both hold"),
        ("stop", {"precision": 0.9}, "needs a verifier in audit"),
        ("train", {"recipe": "../training/student.yaml", "set": {"loss.method": "softer"}}, "unknown loss 'softer'"),
        ("train", {"recipe": "../training/student.yaml", "from_round": {2: {"loss.method": "dpo"}}}, "does not read"),
        ("curate", {"recipe": "../arithmetic.yaml", "from_round": {3: {"budget.method": "fixd"}}}, "unknown budget 'fixd'"),
        ("evaluate", {"recipe": "../evaluations/heldout.yaml", "pick": PICK}, "unknown model beside the loop 'v'"),
    ],
)
def test_a_mistake_is_named_before_anything_is_drawn(tmp_path: Path, key: str, value: Any, message: str) -> None:
    written = yaml.safe_load((LOOPS / "expert_iteration.yaml").read_text()) | {key: value}
    for part in ("curate", "train", "evaluate"):
        written[part]["recipe"] = str((LOOPS / written[part]["recipe"]).resolve())
    if key == "train" and "from_round" in value:
        written["train"].setdefault("set", {})["data.format"] = "prompt_completion"
    (tmp_path / "loop.yaml").write_text(json.dumps(written))
    with pytest.raises(SetupError, match=message):
        load_loop(tmp_path / "loop.yaml")


BUDGETS: dict[str, dict[str, Any]] = {
    "gvm": {"budget.options": {"initial": 2, "main": 2}},
    "star": {},
    "expert_iteration": {"budget": {"method": "fixed", "options": {"initial": 2}}},
    "toolace_r": {"budget.options": {"initial": 2}},
}
LEVELS = {"itool": [6, 7, 8]}
"""Of the problems: others are easy enough for right answers and hard enough for wrong ones at 3 and 4."""


def smallest(name: str, folder: Path) -> Path:
    """The recipe with ten problems, a few draws of each and two short trainings, beside the recipes that it names."""
    value = read_yaml(LOOPS / f"{name}.yaml", "recipes")[0]
    value["rounds"], levels = min(value["rounds"], 2), LEVELS.get(name, [3, 4])
    taken = value["curate"].setdefault("set", {})
    if "problems" in taken:
        taken["problems"]["count"] = 10
        taken["problems"]["options"] = {**taken["problems"].get("options", {}), "levels": levels}
    else:
        taken |= {"problems.count": 10, "problems.options.levels": levels}
    taken |= {"gate": {"min_kept": 0}, **BUDGETS.get(name, {"budget.options": {"initial": 4}})}
    for step in taken.get("steps", []):
        if "gather" in step:
            step["gather"] = 4
    for later in value["curate"].get("from_round", {}).values():
        later["problems"]["count"] = 10
    value["stop"] = {"collapse": None}
    if name == "itool":  # ten problems seldom have one that fails and is right once
        value["policies"][0]["options"]["most"] = 0.99
    training = read_yaml(ROOT / "recipes/training/student.yaml", "recipes")[0]
    training["learner"]["options"] = {"steps": 2, "batch": 4, "learning_rate": 1e-4}
    evaluation = read_yaml(ROOT / "recipes/evaluations/heldout.yaml", "recipes")[0]
    evaluation["benchmarks"] = [{**evaluation["benchmarks"][0], "count": 6}]
    value["evaluate"]["samples"] = 2
    dataset = read_yaml(ROOT / "recipes/arithmetic.yaml", "recipes")[0] | {"evaluation": []}
    files = {"recipes/arithmetic": dataset, "recipes/training/student": training, "recipes/evaluations/heldout": evaluation}
    for place, content in {**files, f"recipes/loops/{name}": value}.items():
        path = folder / f"{place}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content))
    return folder / f"recipes/loops/{name}.yaml"


@pytest.mark.integration
@pytest.mark.train
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", sorted(SAID.keys() - {"expert_iteration", "proofs"}))  # a toy writes no Coq proof
def test_the_smallest_form_runs(name: str, toy: Path, rollmill: Run) -> None:
    path = smallest(name, toy)
    outcome = said_as_json(rollmill, "loop", str(path))
    rounds = outcome["rounds"]
    assert len(rounds) == min(2, load_loop(path).recipe.rounds)
    assert [row["version"].partition("@")[2] for row in rounds] == [f"v{number + 1}" for number in range(len(rounds))]
    assert len({row["model"] for row in rounds}) == len(rounds)
    assert all(row["trained_tokens"] > 0 and row["drawn_tokens"] > 0 for row in rounds)
    policies = [part.name for part in load_loop(path).policies]
    assert all(list(row["policies"]) == policies for row in rounds)
    shown = said_as_json(rollmill, "model", "show", rounds[-1]["model"])
    assert shown["ancestors"][-1] == "models/rollmill-tiny"
    checks = CHECKS.get(name)
    if checks is not None:
        checks(toy, outcome)


@pytest.mark.integration
@pytest.mark.train
@pytest.mark.timeout(600)
def test_a_verifier_that_is_not_trained_again_stays_that_of_the_first_round(toy: Path, rollmill: Run) -> None:
    path = smallest("v_star", toy)
    value = json.loads(path.read_text())
    value["beside"]["verifier"]["retrain"] = False
    path.write_text(json.dumps(value))
    rounds = said_as_json(rollmill, "loop", str(path))["rounds"]
    assert [row["beside"]["verifier"] for row in rounds] == ["models/v-star-verifier@v1"] * 2


def _sees_label(folder: Path, outcome: dict[str, Any]) -> None:
    """A row that saw the answer says so, and its prompt does not have the hint."""
    rows = trained_rows(folder)
    seen = [row for row in rows if row["sees_label"]]
    assert {row["step"] for row in seen} <= {"rationalised"}
    assert not any("The answer is" in row["prompt"][0]["content"] for row in rows)
    assert outcome["rounds"][0]["kept"] > 0


def _weights(folder: Path, outcome: dict[str, Any]) -> None:
    """A problem trains its demonstration or its rollouts, never both."""
    for path in sorted((folder / ".rollmill/trainings").glob("rows-*.jsonl")):
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        shown = {row["problem_id"] for row in rows if row["step"] == "shown"}
        assert shown.isdisjoint({row["problem_id"] for row in rows if row["step"] != "shown"})
        assert all(row["weight"] == 1.0 for row in rows if row["step"] == "shown")
    assert all("to demonstrations" in row["policies"]["hpt"] for row in outcome["rounds"])


def _picked(folder: Path, outcome: dict[str, Any]) -> None:
    assert all(0 <= row["picked@k"] <= 1 and 0 <= row["majority@k"] <= 1 for row in outcome["rounds"])
    assert all(row["pass@k"] >= row["picked@k"] for row in outcome["rounds"])
    assert outcome["rounds"][-1]["beside"]["verifier"] == "models/v-star-verifier@v2"
    assert "picked@k" in (folder / "reports/v-star/loop.md").read_text()


def _norms(folder: Path, outcome: dict[str, Any]) -> None:
    assert all(row["policies"]["gvm_norms"]["mean norm"] > 0 for row in outcome["rounds"])
    assert list((folder / ".rollmill/loops/gvm").glob("norms-*.json"))


def _blind(folder: Path, outcome: dict[str, Any]) -> None:
    rows = trained_rows(folder)
    assert all(row["gap"] >= 0.25 for row in rows)
    assert all(row["precision"] is None or 0 <= row["precision"]["low"] <= 1 for row in outcome["rounds"])


CHECKS: dict[str, Any] = {"star": _sees_label, "hpt": _weights, "v_star": _picked, "gvm": _norms, "self_rewarding": _blind}


def trained_rows(folder: Path) -> list[dict[str, Any]]:
    paths = sorted((folder / ".rollmill/trainings").glob("rows-*.jsonl"))
    return [json.loads(line) for path in paths for line in path.read_text().splitlines()]
