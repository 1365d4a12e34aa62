"""Recipes of trials: arms as changes of one training, equal lengths, mistakes told before anything is trained."""

from pathlib import Path

import pytest
import yaml

from rollmill.flows.trials.trial_recipe import load_trial, trial_of
from rollmill.ground.errors import SetupError

ROOT = Path(__file__).resolve().parents[3]
TRAINING = {
    "train_schema": 1,
    "name": "student",
    "data": {"versions": {"toys": "all"}},
    "learner": {"method": "tiny", "options": {"steps": 60}},
}
EVALUATION = {
    "evaluation_schema": 1,
    "name": "unseen",
    "samples": 4,
    "benchmarks": [
        {
            "name": "easy",
            "synthesize": "templates",
            "options": {"split": "heldout", "levels": [1]},
            "count": 8,
            "verify": [{"method": "number"}],
        }
    ],
    "models": [{"name": "tiny", "max_tokens": 64}],
}
TRIAL = {
    "trial_schema": 1,
    "name": "toy",
    "base": "student.yaml",
    "arms": {"one": {"data": {"versions": {"toys@v1": "all"}}}, "two": {"data": {"versions": {"toys@v2": "all"}}}},
    "seeds": 3,
    "evaluate": {"recipe": "unseen.yaml"},
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, value in (("student", TRAINING), ("unseen", EVALUATION)):
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(value))
    return tmp_path


def trial(folder: Path, **changes: object) -> Path:
    path = folder / "trial.yaml"
    path.write_text(yaml.safe_dump({**TRIAL, **changes}))
    return path


def test_arms_differ_in_what_they_state_and_in_nothing_else(folder: Path) -> None:
    loaded = load_trial(trial(folder))
    one, two = (loaded.trainings[arm].canonical() for arm in ("one", "two"))
    assert (one.pop("data")["versions"], two.pop("data")["versions"]) == ({"toys@v1": "all"}, {"toys@v2": "all"})
    assert one == two
    assert (loaded.arms, loaded.looks, loaded.samples, loaded.ks) == (["one", "two"], (3,), 4, (1, 4))


def test_a_student_has_its_seed_and_the_tokens_of_all(folder: Path) -> None:
    student = load_trial(trial(folder)).student("two", 2, 5_000)
    options = student.recipe.learner.options
    assert (student.recipe.name, student.recipe.seed) == ("toy-two", 2)
    assert {name: options[name] for name in ("steps", "epochs", "loss_tokens")} == {
        "steps": 0,
        "epochs": 0,
        "loss_tokens": 5_000,
    }


def test_all_students_are_rows_of_one_evaluation(folder: Path) -> None:
    evaluation = load_trial(trial(folder)).evaluation_of({"one-0": "toy-one@v1", "two-0": "toy-two@v1"})
    assert [(model.name, model.model, model.max_tokens) for model in evaluation.models] == [
        ("one-0", "models/toy-one@v1", 64),
        ("two-0", "models/toy-two@v1", 64),
    ]
    assert (evaluation.name, evaluation.samples) == ("toy", 4)


def test_the_trial_is_the_same_with_more_seeds_and_another_with_other_rows(folder: Path) -> None:
    rows = {"one": "a" * 64, "two": "b" * 64}
    first, more = load_trial(trial(folder)), load_trial(trial(folder, seeds=8, looks=[3, 8]))
    assert first.trial_id(rows) == more.trial_id(rows)
    assert first.trial_id(rows) != first.trial_id({**rows, "two": "c" * 64})


def test_versions_on_the_command_line_are_arms(folder: Path) -> None:
    loaded = trial_of(["toys@v1", "toys@v2"], folder / "student.yaml", folder / "unseen.yaml", seeds=4)
    assert (loaded.arms, loaded.recipe.seeds, loaded.recipe.name) == (["toys-v1", "toys-v2"], 4, "toys-v1-or-toys-v2")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"arms": {"one": {}}}, "arms: mapping should have at least 2"),
        ({"looks": [3, 5]}, "looks [3, 5] must ascend and end with seeds, 3"),
        ({"base": "none.yaml"}, "no file"),
        ({"arms": {"one": {}, "two": {"lerner": {"method": "tiny"}}}}, "unknown key 'lerner'"),
        ({"ks": [8]}, "pass@8 needs as many samples, and there are 4"),
        (
            {"equal": "steps", "arms": {"one": {}, "two": {"learner": {"options": {"steps": 5}}}}},
            "equal: steps, and the arms have one 60, two 5",
        ),
        ({"arms": {"one": {"curate": {"recipe": "none.yaml"}}, "two": {}}}, "none.yaml"),
    ],
)
def test_mistakes_are_told_at_once(folder: Path, changes: dict[str, object], said: str) -> None:
    with pytest.raises(SetupError) as error:
        load_trial(trial(folder, **changes))
    assert said in str(error.value)


def test_the_shipped_trial_loads_and_its_datasets_have_names_of_their_own() -> None:
    loaded = load_trial(ROOT / "recipes/trials/arithmetic.yaml")
    names = {arm: curated.dataset for arm, curated in loaded.curated.items()}
    assert names == {"uniform": "arithmetic-uniform", "prop2diff": "arithmetic", "vanilla": "arithmetic-vanilla"}
