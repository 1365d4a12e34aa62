"""Forms of recipes: a field of each type, and every shipped recipe with its values set again is the same recipe."""

from pathlib import Path
from typing import Any

import pytest

from rollmill.flows.recipe.evaluations import is_evaluation, load_evaluation
from rollmill.flows.recipe.form import RecipeForm, form_of
from rollmill.flows.recipe.load import load_recipe
from rollmill.ground.errors import SetupError
from rollmill.ground.form_fields import FieldType, FormField, yaml_text
from tests.flows.conftest import RECIPE, ROOT, Run

SHIPPED = sorted(
    path
    for folder in ("recipes", "recipes/steps", "recipes/evaluations")
    for path in (ROOT / folder).glob("*.yaml")
    if path.name != "dvc.yaml"
)


def fields(form: RecipeForm) -> dict[str, FormField]:
    return {field.path: field for field in form.fields}


def unchanged(field: FormField) -> list[str]:
    """The overrides that leave a key as it is; none for a value that no override can give."""
    value = [field.items[name] for name in field.value] if field.type.kind == "items" else field.value
    return [] if value is None and not field.type.empty else [*field.first, f"{field.path}={yaml_text(value)}"]


def hashes(path: Path, sets: list[str]) -> list[str]:
    if is_evaluation(path):
        return [cell.recipe_hash for cell in load_evaluation(path, sets=sets).cells]
    return [load_recipe(path, sets=sets).recipe_hash]


@pytest.mark.integration
@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: str(path.relative_to(ROOT / "recipes")))
def test_every_value_set_again_is_the_same_recipe(path: Path) -> None:
    form, before = form_of(path), hashes(path, [])
    assert [field.path for field in form.fields if hashes(path, unchanged(field)) != before] == []
    assert form.sets == ()
    assert all(field.help for field in form.fields)


@pytest.mark.integration
@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: str(path.relative_to(ROOT / "recipes")))
def test_all_values_of_a_section_set_at_once_are_the_same_recipe(path: Path) -> None:
    sets = [text for field in form_of(path).fields if not field.structure for text in unchanged(field)]
    assert hashes(path, sets) == hashes(path, [])


def test_fields_of_every_type() -> None:
    known = fields(form_of(ROOT / "recipes/arithmetic.yaml"))
    assert known["problems.count"].type == FieldType("whole", least=1, most=1_000_000, empty=True)
    assert known["generate.temperature"].type == FieldType("number", least=0.0, empty=True)
    assert known["generate.prompt_form"].type == FieldType("choice", ("chat", "completion"))
    assert known["generate.prompt_template"].type == FieldType("text")
    assert known["gate.level_shares"].type.kind == "yaml"
    assert known["gate.level_shares"].value == {"1": [0.02, 0.3], "8": [0.05, 0.5]}
    method = known["budget.method"]
    assert (method.value, method.structure, method.common, method.section) == ("prop2diff", True, True, "Budget")
    assert method.help == "Number of completions of each problem."
    assert {"fixed", "sequential", "search"} <= set(method.type.choices)
    cap = known["budget.options.cap"]
    assert (cap.value, cap.default, cap.help) == (64, 64, "Most completions of one problem.")
    verify = known["verify"]
    assert (verify.type.kind, verify.value, verify.items["math"]) == ("items", ["number", "math"], {"method": "math"})
    assert (known["generate.top_p"].common, known["generate.max_tokens"].common) == (False, True)
    assert known["generate.batch_size"].value is None  # it follows from other keys
    code = fields(form_of(ROOT / "recipes/code.yaml"))
    assert code["verify.0.options.sandbox"].type == FieldType("choice", ("strict", "shared", "none"))
    searched = fields(form_of(ROOT / "recipes/searched.yaml"))
    assert searched["budget.options.process"].value == "lines"
    assert searched["budget.options.policy.options.n"].value == 8
    assert fields(form_of(ROOT / "recipes/imported.yaml"))["problems.imported"].common


def test_another_method_brings_its_options_and_drops_those_it_lacks(toy: Path) -> None:
    form = form_of(toy / "toy.yaml", ["budget.method=fixed", "generate.engine=embedded"])
    assert form.sets == (
        "budget.method=fixed",
        "generate.engine=embedded",
        "generate.options={}",
        "budget.options={initial: 4}",
    )
    known = fields(form)
    assert [path for path in known if path.startswith("budget.options.")] == ["budget.options.initial"]
    assert known["budget.options.initial"].value == 4
    assert load_recipe(toy / "toy.yaml", sets=form.sets).budget.options == {"initial": 4}


def test_methods_of_a_users_file_have_fields(toy: Path) -> None:
    known = fields(form_of(toy / "toy.yaml"))
    engine = known["generate.engine"]
    assert (engine.value, engine.type.choices[0]) == ("toys.py:ToyEngine", "toys.py:ToyEngine")
    assert known["generate.options.chance"].type == FieldType("number")
    assert known["problems.options.split"].value == "train"
    assert known["evaluation.0.options.split"].value == "held"


def test_keys_of_a_section_that_the_file_lacks_bring_what_the_section_needs(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_text("recipe_schema: 1\nname: r\nproblems: {synthesize: templates, count: 8}\nevaluation: [{count: 9}]\n")
    known = fields(form_of(path))
    assert known["budget.options.initial"].first == ("budget.method=fixed",)
    assert known["verify.0.options.policy"].first == ("verify=[{method: number}]",)
    split = known["evaluation.0.options.split"]
    assert (split.value, split.first) == ("evaluation", ("evaluation.0.options={split: evaluation}",))
    assert load_recipe(path, sets=[*known["budget.options.initial"].first, "budget.options.initial=2"]).budget.options == {
        "initial": 2
    }


def test_benchmarks_and_models_are_chosen_by_name() -> None:
    path = ROOT / "recipes/evaluations/arithmetic.yaml"
    known = fields(form_of(path))
    benchmarks = known["benchmarks"]
    assert (benchmarks.value, benchmarks.items["gsm8k"]) == (["easy", "hard"], {"benchmark": "gsm8k"})
    one = [f"benchmarks={yaml_text([benchmarks.items['hard']])}", f"models={yaml_text([known['models'].items['tiny']])}"]
    fewer = form_of(path, one)
    assert [field.path for field in fewer.fields if field.path.endswith("temperature")] == ["models.tiny.temperature"]
    [cell] = load_evaluation(path, sets=[*one, "models.tiny.temperature=0.25"]).cells
    assert (cell.recipe.name, cell.recipe.generate.temperature) == ("arithmetic-eval.hard.tiny", 0.25)


@pytest.mark.parametrize(
    "sets",
    [
        ["generate.temperature=-1"],
        ["budget.method=nobody"],
        ["verify=[]"],
        ["verify=number"],
        ["problems=[]"],
        ["generate.options=7"],
        ["select={method: quota, options: []}"],
        ["evaluation=[{imported: x}]"],
        ["verify=[{method: number}, {method: number}]"],
        ["verify=[{options: {}}]"],
        ["budget.method=3"],
        ["steps=[{name: a}, {name: a}]"],
    ],
)
def test_a_file_with_a_mistake_has_a_form(sets: list[str], toy: Path) -> None:
    assert len(form_of(toy / "toy.yaml", sets).fields) > 20


@pytest.mark.integration
def test_the_command_prints_the_form_and_names_the_mistake(toy: Path, rollmill: Run) -> None:
    result = rollmill("recipe", "form", "toy.yaml", "--set", "generate.temperature=-1", "--json")
    assert result.status == 2
    assert '"path": "generate.temperature"' in result.out
    assert "generate.temperature: input should be greater than or equal to 0, found -1." in result.err
    text = rollmill("recipe", "form", "toy.yaml")
    assert (text.status, text.err) == (0, "")
    assert any(line.split()[:2] == ["budget.options.cap", "16"] for line in text.out.splitlines())
    (toy / "broken.yaml").write_text("recipe_schema: [1\n")
    assert rollmill("recipe", "form", "broken.yaml").status == 2


def test_what_cannot_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text(RECIPE)
    for bad in ("generate.temperature", "a.b.c=[", "verify.7.method=x"):
        with pytest.raises(SetupError):
            form_of(tmp_path / "r.yaml", [bad])


def test_fields_are_json_values() -> None:
    row: dict[str, Any] = form_of(ROOT / "recipes/arithmetic.yaml").row()
    assert row["kind"] == "curate"
    assert [FormField.of(part) for part in row["fields"]] == list(form_of(ROOT / "recipes/arithmetic.yaml").fields)
