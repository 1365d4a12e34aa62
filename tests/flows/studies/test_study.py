"""Studies: trained, measured once, judged by their predictions, killed and resumed; the shipped ones and their page."""

import json
from pathlib import Path
from typing import Any

import pytest

from docs.generate import papers
from rollmill.flows.studies.study_recipe import load_study
from rollmill.flows.studies.study_report import judged, number_text
from rollmill.flows.training.training import OpenTraining
from tests.flows.conftest import Run, said_as_json
from tests.flows.trials.test_trial import EVALUATION, SUMS, TRAINING

ROOT = Path(__file__).resolve().parents[3]
SHIPPED = sorted((ROOT / "recipes" / "papers").glob("*.yaml"))
STUDY: dict[str, Any] = {
    "study_schema": 1, "name": "few", "paper": {"title": "A paper", "source": "We 2026", "reports": "Nothing."},
    "claim": "Nothing changes.", "measure": {"method": "coverage", "options": {"ks": [1, 2]}}, "reach": "Everything.",
    "trial": {
        "base": "student.yaml", "seeds": 2, "evaluate": {"recipe": "held.yaml", "same_templates": True},
        "arms": {"one": {"curate": {"recipe": "sums.yaml"}}, "two": {"curate": {"recipe": "sums.yaml"}, "seed": 5}},
    },
    "expects": [["pass@2: two - one", "=", 1.0]],
}  # fmt: skip


@pytest.fixture
def files(toy: Path) -> Path:
    for name, value in (("sums", SUMS), ("student", TRAINING), ("held", EVALUATION), ("few", STUDY)):
        (toy / f"{name}.yaml").write_text(json.dumps(value))
    return toy


def numbers(value: float, low: float, high: float) -> dict[str, Any]:
    return {"value": value, "low": low, "high": high, "n": 9}


@pytest.mark.integration
@pytest.mark.parametrize(
    ("low", "value", "high", "verdict"),
    [
        (0.02, 0.1, 0.18, "holds"),
        (-0.3, -0.2, -0.1, "does not hold here"),
        (-0.1, 0.1, 0.3, "cannot be seen on this model"),
        (0.01, 0.02, 0.03, "cannot be seen on this model"),
    ],
)
def test_a_verdict_follows_from_the_prediction_alone(
    files: Path, low: float, value: float, high: float, verdict: str
) -> None:
    study = load_study(files / "few.yaml", sets=['expects=[["pass@2: two - one", "+", 0.05]]'])
    result = {"effects": {"pass@2: two - one": numbers(value, low, high)}}
    assert judged(study, result)["verdict"] == verdict


def test_numbers_are_shown_with_their_intervals() -> None:
    assert number_text(numbers(0.5, 0.25, 0.75)) == "0.5 [0.25, 0.75]"
    assert number_text({**numbers(0.5, 0.25, 0.75), "high": None}) == "0.5 [0.25, ∞]"
    assert number_text({**numbers(0.5, 0.25, 0.75), "low": None, "high": None}) == "0.5"


@pytest.mark.integration
def test_mistakes_are_named_with_the_file_and_its_choices(files: Path, rollmill: Run) -> None:
    said = rollmill("study", "few.yaml", "--dry-run", "--set", "measure.method=cover")
    assert (said.status, "Did you mean 'coverage'" in said.err) == (2, True)
    said = rollmill("study", "few.yaml", "--dry-run", "--set", "models.a=models/rollmill-tiny")
    assert (said.status, "a trial or models, not both" in said.err) == (2, True)
    said = rollmill("study", "few.yaml", "--dry-run", "--set", "trial.seedz=2")
    assert (said.status, "'seedz'" in said.err) == (2, True)
    plan = said_as_json(rollmill, "study", "few.yaml", "--dry-run")
    assert (plan["arms"], plan["seeds"]) == (["one", "two"], 2)


@pytest.mark.integration
@pytest.mark.train
def test_a_killed_study_goes_on_and_a_second_run_does_nothing(
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
        assert rollmill("study", "few.yaml").status == 130
    wrong = rollmill("study", "few.yaml", "--set", 'expects=[["pass@3: two - one", "+", 0.1]]')
    assert (wrong.status, "has no effect 'pass@3: two - one'" in wrong.err) == (2, True)
    outcome = said_as_json(rollmill, "study", "few.yaml", "--write", "shown.json")
    assert outcome["verdict"] == "holds"
    effect = outcome["effects"]["pass@2: two - one"]
    assert effect["low"] <= effect["value"] <= effect["high"]
    assert sorted(outcome["table"]) == ["pass@1: one", "pass@1: two", "pass@2: one", "pass@2: two"]
    page = (files / "reports" / "studies" / "few.md").read_text()
    assert "**Holds.**" in page
    monkeypatch.setattr(OpenTraining, "train", None)
    again = said_as_json(rollmill, "study", "few.yaml")
    assert again["messages"] == ["measured already: nothing was trained or drawn."]
    assert (again["effects"], again["verdict"]) == (outcome["effects"], "holds")
    shown = json.loads((files / "shown.json").read_text())
    assert shown["effects"] == outcome["effects"]
    (files / "recipes").mkdir()
    (files / "few.yaml").rename(files / "recipes" / "few.yaml")
    rows = json.loads(rollmill("recipe", "list", "--papers", "--json").out)
    (listed,) = [row for row in rows if row["name"] == "few"]
    assert (listed["paper"], listed["status"]) == ("A paper", "holds")
    assert "rollmill study recipes/few.yaml" in rollmill("recipe", "list").out


@pytest.mark.parametrize("path", SHIPPED, ids=[path.stem for path in SHIPPED])
def test_a_shipped_study_loads_and_its_page_has_the_result_that_comes_with_it(path: Path) -> None:
    study = load_study(path)
    page = papers.page()
    assert f"\n## {study.recipe.name}\n" in page
    assert f"rollmill study recipes/papers/{path.name}" in page
    result = json.loads((path.parent / "results" / f"{study.recipe.name}.json").read_text())
    assert result["verdict"] in ("holds", "does not hold here", "cannot be seen on this model")
    shown = page.partition(f"\n## {study.recipe.name}\n")[2].partition("\n## ")[0]
    for expected in study.expected:
        assert f"| {expected.effect} | {expected.words} | {number_text(result['effects'][expected.effect])} |" in shown


@pytest.mark.integration
@pytest.mark.train
def test_a_study_of_a_model_trains_its_own_and_is_done_once(toy: Path, rollmill: Run) -> None:
    options = {"rows": 8, "texts": 4, "steps": 1, "seeds": 2}
    study = {key: value for key, value in STUDY.items() if key != "trial"} | {
        "name": "own", "measure": {"method": "own_tokens", "options": options}, "models": {"init": "models/rollmill-tiny"},
        "expects": [["reference: mixed - gold", "=", 5.0]],
    }  # fmt: skip
    (toy / "own.yaml").write_text(json.dumps(study))
    outcome = said_as_json(rollmill, "study", "own.yaml")
    assert outcome["verdict"] == "holds"
    assert outcome["data"].keys() == {"init"}
    assert said_as_json(rollmill, "study", "own.yaml")["messages"] == ["measured already: nothing was trained or drawn."]
    other = said_as_json(rollmill, "study", "own.yaml", "--set", "seed=2")
    assert other["effects"] != outcome["effects"]
    lacking = rollmill("study", "own.yaml", "--set", "measure={method: coverage}")
    assert (lacking.status, "give the study a trial" in lacking.err) == (2, True)
