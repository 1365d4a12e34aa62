"""The completions of a problem on the first step: what its count says, one without a count, else what the budget says."""

import json
from pathlib import Path

import pytest

from rollmill.flows.recipe.load import LoadedRecipe, load_recipe
from tests.flows.conftest import ROOT

HEAD = "recipe_schema: 1\nname: tiny\nproblems: {synthesize: templates, count: 8}\n"
FOLLOW_UP = '{name: again, template: "{prompt} {solve}"}'


def loaded(folder: Path, steps: str, more: str = "") -> LoadedRecipe:
    path = folder / "r.yaml"
    path.write_text(f"{HEAD}steps: [{steps}]\n{more}" if steps else f"{HEAD}{more}")
    return load_recipe(path)


@pytest.mark.parametrize(
    ("steps", "more", "drawn"),
    [
        ("{name: solve}", "", 1),
        (f"{{name: solve}}, {FOLLOW_UP}", "", 1),
        (f"{{name: solve, count: 3}}, {FOLLOW_UP}", "", 3),
        (f"{{name: solve}}, {FOLLOW_UP}", "budget: {method: fixed}\n", 8),
        (f"{{name: solve}}, {FOLLOW_UP}", "budget: {method: fixed, options: {initial: 5}}\n", 5),
        ("", "", 8),
    ],
    ids=["alone", "followed", "counted", "plain budget", "budget", "no steps"],
)
def test_a_first_step_is_drawn_once_unless_a_count_or_a_budget_says_otherwise(
    tmp_path: Path, steps: str, more: str, drawn: int
) -> None:
    recipe = loaded(tmp_path, steps, more)
    assert recipe.budget.build().prefix == drawn
    path = tmp_path / "shown.yaml"
    path.write_text(json.dumps(recipe.shown()))
    assert load_recipe(path).recipe_hash == recipe.recipe_hash


@pytest.mark.parametrize("name", ["rise", "judge_votes", "partly_correct", "edit_sequences"])
def test_imported_rollouts_of_a_first_step_are_as_many_as_there_are(name: str) -> None:
    """No count limits them, and recipes over them have the hash that they had."""
    recipe = load_recipe(ROOT / "recipes" / "steps" / f"{name}.yaml")
    assert recipe.takes_imports
    assert recipe.budget.canonical() == {"method": "fixed", "options": {"initial": 8}}
