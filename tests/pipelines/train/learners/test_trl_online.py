"""TRL's trainers that draw completions, with a verifier of the product as their reward over loopback."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from rollmill.flows.rewards.items import RewardValues
from rollmill.flows.rewards.reward import VerifierReward
from rollmill.flows.rewards.reward_server import serving
from rollmill.flows.rewards.source import RewardSource
from rollmill.ground.errors import SetupError
from rollmill.ground.ids import EMBEDDED_FILES
from rollmill.pipelines.train.learners.trl import GUEST, Trl
from rollmill.pipelines.train.llama_folder import LlamaFolder
from rollmill.pipelines.train.losses import LOSSES
from rollmill.pipelines.train.orders import ORDERS
from rollmill.pipelines.train.roles import LearnerReport, TrainingForecast, TrainingTask
from rollmill.storage.workspace import Workspace
from tests.pipelines.train.student_files import SHIPPED, small_model, written
from tests.tied import tied

in_trl = pytest.mark.train
OPTIONS = {
    "logging_steps": 1, "save_steps": 2, "learning_rate": 1e-2, "lr_scheduler_type": "constant",
    "gradient_checkpointing": False,
}  # fmt: skip
SMALL = {"generations": 4, "max_tokens": 12}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    try:
        Trl(steps=1).interpreter()
    except SetupError:
        pytest.skip("no interpreter with TRL: pip install trl, or ROLLMILL_TRL=PATH")
    return small_model(tmp_path_factory.mktemp("init") / "small")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    Workspace.init(tmp_path).close()
    return tmp_path


def prompts(references: list[str]) -> list[dict[str, Any]]:
    return [
        {"id": f"p{number}", "problem_id": f"p{number}", "kind": "word", "reference": reference,
         "prompt": [{"role": "user", "content": f"What is {number} plus {number % 7}?"}]}
        for number, reference in enumerate(references)
    ]  # fmt: skip


def task(folder: Path, init: Path, loss: str, references: list[str], **options: Any) -> TrainingTask:
    folder.mkdir(exist_ok=True)
    path = written(folder / "rows.jsonl", prompts(references))
    objective = LOSSES[loss](**{**SMALL, **options})
    return TrainingTask(path, init, folder / "out", folder / "state", objective, ORDERS["exported"](), 1)


@contextmanager
def judged(root: Path, log: str) -> Iterator[str]:
    """Address of a service whose verifier goes by the length of a text."""
    source = RewardSource("tests.flows.rewards.toys:Lengths", {}, workers=1)
    with VerifierReward(source, RewardValues(), log=log, folder=root) as reward, serving(reward) as address:
        yield address


def rewarded(root: Path, log: str) -> list[dict[str, Any]]:
    with Workspace.open(root) as ws:
        rows = ws.segments.read("judged", producer=f"reward:{log}", version="1").to_pylist()
    return sorted(rows, key=lambda row: (row["training_step"], row["judged_at"]))


def steps(done: TrainingTask) -> list[tuple[int, str]]:
    return [(line["step"], line["row"]) for line in pq.read_table(done.out / "order.parquet").to_pylist()]


def ignore(report: LearnerReport) -> None:
    assert report.share <= 1


@in_trl
@pytest.mark.parametrize("loss", ["grpo", "rloo"])
def test_completions_are_drawn_judged_trained_on_and_kept(model: Path, root: Path, loss: str) -> None:
    one, seen = task(root / "one", model, loss, ["even"] * 5), list[LearnerReport]()
    learner = Trl(steps=2, batch=3, options={**OPTIONS, "gradient_accumulation_steps": 3})
    assert learner.forecast(one) == TrainingForecast(2, 2 * 3 * 4 * 12, at_most=True)
    with judged(root, "run") as address:
        done = learner.train(replace(one, reward=address), seen.append)
    rows = rewarded(root, "run")
    assert [row["training_step"] for row in rows] == [0] * 12 + [1] * 12
    assert {row["reward"] for row in rows} == {0.0, 1.0}
    assert all(row["reward"] == float(len(row["text"]) % 2 == 0) for row in rows)
    assert json.loads(rows[0]["prompt"]) == "What is 0 plus 0?"
    assert seen[0].measures["reward"] == pytest.approx(np.mean([row["reward"] for row in rows[:12]]))
    assert seen[0].measures["undecided"] == 0
    assert steps(one) == [(1, "p0"), (1, "p1"), (1, "p2"), (2, "p3"), (2, "p4"), (2, "p0")]
    assert done.tokens == seen[-1].tokens == sum(pq.read_table(one.out / "order.parquet")["tokens"].to_pylist())
    assert 24 <= done.tokens <= 2 * 3 * 4 * 12
    assert {name for name in EMBEDDED_FILES if (one.out / name).is_file()} == set(EMBEDDED_FILES)
    before, after = LlamaFolder.open(model).weights, LlamaFolder.open(one.out).weights
    assert max(np.abs(value - before[name]).max() for name, value in after.items()) > 1e-3


@in_trl
def test_an_adapter_learns_from_rewards_and_is_merged(model: Path, root: Path) -> None:
    """The adapted weights alone change, also against the reference, which is the model without its adapter."""
    one = task(root / "adapted", model, "grpo", ["even"] * 4, beta=0.1)
    adapter = {"r": 2, "lora_alpha": 64, "target_modules": "all-linear"}
    with judged(root, "adapted") as address:
        Trl(steps=2, batch=2, lora=adapter, options=OPTIONS).train(replace(one, reward=address), ignore)
    assert len(rewarded(root, "adapted")) == 2 * 2 * 4
    before, after = LlamaFolder.open(model).weights, LlamaFolder.open(one.out).weights
    changed = {name for name, value in after.items() if np.abs(value - before[name]).max() > 1e-7}
    assert changed == {name for name in before if name.endswith("_proj.weight")}


@in_trl
def test_prompts_whose_completions_have_one_reward_are_replaced_so_often_at_most(model: Path, root: Path) -> None:
    """The first three prompts are always right; of the others some completions are."""
    references = ["any"] * 3 + ["even"] * 6
    for redraws, log in [(0, "never"), (3, "thrice")]:
        one = task(root / log, model, "grpo", references, redraws=redraws, max_tokens=20)
        seen = list[LearnerReport]()
        with judged(root, log) as address:
            Trl(steps=1, batch=3, options=OPTIONS).train(replace(one, reward=address), seen.append)
        [report] = seen
        rows = {row for _, row in steps(one)}
        drawn = len(rewarded(root, log))
        if redraws == 0:
            assert (rows, drawn, report.measures["redrawn"]) == ({"p0", "p1", "p2"}, 12, 0)
            assert report.measures["frac_reward_zero_std"] == 1
        else:
            assert not rows & {"p0", "p1", "p2"}
            assert (len(rows), drawn) == (3, 12 + 4 * report.measures["redrawn"])
            assert report.measures["frac_reward_zero_std"] == 0
    nowhere = task(root / "nowhere", model, "grpo", ["any"] * 5, redraws=3)
    with judged(root, "nowhere") as address:
        Trl(steps=1, batch=3, options=OPTIONS).train(replace(nowhere, reward=address), ignore)
    assert steps(nowhere) == [(1, "p0"), (1, "p1"), (1, "p2")]
    assert len(rewarded(root, "nowhere")) == 4 * (3 + 2)  # the two others were tried, once


@in_trl
def test_a_killed_training_goes_on_with_the_prompts_and_weights_of_one_that_was_not(model: Path, root: Path) -> None:
    whole, parts = (task(root / name, model, "grpo", ["even"] * 7, redraws=1) for name in ("whole", "parts"))
    learner = Trl(steps=5, batch=2, options=OPTIONS)
    with judged(root, "whole") as address:
        learner.train(replace(whole, reward=address), ignore)
    parts.state.mkdir(parents=True)
    job = parts.state / "job.json"
    job.write_text(json.dumps(learner._job(parts), indent=1, sort_keys=True))
    with judged(root, "parts") as address:
        child = subprocess.Popen(
            tied(learner.interpreter(), "-P", str(GUEST), str(job)),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env={**os.environ, "HF_HUB_OFFLINE": "1", "ROLLMILL_REWARD": address},
        )  # fmt: skip
        with child:
            assert child.stdout is not None
            for line in child.stdout:
                if line.startswith('{"') and json.loads(line).get("step") == 3:
                    child.send_signal(signal.SIGKILL)
                    break
        assert (parts.state / "checkpoints" / "checkpoint-2").is_dir()
        done = learner.train(replace(parts, reward=address), ignore)
    assert steps(parts) == steps(whole)
    assert done.tokens == sum(pq.read_table(whole.out / "order.parquet")["tokens"].to_pylist())
    one, other = (LlamaFolder.open(place.out).weights for place in (whole, parts))
    assert max(np.abs(one[name] - other[name]).max() for name in one) < 1e-6


@in_trl
def test_a_prompt_without_room_and_an_item_that_cannot_be_judged_are_refused(model: Path, root: Path) -> None:
    long = task(root / "long", model, "grpo", ["even"] * 3, max_tokens=510)
    with pytest.raises(SetupError, match=r"row 1 has 1. tokens, which with max_tokens 510 are more than .* context of 512"):
        Trl(steps=1, batch=2, options=OPTIONS).train(long, ignore)
    with pytest.raises(SetupError, match="options: 'temperature' is set by the learner"):
        Trl(steps=1, options={"temperature": 2.0}).train(task(root / "hot", model, "grpo", ["even"] * 3), ignore)
    without = task(root / "without", model, "grpo", [""] * 3)
    with (
        judged(root, "without") as address,
        pytest.raises(SetupError, match="the reward cannot judge: item 0 has the reference"),
    ):
        Trl(steps=1, batch=2, options=OPTIONS).train(replace(without, reward=address), ignore)


def test_the_length_is_steps_or_epochs_of_prompts(tmp_path: Path) -> None:
    one = task(tmp_path / "one", SHIPPED, "grpo", ["even"] * 10)
    assert Trl(epochs=1.0, batch=4).forecast(one) == TrainingForecast(3, 3 * 4 * 4 * 12, at_most=True)
    with pytest.raises(SetupError, match="loss_tokens is 300, and the completions of this loss are drawn"):
        Trl(loss_tokens=300).forecast(one)
