"""The form of a training recipe: its sections and methods, and every value set again is the same recipe."""

import json
from pathlib import Path

import pytest

from flows.cli import run
from flows.recipe.form import KINDS, FileKind, form_of
from flows.training.training_recipe import load_training
from tests.flows.conftest import ROOT
from tests.flows.recipe.test_form import fields, unchanged

PATH = ROOT / "recipes/training/student.yaml"
SCHEMA = "flows.training.training_recipe"
ALL = {**KINDS, "train_schema": FileKind("train", f"{SCHEMA}:TrainingRecipe", f"{SCHEMA}:load_training")}


def test_every_value_set_again_is_the_same_training() -> None:
    form, before = form_of(PATH, (), ALL), load_training(PATH).recipe_hash
    assert (form.kind.verb, form.name) == ("train", "student")
    changed = [part.path for part in form.fields if load_training(PATH, sets=unchanged(part)).recipe_hash != before]
    assert changed == []
    assert [part.path for part in form.fields if not part.help] == []


def test_methods_bring_their_options() -> None:
    known = fields(form_of(PATH, (), ALL))
    assert known["data.versions"].value == {"arithmetic": "all"}
    assert (known["learner.method"].value, known["learner.method"].structure) == ("tiny", True)
    assert {"tiny", "command"} <= set(known["learner.method"].type.choices)
    assert (known["learner.options.steps"].value, known["learner.options.steps"].common) == (60, True)
    other = form_of(PATH, ["loss.method=dpo"], ALL)
    assert "loss.options.beta" in fields(other)


def test_the_command_prints_it_and_names_a_mistake(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run(["recipe", "form", str(PATH), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["kind"] == "train"
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(PATH.read_text().replace("method: tiny", "method: tinny"))
    assert run(["recipe", "form", str(wrong)]) == 2
    assert "unknown learner 'tinny'. Did you mean 'tiny'?" in capsys.readouterr().err
