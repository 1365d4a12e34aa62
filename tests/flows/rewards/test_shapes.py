"""Shapes of a reward, called as the trainers' own code calls them, and `reward check`, which writes a trainer's file."""

import runpy
from pathlib import Path
from typing import Any

import pytest

import rollmill
from rollmill import SetupError
from rollmill.flows.cli import run
from rollmill.flows.rewards.shapes import answer_in
from tests.flows.conftest import Run

TOYS = "tests.flows.rewards.toys"


def test_verl_gets_numbers_for_one_answer() -> None:
    """The arguments of `NaiveRewardManager.run_single` of verl 0.9.1."""
    with rollmill.reward(f"{TOYS}:Raising", undecided=0.25) as reward:
        score = reward.verl()
        extra: dict[str, Any] = {"index": 3, "problem_id": "p", "num_turns": None, "rollout_reward_scores": {}}
        given: dict[str, Any] = {"data_source": "math", "ground_truth": "4", "extra_info": extra}
        assert score(solution_str="4", **given) == {"score": 1.0, "acc": 1.0, "undecided": 0.0}
        assert score(solution_str="5", **given) == {"score": 0.0, "acc": 0.0, "undecided": 0.0}
        assert score(solution_str="bad", reward_router_address=None, **given) == {
            "score": 0.25,
            "acc": 0.0,
            "undecided": 1.0,
        }


def test_openrlhf_gets_the_reward_of_what_follows_the_prompt() -> None:
    """The arguments of `SingleTurnAgentExecutor` of OpenRLHF 0.11.2: a query keeps its special tokens."""
    with rollmill.reward(f"{TOYS}:Plain", undecided=0.5) as reward:
        func = reward.openrlhf()
        queries = ["<s>2+2?4</s>", "2+2?2+2?4", "lost prompt 4"]
        assert func(queries, ["2+2?"] * 3, ["4"] * 3) == {
            "rewards": [1.0, 0.0, 0.5],
            "scores": [1.0, 0.0, 0.5],
            "extra_logs": {"undecided": [0.0, 0.0, 1.0]},
        }


def test_end_tokens_are_no_part_of_an_answer() -> None:
    assert answer_in("<bos>ask: 7 <|im_end|>\n<|endoftext|>", "ask:") == "7"
    assert answer_in("ask:", "ask:") == ""
    assert answer_in("other", "ask:") is None


@pytest.mark.parametrize("trainer", ["verl", "openrlhf", "verifiers", "skyrl"])
@pytest.mark.parametrize("name", ["undecided", "truncated", "unparsed"])
def test_a_trainer_that_needs_a_number_refuses_a_reward_without_one(trainer: str, name: str) -> None:
    options: dict[str, Any] = {"undecided": 0.0, name: None}
    with rollmill.reward(f"{TOYS}:Plain", **options) as reward:
        with pytest.raises(SetupError, match=f"{trainer} needs a number .* has {name}=None") as raised:
            getattr(reward, trainer)()
        assert (
            raised.value.next_command == f"rollmill.reward('{TOYS}:Plain', {name}=0.0).{trainer}(), if 0 is what you mean"
        )


def test_check_writes_a_file_that_rewards(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "reward.py"
    assert run(["reward", "check", "number", "--for", "verl", "--undecided", "0.1", "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert "suite number, as verl asks" in said
    assert r"correct     1.000  7          \boxed{7}" in said
    written = runpy.run_path(str(out))
    with written["reward"]:
        assert written["compute_score"]("any", "#### 7", "7", {})["score"] == 1.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["number", "--for", "verl"], "verl needs a number for every completion"),
        (["number", "--for", "vrl"], "unknown trainer 'vrl'. Did you mean 'verl'"),
        (["number", "--for", "skyrl"], "pip install skyrl-gym==0.4.0"),
        (["code"], "have tests, which no trainer passes on"),
        ([f"{TOYS}:Plain"], "no suite of verifier 'plain'"),
    ],
)
def test_what_check_refuses(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["reward", "check", *arguments]) == 2
    errors = capsys.readouterr().err
    assert message in errors
    assert errors.count("\n") == 1


@pytest.mark.integration
def test_check_takes_rollouts_of_the_newest_run(toy: Path, curated: Any, rollmill: Run) -> None:
    name = curated()["run"]
    said = rollmill("reward", "check", "toy.yaml")
    assert said.status == 0, said.err
    assert f"run {name}, as trl asks" in said.out
    with runpy.run_path("reward_trl.py")["reward"] as reward:
        assert reward(["?"], ["#### 4"], reference=["4"]) == [1.0]
