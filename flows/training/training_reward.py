"""The reward of a training that draws its own completions: verifiers of a recipe, asked over loopback and logged."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from rollmill.flows.recipe.schema import Part, Text
from rollmill.flows.rewards.items import RewardValues
from rollmill.flows.rewards.reward import VerifierReward
from rollmill.flows.rewards.source import RewardSource
from rollmill.ground.errors import SetupError
from rollmill.pipelines.train.roles import DrawsCompletions, RatesTexts, TrainsOtherModels

LONGEST_NAME = 54  # characters of a model's name in that of its log


class TrainingReward(Part):
    """Verifiers as the reward of drawn completions. A verifier's own failure is no reward, not 0."""

    source: Text
    """A recipe whose verifiers judge, or the name of a verifier."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Options of the verifier, where `source` names one."""
    correct: float = 1.0
    """Reward of a right completion."""
    incorrect: float = 0.0
    """Reward of a wrong one."""
    unparsed: float = 0.0
    """Reward of a completion without an answer."""
    undecided: float | None = None
    """Reward if no verifier could decide; none: no reward. Trainers other than TRL need a number."""
    truncated: float | None = None
    """Reward of a completion that was cut at its length limit; none: that of its outcome."""
    partial: bool = False
    """Take the share of tests passed where a verifier gives one."""

    def source_in(self, base: Path, profile: str | None = None) -> RewardSource:
        """The judges, with a recipe's path taken from a folder."""
        named = RewardSource(self.source, self.options, profile)
        if not named.is_recipe:
            return named
        path = (base / self.source).resolve()
        if not path.is_file():
            raise SetupError(f"reward.source: there is no file {path}.", next_command="rollmill recipe list")
        return RewardSource(str(path), self.options, profile)

    def values(self) -> RewardValues:
        """The number of each outcome."""
        truncated: float | Literal["judge"] = "judge" if self.truncated is None else self.truncated
        return RewardValues(self.undecided, truncated, self.unparsed, self.correct, self.incorrect, self.partial)


def check_reward(reward: TrainingReward | None, loss: Any, learner: Any) -> None:
    """SetupError unless the learner has what the loss needs, and a loss that draws completions, and no other, a reward."""
    if isinstance(loss, DrawsCompletions | RatesTexts) and not isinstance(learner, TrainsOtherModels):
        lacks = "draws no completions" if isinstance(loss, DrawsCompletions) else "trains no model that rates texts"
        raise SetupError(
            f"the learner {learner.name!r} {lacks}, as the loss {loss.name!r} needs.", choices=("trl", "command")
        )
    if not isinstance(loss, DrawsCompletions):
        if reward is not None:
            raise SetupError(
                f"the loss {loss.name!r} trains on rows, and has no use for a reward.",
                choices=("grpo", "rloo"),
                next_command="loss: {method: grpo}, or no reward",
            )
        return
    if reward is None:
        raise SetupError(
            f"the loss {loss.name!r} draws completions, and nothing judges them.",
            next_command="reward: {source: ../arithmetic.yaml}",
        )
    reward.values()


def log_of(name: str, training_id: str) -> str:
    """Name of the log that keeps every rewarded completion of a training."""
    return f"{name[:LONGEST_NAME]}-{training_id[:8]}"


@contextmanager
def rewarding(reward: TrainingReward, base: Path, root: Path, log: str, profile: str | None) -> Iterator[str]:
    """Address of the service that judges a training's completions while it runs."""
    from rollmill.flows.rewards.reward_server import serving

    source = reward.source_in(base, profile)
    with VerifierReward(source, reward.values(), log=log, folder=root) as judge, serving(judge) as address:
        yield address
