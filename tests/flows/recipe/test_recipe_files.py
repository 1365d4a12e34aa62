"""Recipes as files, and the recipe of a version: the file of its run, or a copy where that is gone."""

from pathlib import Path

import pytest

from rollmill.ground.errors import SetupError
from rollmill.storage.queries import Reader
from rollmill.storage.queries.recipes import profile_files, recipe_kinds, recipe_stamp, version_origin
from tests.flows.conftest import Curated

pytestmark = pytest.mark.integration


def test_recipes_by_the_verb_that_runs_them(toy: Path) -> None:
    (toy / "recipes" / "deep").mkdir(parents=True)
    (toy / "recipes" / "deep" / "e.yaml").write_text("# an evaluation\nevaluation_schema: 1\nname: e\n")
    (toy / "notes.yaml").write_text("recipe: 1\n")
    (toy / "profiles").mkdir()
    (toy / "profiles" / "here.yaml").write_text("profile_schema: 1\n")
    with Reader.open(toy) as reader:
        verbs = {name: kind.verb for name, kind in recipe_kinds(reader).items()}
        assert verbs == {"recipes/deep/e.yaml": "evaluate", "toy.yaml": "curate"}
        assert profile_files(reader) == ["profiles/here.yaml"]
        before = recipe_stamp(reader, "toy.yaml")
        assert recipe_stamp(reader, "toy.yaml") == before
        (toy / "toys.py").write_text((toy / "toys.py").read_text() + "\n")
        assert recipe_stamp(reader, "toy.yaml") != before


def test_the_recipe_of_a_version(toy: Path, curated: Curated) -> None:
    outcome = curated("toy.yaml", "--set", "select.options.per_problem=2")
    with Reader.open(toy) as reader:
        origin = version_origin(reader, "toy@v1")
        assert (origin.path, tuple(origin.sets)) == ("toy.yaml", ("select.options.per_problem=2",))
        assert (origin.reference, origin.copy) == ("toy@v1", "toy-v1.yaml")
        assert outcome["run"] == f"toy-{origin.recipe_hash[:8]}"
        (toy / "toy.yaml").unlink()
        gone = version_origin(reader, "toy")
        assert (gone.path, tuple(gone.sets), gone.copy) == (None, (), "recipes/toy-v1.yaml")
        with pytest.raises(SetupError, match="unknown dataset"):
            version_origin(reader, "other@v1")
