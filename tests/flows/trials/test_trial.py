"""A trial of two small datasets: planned, killed, finished with the same students, looked at again."""

import json
from pathlib import Path
from typing import Any

import pytest

from rollmill.flows.training.training import OpenTraining
from tests.flows.conftest import Curated, Run, said_as_json

SUMS: dict[str, Any] = {
    "recipe_schema": 1, "name": "sums", "seed": 3,
    "problems": {"synthesize": "templates", "options": {"levels": [1, 2], "split": "train"}, "count": 12},
    "generate": {"engine": "embedded", "model": "models/rollmill-tiny", "max_tokens": 120},
    "verify": [{"method": "number"}], "budget": {"method": "fixed", "options": {"initial": 4}},
    "select": {"method": "quota", "options": {"per_problem": 2}}, "gate": {"min_kept": 5},
    "evaluation": [{"synthesize": "templates", "options": {"split": "heldout"}, "count": 20, "seed": 1}],
}  # fmt: skip
TRAINING = {
    "train_schema": 1, "name": "student", "data": {"versions": {"sums@v1": "all"}}, "seed": 1,
    "learner": {"method": "tiny", "options": {"steps": 2, "batch": 4, "learning_rate": 1e-4}},
}  # fmt: skip
EVALUATION: dict[str, Any] = {
    "evaluation_schema": 1, "name": "held", "seed": 1, "samples": 2,
    "benchmarks": [
        {"name": "easy", "synthesize": "templates", "options": {"split": "heldout", "levels": [1, 2]}, "count": 6,
         "verify": [{"method": "number"}]}
    ],
    "models": [{"name": "tiny", "max_tokens": 100}],
}  # fmt: skip
TRIAL: dict[str, Any] = {
    "trial_schema": 1, "name": "pair", "base": "student.yaml", "seeds": 3, "ks": [1, 2],
    "arms": {"two": {"curate": {"recipe": "sums.yaml"}},
             "one": {"curate": {"recipe": "sums.yaml", "set": {"name": "fewer", "problems.count": 8}}}},
    "evaluate": {"recipe": "held.yaml", "same_templates": True},
}  # fmt: skip


pytestmark = pytest.mark.integration


@pytest.fixture
def files(toy: Path) -> Path:
    for name, value in (("sums", SUMS), ("student", TRAINING), ("held", EVALUATION), ("pair", TRIAL)):
        (toy / f"{name}.yaml").write_text(json.dumps(value))
    return toy


def test_a_plan_needs_the_rows_and_names_what_makes_them(files: Path, rollmill: Run) -> None:
    said = rollmill("trial", "pair.yaml", "--plan")
    assert said.status == 0
    assert "the data of two is not made yet: rollmill curate " in said.out
    assert "2 trainings" not in said.out
    assert "6 trainings" in said.out


def test_rows_of_the_evaluation_or_its_templates_are_no_training_data(files: Path, curated: Curated, rollmill: Run) -> None:
    curated("sums.yaml")
    (files / "pair.yaml").write_text(
        json.dumps({**TRIAL, "arms": {"a": {}, "b": {"seed": 2}}, "evaluate": {"recipe": "held.yaml"}})
    )
    said = rollmill("trial", "pair.yaml", "--plan")
    assert said.status == 1
    assert "templates of 'easy'" in said.err
    leaked = {**EVALUATION["benchmarks"][0], "options": SUMS["problems"]["options"], "count": 12}
    (files / "held.yaml").write_text(json.dumps({**EVALUATION, "seed": 3, "benchmarks": [leaked]}))
    said = rollmill("trial", "pair.yaml", "--plan", "--set", "evaluate.same_templates=true")
    assert said.status == 1
    assert "of 12 problems of 'easy'" in said.err
    allowed = ("--set", "evaluate.same_templates=true", "--set", "evaluate.leaks_because=what was learnt by heart")
    said = rollmill("trial", "pair.yaml", "--plan", *allowed)
    assert said.status == 0
    assert "of 12 problems of 'easy', which the recipe allows: what was learnt by heart" in said.out


def test_one_dataset_is_no_trial(files: Path, rollmill: Run) -> None:
    said = rollmill("trial", "sums@v1", "--plan")
    assert (said.status, "sums@v1 is one dataset, and a trial compares two or more" in said.err) == (2, True)


@pytest.mark.train
def test_a_trial_that_stopped_goes_on_and_is_as_one_that_did_not(
    files: Path, rollmill: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    train = OpenTraining.train
    done: list[str] = []

    def interrupted(self: OpenTraining, *given: Any) -> dict[str, Any]:
        if len(done) == 3:
            raise KeyboardInterrupt
        done.append(self.training_id)
        return train(self, *given)

    with monkeypatch.context() as stopping:
        stopping.setattr(OpenTraining, "train", interrupted)
        assert rollmill("trial", "pair.yaml").status == 130
    outcome = said_as_json(rollmill, "trial", "pair.yaml")
    assert [len(arm["students"]) for arm in outcome["arms"]] == [3, 3]
    tokens, least = [count for arm in outcome["arms"] for count in arm["tokens_each"]], outcome["equal_tokens"]
    assert least <= min(tokens) <= max(tokens) < 2 * least  # whole batches reach the amount, and two steps are it
    primary, other, references = outcome["comparisons"]
    assert (primary["arm"], primary["against"], primary["k"], other["k"]) == ("one", "two", 1, 2)
    assert (references["measure"], references["n"], references["left_out"]) == ("log-prob of references", 6, 0)
    assert references["low"] <= references["difference"] <= references["high"] < 1.0
    assert -20.0 < references["value_before"] < 0.0  # nats a token
    assert primary["low"] <= primary["difference"] <= primary["high"]
    assert (primary["n"], len(primary["by_seed"])) == (6, 3)
    page = (files / "reports" / "pair" / "trial.md").read_text()
    assert f"{primary['difference']:+.3f}" in page
    (files / "priced.yaml").write_text("training: {price_per_hour: 3.6}\n")
    again = said_as_json(rollmill, "trial", "pair.yaml", "--profile", "priced.yaml")
    assert again["comparisons"] == outcome["comparisons"]
    assert [arm["money"] for arm in outcome["arms"]] == [None, None]
    assert [arm["money"] for arm in again["arms"]] == pytest.approx([arm["seconds"] / 1000 for arm in again["arms"]])
    plan = said_as_json(rollmill, "trial", "pair.yaml", "--plan", "--profile", "priced.yaml")
    assert (plan["money_left"], plan["currency"]) == (0.0, "USD")
    assert (plan["trainings_left"], plan["completions"], plan["problems"]) == (0, 6 * 6 * 2, {"easy": 6})
    more = rollmill("trial", "pair.yaml", "--set", "seeds=4")
    assert more.status == 0
    assert "results were looked at before, with 3 seeds, and 4 were not planned then" in more.out


@pytest.mark.train
def test_a_difference_that_the_seeds_cannot_show_is_refused_after_the_pilot(files: Path, rollmill: Run) -> None:
    harder = {**EVALUATION["benchmarks"][0], "options": {"split": "heldout", "levels": [5, 6]}}
    (files / "held.yaml").write_text(json.dumps({**EVALUATION, "benchmarks": [harder]}))
    said = rollmill("trial", "pair.yaml", "--set", "detect=0.001")
    assert said.status == 1
    assert "detect is 0.001" in said.err
    assert "the students are kept" in said.err
    listed: list[dict[str, Any]] = json.loads(rollmill("model", "list", "--json").out)
    assert {row["model"].partition("@")[0] for row in listed} == {"pair-two"}
