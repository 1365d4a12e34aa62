"""Shapes of a reward for trainers that need a number: verl, OpenRLHF, verifiers (prime-rl) and SkyRL-gym.

Each passes the trainer's arguments to `judge` and gives back what the trainer reads, with `undecided` beside. TRL needs no
shape: the reward is its function.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from flows.rewards.items import Reward, RewardItem
from storage.ground.errors import SetupError

if TYPE_CHECKING:
    from flows.rewards.reward import VerifierReward

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


def verl(reward: "VerifierReward") -> ComputeScore:
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


def openrlhf(reward: "VerifierReward") -> RewardFunction:
    """`reward_func` of OpenRLHF: a query is prompt and completion in one text. Where the prompt does not stand in it, what
    was answered cannot be told, and the reward is that of `undecided`.
    """
    number = numbered(reward, "openrlhf")
    lost = float(reward.values.undecided or 0.0)

    def reward_func(queries: Sequence[str], prompts: Sequence[str], labels: Sequence[Any], **_: Any) -> dict[str, Any]:
        answers = [answer_in(query, prompt) for query, prompt in zip(queries, prompts, strict=True)]
        places = [place for place, answer in enumerate(answers) if answer is not None]
        items = [reward.labelled(answers[place] or "", labels[place], prompts[place]) for place in places]
        judged = dict(zip(places, reward.judge(items), strict=True))
        values = [number(judged[place]) if place in judged else lost for place in range(len(answers))]
        doubts = [undecided(judged[place]) if place in judged else 1.0 for place in range(len(answers))]
        return {"rewards": values, "scores": values, "extra_logs": {"undecided": doubts}}

    return reward_func


def verifiers(reward: "VerifierReward", reference: str, weight: float) -> Callable[..., Awaitable[float]]:
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


def skyrl(reward: "VerifierReward") -> type[Any]:
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


def numbered(reward: "VerifierReward", trainer: str) -> Callable[[Reward], float]:
    """The value of a reward as a number; SetupError where the reward may have none."""
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
    """The text behind a prompt, without end tokens; None where the prompt is not in it.

    Its first place counts: an answer that repeats the prompt cannot choose what is judged.
    """
    _, found, answer = query.partition(prompt)
    if not found:
        return None
    answer = answer.strip()
    while end := next((end for end in ENDS if answer.endswith(end)), ""):
        answer = answer.removesuffix(end).rstrip()
    return answer
