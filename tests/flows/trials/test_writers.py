"""Writers and filters as arms: three temperatures, each under two filters, and nothing else differs."""

import json
import shutil
from pathlib import Path

import duckdb
import pytest

from rollmill.flows.recipe.load import load_recipe
from rollmill.flows.trials.trial_recipe import load_trial
from rollmill.ground.records import Completion, Problem
from rollmill.pipelines.verify import VERIFIERS
from rollmill.storage.workspace import Workspace
from tests.flows.conftest import ROOT, Run, said_as_json

pytestmark = pytest.mark.integration


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    Workspace.init(tmp_path / "ws").close()
    monkeypatch.chdir(tmp_path / "ws")
    shutil.copytree(ROOT / "recipes", "recipes")
    return tmp_path / "ws"


def test_the_arms_cross_three_writers_with_two_filters_and_differ_in_nothing_else(workspace: Path) -> None:
    trial = load_trial(workspace / "recipes/trials/writers.yaml")
    shown = {arm: load_recipe(curated.recipe, sets=curated.sets).shown() for arm, curated in trial.curated.items()}
    crossed = {arm: (part["generate"]["temperature"], part["verify"][0]["method"]) for arm, part in shown.items()}
    assert crossed == {
        f"{writer}_{name}": (temperature, method)
        for writer, temperature in (("cool", 0.4), ("warm", 1.0), ("hot", 1.5))
        for name, method in (("form", "regex"), ("verdict", "number"))
    }
    for part in shown.values():
        part["generate"].pop("temperature")
        part.pop("verify")
        for key in ("name", "dataset"):
            part.pop(key)
    assert len({json.dumps(part, sort_keys=True) for part in shown.values()}) == 1
    assert trial.recipe.equal == "loss_tokens"


def test_the_verdict_lets_no_wrong_text_pass_and_the_form_many_of_a_hot_writer(workspace: Path, rollmill: Run) -> None:
    trial, right = load_trial(workspace / "recipes/trials/writers.yaml"), {}
    verifier = VERIFIERS["number"]()
    for arm in ("hot_form", "hot_verdict"):
        curated = trial.curated[arm]
        sets = [word for value in (*curated.sets, "problems.count=8", "gate.min_kept=0") for word in ("--set", value)]
        made = said_as_json(rollmill, "curate", str(curated.recipe), "--direct", *sets)
        with duckdb.connect(str(Path(made["path"]) / "dataset.duckdb"), read_only=True) as connection:
            query = """select r.text, p.reference from decisions d join rollouts r on r.id = d.completion_id
                       join problems p on p.id = d.problem_id where d.kept"""
            rows = connection.execute(query).fetchall()
        judged = [verifier.verify(Problem("?", reference), _answer(text)).outcome for text, reference in rows]
        right[arm] = judged.count("correct") / len(judged)
    assert right["hot_verdict"] == 1.0
    assert right["hot_form"] < 0.8


def _answer(text: str) -> Completion:
    return Completion("c", "p", "toy", "toy", "toy-1", "curate", 0, 0, text=text, finish_reason="stop")
