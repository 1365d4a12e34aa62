"""Recipes that come with the program are copied with all that they name, and never over a person's own file."""

import re
import shlex
from pathlib import Path

import pytest
import yaml

from rollmill.flows.jobs.listing import absent_recipes, recipe_files
from rollmill.flows.recipe.shipped import FIRST, Fetched, fetch, fetch_command, shipped_recipes
from rollmill.ground.errors import SetupError
from rollmill.storage.queries.published.papers import papers_where
from tests.flows.conftest import ROOT


def test_a_recipe_brings_what_it_names_through_others(tmp_path: Path) -> None:
    brought = fetch(tmp_path, ["trials/skills"])
    assert brought[0] == Fetched("recipes/trials/skills.yaml", "written")
    assert {file.place: file.outcome for file in brought} == {
        "recipes/trials/skills.yaml": "written",
        "recipes/training/student.yaml": "written",
        "recipes/evaluations/skills.yaml": "written",
        "recipes/arithmetic.yaml": "written",
    }
    for file in brought:
        assert (tmp_path / file.place).read_bytes() == (ROOT / file.place).read_bytes()


def test_a_profile_that_a_comment_names_is_brought(tmp_path: Path) -> None:
    brought = {file.place for file in fetch(tmp_path, ["recipes/steps/efa.yaml", "steps/tools"])}
    assert {"recipes/problems/abstractions.yaml", "profiles/local.yaml"} < brought


def test_a_changed_file_is_kept(tmp_path: Path) -> None:
    fetch(tmp_path, ["steps/rise", "mixtures/pilots.csv"])
    changed = tmp_path / "recipes/steps/rise.yaml"
    changed.write_text("mine")
    assert fetch(tmp_path, ["steps/rise", "mixtures/pilots.csv"]) == [
        Fetched("recipes/steps/rise.yaml", "kept"),
        Fetched("recipes/mixtures/pilots.csv", "same"),
    ]
    assert changed.read_text() == "mine"


def test_no_link_leads_a_copy_out_of_the_workspace(tmp_path: Path) -> None:
    (tmp_path / "away").mkdir()
    (tmp_path / "ws/recipes").mkdir(parents=True)
    (tmp_path / "ws/recipes/steps").symlink_to(tmp_path / "away")
    (tmp_path / "ws/recipes/decoded.yaml").symlink_to(tmp_path / "away/new")
    for name in ("steps/rise", "decoded"):
        with pytest.raises(SetupError, match="leads out of the workspace"):
            fetch(tmp_path / "ws", [name])
    assert list((tmp_path / "away").iterdir()) == []


def test_the_command_for_a_path() -> None:
    assert fetch_command(Path("recipes/steps/rise.yaml")) == "rollmill recipe get steps/rise"
    assert fetch_command(Path("/ws/recipes/loops/../arithmetic.yaml")) == "rollmill recipe get arithmetic"
    assert fetch_command(Path("recipes/mixtures/pilots.csv")) == "rollmill recipe get mixtures/pilots.csv"
    assert fetch_command(Path("rise.yaml")) is None
    assert fetch_command(Path("recipes/papers/systems/budgets.yaml")) is None


def test_the_first_recipes_are_few_and_name_no_other_file(tmp_path: Path) -> None:
    assert len(FIRST) <= 12
    assert {file.place for file in fetch(tmp_path, list(FIRST))} == {*FIRST, "profiles/local.yaml"}


def test_every_recipe_is_either_here_or_absent(tmp_path: Path) -> None:
    fetch(tmp_path, list(FIRST))
    here = {str(file.path.relative_to(tmp_path)) for file in recipe_files(tmp_path)}
    absent = {str(file.place): file.fetched_by for file in absent_recipes(tmp_path)}
    assert here == set(FIRST)
    assert absent["recipes/steps/rise.yaml"] == "rollmill recipe get steps/rise"
    shipped = {place for place in shipped_recipes().values() if place.endswith(".yaml")}
    assert here | set(absent) == shipped


def test_every_recipe_that_the_papers_commands_name_can_be_fetched() -> None:
    commands = [command for row in papers_where() for command in row.run]
    named = {word.removeprefix("./") for command in commands for word in shlex.split(command) if "recipes/" in word}
    assert len(named) > 30
    assert {place for place in named if fetch_command(Path(place)) is None} == set()


def test_whatever_a_recipe_names_as_a_path_of_a_recipe_is_shipped() -> None:
    for place in shipped_recipes().values():
        text = (ROOT / place).read_text(encoding="utf-8")
        for word in re.findall(r"(?<!\S)recipes/[\w/-]+\.yaml", text):
            assert word in shipped_recipes().values(), (place, word)
        assert place.endswith(".csv") or isinstance(yaml.safe_load(text), dict)
