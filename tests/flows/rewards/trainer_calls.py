"""Rewards through the trainers' own code, in the environment that has them: python trainer_calls.py TRAINER FILE <ROWS

FILE is what `rollmill reward check --for TRAINER` writes, or an address for OpenRLHF. ROWS is JSON, a list of [text,
reference]; eight threads ask for them. Nothing is trained, and no GPU is needed.
"""

import asyncio
import importlib.util
import json
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

THREADS = 8
PROMPT = "Find it. "
Ask = Callable[[str, str], float]


def verl(file: str) -> Ask:
    """`reward.custom_reward_function` of verl's configuration, called by its reward manager `naive`."""
    import numpy as np
    import torch
    from omegaconf import OmegaConf
    from verl import DataProto
    from verl.experimental.reward_loop.reward_manager.naive import NaiveRewardManager
    from verl.trainer.ppo.reward import get_custom_reward_fn

    config = OmegaConf.create({"reward": {"custom_reward_function": {"path": file, "name": "compute_score"}}})
    function = get_custom_reward_fn(config)

    async def score(text: str, reference: str) -> float:
        manager = NaiveRewardManager(config, SimpleNamespace(decode=lambda *_, **__: text), function)
        columns = {"data_source": ["math"], "reward_model": [{"ground_truth": reference}], "extra_info": [{"index": 0}]}
        arrays = {name: np.array(values, dtype=object) for name, values in columns.items()}
        tensors = {"responses": torch.tensor([[0]]), "attention_mask": torch.ones(1, 2, dtype=torch.long)}
        told = await manager.run_single(DataProto.from_dict(tensors=tensors, non_tensors=arrays))
        assert set(told["reward_extra_info"]) == {"score", "acc", "undecided"}
        return float(told["reward_score"])

    return lambda text, reference: asyncio.run(score(text, reference))


class Engine:
    """The engine of OpenRLHF, which answers with one text; a token is a character."""

    def __init__(self, text: str) -> None:
        self.text = text

    async def generate(self, *_: Any, **__: Any) -> Any:
        ids = [ord(letter) for letter in self.text]
        return SimpleNamespace(
            outputs=[SimpleNamespace(token_ids=ids, text=self.text, finish_reason="stop", logprobs=None)]
        )


class Characters:
    """A tokenizer of characters."""

    def __call__(self, text: str, **_: Any) -> dict[str, Any]:
        import torch

        return {"input_ids": torch.tensor([[ord(letter) for letter in text]])}

    def decode(self, ids: Any, **_: Any) -> str:
        return "<s>" + "".join(chr(one) for one in ids) + "</s>"


def openrlhf(file: str) -> Ask:
    """`--reward.remote_url`, a file or an address, called by OpenRLHF's executor of single turns."""
    from openrlhf.utils.agent import SingleTurnAgentExecutor

    executor = SingleTurnAgentExecutor(file)

    async def score(text: str, reference: str) -> float:
        sampling = SimpleNamespace(max_tokens=len(text) + 1, logprobs=None)
        told = await executor.execute(PROMPT, reference, sampling, len(text) + 99, Characters(), Engine(text))
        assert told["extra_logs"].keys() == {"undecided"}
        [reward] = told["reward"]
        return float(reward)

    return lambda text, reference: asyncio.run(score(text, reference))


def verifiers(file: str) -> Ask:
    """A task that derives from RewardedTask, scored as verifiers and prime-rl do."""
    from verifiers.v1.task import TaskData
    from verifiers.v1.trace import AgentInfo, Trace, TraceTask

    rewarded = loaded(file).RewardedTask

    class Row(TaskData):  # type: ignore[misc,unused-ignore]  # typed where the trainers are installed
        answer: str

    async def score(text: str, reference: str) -> float:
        task = rewarded(Row(idx=0, prompt=PROMPT, answer=reference))
        trace = Trace(task=TraceTask(type="Row", data=task.data), agent=AgentInfo.model_construct(), root_reply=text)
        await task.score(trace)
        assert trace.metrics.keys() == {"undecided"}
        return float(trace.reward)

    return lambda text, reference: asyncio.run(score(text, reference))


def skyrl(file: str) -> Ask:
    """An environment that is registered, made and stepped as SkyRL's generator does."""
    import skyrl_gym

    loaded(file)

    def score(text: str, reference: str) -> float:
        row = {"reward_spec": {"method": "rule", "ground_truth": reference}, "max_turns": 1}
        env = skyrl_gym.make("rollmill", env_config={}, extras=row)
        env.init([{"role": "user", "content": PROMPT}])
        step = env.step(text)
        assert step["done"]
        return float(step["reward"])

    return score


def loaded(file: str) -> Any:
    """The module of a file."""
    spec = importlib.util.spec_from_file_location("trainer_file", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


TRAINERS: dict[str, Callable[[str], Ask]] = {"verl": verl, "openrlhf": openrlhf, "verifiers": verifiers, "skyrl": skyrl}

if __name__ == "__main__":
    ask = TRAINERS[sys.argv[1]](sys.argv[2])
    with ThreadPoolExecutor(THREADS) as threads:
        rewards = list(threads.map(lambda row: ask(*row), json.load(sys.stdin)))
    sys.stdout.write(f"{json.dumps(rewards)}\n")
