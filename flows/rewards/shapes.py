"""Shapes of a reward for trainers that need a number: verl, OpenRLHF, verifiers (prime-rl) and SkyRL-gym.

Each passes the trainer's arguments to `judge` and returns the values that the trainer reads, and `undecided`. TRL needs no
shape: the reward is its function.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

from rollmill.flows.rewards.items import Reward, RewardItem, RewardValues, Words
from rollmill.flows.rewards.source import RewardSource
from rollmill.ground.errors import SetupError

ComputeScore = Callable[..., dict[str, float]]
RewardFunction = Callable[..., dict[str, Any]]
TRAINERS = ("trl", "verl", "openrlhf", "verifiers", "skyrl")

ENDS = (
    "</s>",
    "<|im_end|>",
    "<|endoftext|>",
    "<|end_of_text|>",
    "<|eot_id|>",
    "<|end|>",
    "<eos>",
    "<end_of_turn>",
    "<pad>",
)
"""End tokens that OpenRLHF leaves in the text."""


class JudgesItems(Protocol):
    """Members of a reward that a shape needs."""

    source: RewardSource
    values: RewardValues

    def judge(self, items: Sequence[RewardItem]) -> list[Reward]: ...

    def labelled(self, completion: Words, label: Any, prompt: Words | None = None) -> RewardItem: ...


def verl(reward: JudgesItems) -> ComputeScore:
    """`compute_score` of verl; `extra_info` may name the problem, as the export `prompts` with layout=verl does."""
    number = numbered(reward, "verl")

    def compute_score(
        data_source: str,  # noqa: ARG001 - verl's
        solution_str: str,
        ground_truth: Any,
        extra_info: Mapping[str, Any] | None = None,
        **_: Any,
    ) -> dict[str, float]:
        problem = (extra_info or {}).get("problem_id")
        [judged] = reward.judge([RewardItem(solution_str, ground_truth, problem)])
        return {"score": number(judged), "acc": float(judged.outcome == "correct"), "undecided": undecided(judged)}

    return compute_score


class OpenRlhf:
    """The columns of OpenRLHF as items, and rewards as its answer. A query is prompt and completion in one text.

    If the query does not contain the prompt, the answer cannot be separated from it: `undecided`.
    """

    def __init__(self, reward: JudgesItems) -> None:
        self._reward, self._number = reward, numbered(reward, "openrlhf")
        self._lost: list[bool] = []

    def items(self, queries: Sequence[str], prompts: Sequence[str], labels: Sequence[Any]) -> list[RewardItem]:
        """The items that can be judged; for one call of `answer`."""
        answers = [answer_in(query, prompt) for query, prompt in zip(queries, prompts, strict=True)]
        self._lost = [answer is None for answer in answers]
        asked = zip(answers, labels, prompts, strict=True)
        return [self._reward.labelled(answer, label, prompt) for answer, label, prompt in asked if answer is not None]

    def answer(self, rewards: Sequence[Reward]) -> dict[str, Any]:
        """Rewards, and the share of doubt, of every query."""
        judged, unknown = iter(rewards), float(self._reward.values.undecided or 0.0)
        pairs = [(unknown, 1.0) if lost else (self._number(one := next(judged)), undecided(one)) for lost in self._lost]
        values = [value for value, _ in pairs]
        return {"rewards": values, "scores": values, "extra_logs": {"undecided": [doubt for _, doubt in pairs]}}


def openrlhf(reward: JudgesItems) -> RewardFunction:
    """`reward_func` of OpenRLHF; a label is a reference, or the id of a stored problem."""
    OpenRlhf(reward)  # refuses a reward without numbers before the training begins

    def reward_func(queries: Sequence[str], prompts: Sequence[str], labels: Sequence[Any], **_: Any) -> dict[str, Any]:
        shape = OpenRlhf(reward)
        return shape.answer(reward.judge(shape.items(queries, prompts, labels)))

    return reward_func


def verifiers(reward: JudgesItems, reference: str, weight: float) -> Callable[..., Awaitable[float]]:
    """A method for a subclass of `vf.Task`; a task without the field `reference` names its problem in `problem_id`."""
    import asyncio

    number = numbered(reward, "verifiers")
    import verifiers.v1 as vf

    async def rollmill(self: Any, trace: Any) -> float:
        data = self.data
        item = RewardItem(
            trace.last_reply,
            getattr(data, reference, None),
            getattr(data, "problem_id", None),
            prompt=data.prompt_text,
            truncated=trace.is_truncated,
        )
        [judged] = await asyncio.to_thread(reward.judge, [item])
        trace.record_metric("undecided", undecided(judged))
        return number(judged)

    decorated: Callable[..., Awaitable[float]] = vf.reward(rollmill, weight=weight)
    return decorated


def skyrl(reward: JudgesItems) -> type[Any]:
    """An environment whose rows have `reward_spec: {ground_truth: ...}`, and may name a `problem_id`."""
    number = numbered(reward, "skyrl")
    from skyrl_gym.envs.base_text_env import BaseTextEnv

    class RollmillEnv(BaseTextEnv):  # type: ignore[misc,unused-ignore]
        """One turn, rewarded by verifiers."""

        def __init__(self, env_config: Any = None, extras: Mapping[str, Any] | None = None) -> None:  # noqa: ARG002
            super().__init__()
            self._row = extras or {}

        def step(self, action: str) -> dict[str, Any]:
            truth = self._row.get("reward_spec", {}).get("ground_truth")
            [judged] = reward.judge([RewardItem(action, truth, self._row.get("problem_id"))])
            told = {"outcome": judged.outcome, "undecided": undecided(judged)}
            return {"observations": [], "reward": number(judged), "done": True, "metadata": told}

    return RollmillEnv


def numbered(reward: JudgesItems, trainer: str) -> Callable[[Reward], float]:
    """The value of a reward as a number; SetupError if the reward may have none."""
    for name in ("undecided", "truncated", "unparsed"):
        if getattr(reward.values, name) is None:
            raise SetupError(
                f"{trainer} needs a number for every completion, and this reward has {name}=None.",
                choices=("any number: the group's usual reward is one that teaches nothing",),
                next_command=f"rollmill.reward({reward.source.name!r}, {name}=0.0).{trainer}(), if 0 is what you mean",
            )

    def number(judged: Reward) -> float:
        assert judged.value is not None
        return judged.value

    return number


def undecided(judged: Reward) -> float:
    """1 for a reward that no verifier decided."""
    return float(judged.outcome == "undecided")


def answer_in(query: str, prompt: str) -> str | None:
    """The text behind a prompt, without end tokens; None if the prompt is not in it.

    Its first place counts: an answer that repeats the prompt cannot hide a part of itself.
    """
    _, place, answer = query.partition(prompt)
    if not place:
        return None
    answer = answer.strip()
    while end := next((end for end in ENDS if answer.endswith(end)), ""):
        answer = answer.removesuffix(end).rstrip()
    return answer
