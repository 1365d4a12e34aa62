"""Trainings with a reward: a program under `command` that asks the address it is given, and recipes that are refused."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from rollmill.flows.training.training_reward import LONGEST_NAME, log_of
from rollmill.storage.workspace import Workspace
from tests.flows.conftest import Curated, Run, said_as_json

pytestmark = pytest.mark.integration
ASKING = """\
import json, os, pathlib, sys, urllib.parse, urllib.request
data, init, out = sys.argv[1:]
reward = urllib.parse.urlsplit(os.environ["ROLLMILL_REWARD"])
rows = [json.loads(line) for line in open(data)]
items = [{"completion": text, "reference": row["reference"], "problem_id": row["problem_id"]}
         for row in rows for text in (row["reference"], "7 monkeys")]
body = json.dumps({"items": items, "step": 3}).encode()
headers = {"Content-Type": "application/json", "Authorization": "Bearer " + reward.password}
asked = urllib.request.Request(f"http://127.0.0.1:{reward.port}/v1/judge", body, headers)
values = [one["value"] for one in json.load(urllib.request.urlopen(asked))["rewards"]]
assert values == [1.0, -0.5] * len(rows), values
out = pathlib.Path(out)
out.mkdir()
(out / "config.json").write_text((pathlib.Path(init) / "config.json").read_text())
(out / "model.safetensors").write_text("weights")
print(json.dumps({"step": 3, "loss": 0.0, "share": 1.0, "reward": 0.25}))
"""
REWARD = {"source": "tests.flows.rewards.toys:Plain", "incorrect": -0.5}


def recipe(folder: Path, **changed: Any) -> None:
    (folder / "asking_trainer.py").write_text(ASKING)
    command = f"{sys.executable} asking_trainer.py {{data}} {{init}} {{out}}"
    value = {
        "train_schema": 1, "name": "asking", "data": {"versions": {"toy@v1": "all"}},
        "learner": {"method": "command", "options": {"command": command}}, "loss": {"method": "grpo"},
        "reward": REWARD, **changed,
    }  # fmt: skip
    (folder / "asking.yaml").write_text(json.dumps({key: part for key, part in value.items() if part is not None}))


@pytest.fixture
def ready(toy: Path, curated: Curated) -> Path:
    curated()
    recipe(toy)
    return toy


def test_every_rewarded_completion_is_kept_and_can_be_published(ready: Path, rollmill: Run) -> None:
    outcome = said_as_json(rollmill, "train", "asking.yaml")
    log = log_of("asking", outcome["training_id"])
    assert outcome["messages"][-1] == (
        f"Every rewarded completion is kept: rollmill reward show {log}, or rollmill reward publish {log}"
    )
    record = json.loads((Path(outcome["folder"]) / "training.json").read_text())
    assert (record["rewards"], record["training"]["reward"]["incorrect"]) == (log, -0.5)
    assert "| reward | tests.flows.rewards.toys:Plain |" in (Path(outcome["folder"]) / "README.md").read_text()
    shown = said_as_json(rollmill, "reward", "show", log)
    rows = outcome["data"][0]["rows"]
    assert (shown["n"], [step["step"] for step in shown["steps"]]) == (2 * rows, [3])
    assert shown["steps"][0]["reward"]["value"] == pytest.approx(0.25)
    assert said_as_json(rollmill, "reward", "publish", log)["completions"]["new"] == 2 * rows
    again = said_as_json(rollmill, "train", "asking.yaml")
    assert (again["model"], again["created"]) == ("asking@v1", False)
    other = said_as_json(rollmill, "train", "asking.yaml", "--dry-run", "--set", "reward.incorrect=0")
    assert other["training_id"] != outcome["training_id"]
    with Workspace.open(ready) as ws:
        assert [training.status for training in ws.trainings.all()] == ["done"]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"reward": None}, "the loss 'grpo' draws completions, and nothing judges them. Next: reward: {source:"),
        ({"loss": {"method": "sft"}}, "the loss 'sft' trains on rows, and has no use for a reward"),
        (
            {"learner": {"method": "tiny", "options": {"steps": 1}}},
            "the learner 'tiny' draws no completions, as the loss 'grpo' needs. Valid: trl, command",
        ),
        (
            {"learner": {"method": "tiny", "options": {"steps": 1}}, "loss": {"method": "reward_model"}, "reward": None},
            "the learner 'tiny' trains no model that rates texts, as the loss 'reward_model' needs. Valid: trl, command",
        ),
        ({"reward": {"source": "nowhere.yaml"}}, "reward.source: there is no file "),
        ({"reward": {"source": "numbr"}}, "unknown verifier 'numbr'. Did you mean 'number'"),
        ({"reward": {"source": "number", "correct": "much"}}, "reward.correct"),
    ],
)
def test_a_reward_that_does_not_fit_is_refused(ready: Path, rollmill: Run, changed: dict[str, Any], said: str) -> None:
    recipe(ready, **changed)
    refused = rollmill("train", "asking.yaml", "--dry-run")
    assert (refused.status, said in refused.err) == (2, True), refused.err


def test_a_log_has_a_name_that_an_import_may_have() -> None:
    assert len(log_of("x" * 63, "0123456789abcdef")) == LONGEST_NAME + 9 == 63
