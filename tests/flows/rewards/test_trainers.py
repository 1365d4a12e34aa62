"""Rewards in real trainers: GRPO of TRL on the shipped model; the calling code of verl, OpenRLHF, verifiers, SkyRL."""

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import rollmill
from rollmill import RewardItem
from rollmill.flows.rewards.checking import trainer_file
from rollmill.ground.records import Problem
from rollmill.pipelines.certify.suite_rows import HOSTILE, SuiteRow
from rollmill.pipelines.certify.suites import SUITES
from rollmill.pipelines.synthesize.templates import Templates
from rollmill.stats import paired_test
from rollmill.storage.workspace import Workspace
from tests.flows.conftest import finish, start

ROOT = Path(__file__).resolve().parents[3]
CALLS = Path(__file__).with_name("trainer_calls.py")
RAISING = f"{Path(__file__).with_name('toys.py')}:Raising"
TRAINERS = ROOT / ".venv-trainers" / "bin" / "python"
MODEL = ROOT / "models" / "rollmill-tiny"
TEXTS = [("4", "4"), ("5", "4"), ("bad", "4")]


def called(trainer: str, file: str, rows: Sequence[tuple[str, str]] = TEXTS) -> list[float]:
    """The rewards that a trainer's own code gets for texts with references, asked by eight threads."""
    if not TRAINERS.exists():
        pytest.skip(f"{trainer}: NOT RUN, {TRAINERS} is not there (make test-train makes it)")
    done = subprocess.run(
        [TRAINERS, CALLS, trainer, file],
        input=json.dumps(rows),
        capture_output=True,
        text=True,
        timeout=600,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr[-3_000:]
    rewards: list[float] = json.loads(done.stdout.splitlines()[-1])
    return rewards


@pytest.mark.train
@pytest.mark.parametrize("trainer", ["verl", "openrlhf", "verifiers", "skyrl"])
def test_the_code_of_a_trainer_gets_its_rewards_from_the_file_that_check_writes(trainer: str, tmp_path: Path) -> None:
    file = tmp_path / f"reward_{trainer}.py"
    file.write_text(trainer_file(trainer, RAISING, {"undecided": 0.25}))
    assert called(trainer, str(file)) == [1.0, 0.0, 0.25]


@pytest.mark.train
@pytest.mark.parametrize("trainer", ["verl", "openrlhf", "verifiers", "skyrl"])
def test_hostile_texts_end_in_a_trainer_and_doubt_is_never_zero(trainer: str, tmp_path: Path) -> None:
    file = tmp_path / f"reward_{trainer}.py"
    file.write_text(trainer_file(trainer, "math", {"undecided": 0.375}))
    rows = [(row.text, row.reference) for row in hostile_rows(2_000)]
    given = called(trainer, str(file), rows)
    with rollmill.reward("math") as reward:
        judged = reward.judge([RewardItem(*row) for row in rows])
    expected = [0.375 if one.value is None else one.value for one in judged]
    assert len(rows) > 500
    assert {row: (mine, theirs) for row, mine, theirs in zip(rows, expected, given, strict=True) if mine != theirs} == {}


def hostile_rows(most: int) -> list[SuiteRow]:
    """The hostile rows by which `math` is certified, with texts of so many characters at most."""
    return [row for row in SUITES["math"]({}).rows if row.section in HOSTILE and len(row.text) <= most]


@pytest.mark.train
def test_openrlhf_gets_its_rewards_from_the_server(tmp_path: Path) -> None:
    Workspace.init(tmp_path).close()
    server = start("reward", "serve", RAISING, "--port", "0", "--undecided", "0.25", cwd=tmp_path)
    assert server.stdout is not None
    try:
        address = server.stdout.readline().split()[0].replace("/v1/judge", "/openrlhf")
        assert called("openrlhf", address) == [1.0, 0.0, 0.25]
    finally:
        server.terminate()
    assert finish(server).status == 0


@pytest.mark.train
@pytest.mark.filterwarnings("ignore")  # those of TRL and transformers about their own code
@pytest.mark.timeout(900)
def test_grpo_of_trl_raises_the_reward_of_the_shipped_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On held-out problems of levels 3 and 4 at the temperature of the training; every rewarded completion is logged."""
    import torch
    from datasets import Dataset
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl import GRPOConfig, GRPOTrainer

    Workspace.init(tmp_path).close()
    monkeypatch.chdir(tmp_path)
    torch.set_num_threads(1)
    train, held = (
        list(Templates(levels=[3, 4], split=split).synthesize(count, 1))
        for split, count in (("train", 512), ("heldout", COUNT))
    )
    model, words = AutoModelForCausalLM.from_pretrained(MODEL), AutoTokenizer.from_pretrained(MODEL, padding_side="left")
    rows = [{"prompt": turns(problem), "reference": problem.reference, "problem_id": problem.id} for problem in train]
    recipe = shutil.copy(ROOT / "recipes" / "arithmetic.yaml", tmp_path)
    with rollmill.reward(recipe, workers=1, log="grpo") as reward:
        before = passed(model, words, held, reward)
        trainer = GRPOTrainer(
            model=model,
            reward_funcs=reward,
            args=GRPOConfig(str(tmp_path / "run"), **SETTINGS),
            train_dataset=Dataset.from_list(rows),
            processing_class=words,
        )
        trainer.train()
        after = passed(model.eval(), words, held, reward)
    assert max(row["undecided"] for row in trainer.state.log_history if "undecided" in row) < 0.05
    rise = paired_test(before, after)
    assert rise is not None
    assert rise.change.low > 0.0, rise
    with Workspace.open(tmp_path) as opened:
        steps = opened.segments.read("judged", columns=["training_step"], where="training_step is not null")
    assert steps.num_rows == SETTINGS["max_steps"] * SETTINGS["per_device_train_batch_size"]


COUNT = 160
HOT = 1.5
"""Temperature of training and measuring: at 1.0 the shipped model is so sure that two minutes teach it nothing visible."""
SETTINGS: dict[str, Any] = {
    "max_steps": 20,
    "per_device_train_batch_size": 64,
    "num_generations": 8,
    "max_completion_length": 64,
    "temperature": HOT,
    "learning_rate": 1e-4,
    "lr_scheduler_type": "constant",
    "beta": 0.0,
    "top_k": 0,
    "logging_steps": 5,
    "report_to": "none",
    "save_strategy": "no",
    "use_cpu": True,
    "bf16": False,
    "disable_tqdm": True,
    "seed": 1,
}


def turns(problem: Problem) -> list[dict[str, str]]:
    return [{"role": "user", "content": str(problem.prompt)}]


def passed(model: Any, words: Any, problems: list[Problem], reward: Any) -> list[float]:
    """The share of two sampled answers that are right, problem by problem."""
    import torch

    shares: list[float] = []
    for begin in range(0, len(problems), 80):
        torch.manual_seed(begin)
        part = [problem for problem in problems[begin : begin + 80] for _ in range(2)]
        texts = [words.apply_chat_template(turns(one), add_generation_prompt=True, tokenize=False) for one in part]
        asked = words(texts, return_tensors="pt", padding=True, add_special_tokens=False)
        drawn = model.generate(
            asked["input_ids"],
            attention_mask=asked["attention_mask"],
            do_sample=True,
            temperature=HOT,
            top_k=0,
            max_new_tokens=64,
        )
        answers = words.batch_decode(drawn[:, asked["input_ids"].shape[1] :], skip_special_tokens=True)
        judged = reward.judge([RewardItem(text, one.reference) for text, one in zip(answers, part, strict=True)])
        values = [float(one.value or 0.0) for one in judged]
        shares += [(first + second) / 2 for first, second in zip(values[::2], values[1::2], strict=True)]
    return shares
