"""The form of a training recipe: its sections and methods, and every value set again is the same recipe."""

import json
from pathlib import Path

import pytest

from rollmill.flows.cli import run
from rollmill.flows.recipe.form import form_of
from rollmill.flows.training.training_recipe import load_training
from rollmill.ground.by_name import object_at
from rollmill.kinds import recipe_files_of
from tests.flows.conftest import ROOT
from tests.flows.recipe.forms.test_form import fields, unchanged

PATH = ROOT / "recipes/training/student.yaml"


def test_every_value_set_again_is_the_same_training() -> None:
    form, before = form_of(PATH), load_training(PATH).recipe_hash
    assert (form.kind.verb, form.name) == ("train", "student")
    changed = [part.path for part in form.fields if load_training(PATH, sets=unchanged(part)).recipe_hash != before]
    assert changed == []
    assert [part.path for part in form.fields if not part.help] == []


def test_methods_bring_their_options() -> None:
    known = fields(form_of(PATH))
    assert known["data.versions"].value == {"arithmetic": "all"}
    assert (known["learner.method"].value, known["learner.method"].structure) == ("tiny", True)
    assert {"tiny", "command"} <= set(known["learner.method"].type.choices)
    assert (known["learner.options.steps"].value, known["learner.options.steps"].common) == (60, True)
    other = form_of(PATH, ["loss.method=dpo"])
    assert "loss.options.beta" in fields(other)


def test_the_command_prints_it_and_names_a_mistake(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run(["recipe", "form", str(PATH), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["kind"] == "train"
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(PATH.read_text().replace("method: tiny", "method: tinny"))
    assert run(["recipe", "form", str(wrong)]) == 2
    assert "unknown learner 'tinny'. Did you mean 'tiny'?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("path", "verb", "known"),
    [
        ("mixtures/hard", "mix", {"sources.easy.share": 0.1, "choose.method": "strata", "choose.options.by": "cluster"}),
        ("sweeps/temperature", "sweep", {"allocator.method": "halving", "allocator.options.total": 480, "report": 4}),
    ],
)
def test_mixtures_and_sweeps_have_forms_whose_values_set_again_are_the_same_recipe(
    path: str, verb: str, known: dict[str, object]
) -> None:
    file = ROOT / "recipes" / f"{path}.yaml"
    form = form_of(file)
    assert form.kind.verb == verb
    values = {part.path: part.value for part in form.fields}
    assert {key: values[key] for key in known} == known
    load = object_at(recipe_files_of(form.kind).loader)
    before = load(file).canonical()
    assert [part.path for part in form.fields if load(file, sets=unchanged(part)).canonical() != before] == []
    assert [part.path for part in form.fields if not part.help] == []
