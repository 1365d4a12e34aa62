"""Losses over completions that the trainer draws itself and a reward judges: GRPO and RLOO.

The learner `trl` trains TRL's own forms of them. A loss that is called has the gradient of the update at which the model
is still the one that drew.
"""

from typing import Any

from rollmill.ground.errors import SetupError
from rollmill.pipelines.train.losses.sums import per_sequence
from rollmill.pipelines.train.roles import TokenBatch

SMALLEST_DEVIATION = 1e-4
"""Added to the standard deviation of a group's rewards, as TRL does."""


class _OnlineLoss:
    """Options that both losses have."""

    version = "1"
    formats, column = ("prompts",), None
    grouped, uses_reference = False, False

    def __init__(self, generations: int, max_tokens: int, temperature: float, beta: float, redraws: int) -> None:
        if generations < 2:
            raise SetupError(f"generations is {generations}; completions of a prompt are compared: 2 or more.")
        for option, number in {"max_tokens": max_tokens, "temperature": temperature}.items():
            if number <= 0:
                raise SetupError(f"{option} is {number}; it must be above 0.")
        for option, number in {"beta": beta, "redraws": redraws}.items():
            if number < 0:
                raise SetupError(f"{option} is {number}; it must be 0 or more.")
        self.generations, self.max_tokens, self.temperature = generations, max_tokens, temperature
        self.beta, self.redraws = beta, redraws


class GrpoLoss(_OnlineLoss):
    """Group relative policy optimisation (Shao et al. 2024, equation 3): a policy gradient whose rewards are compared
    within the completions of a prompt. The weight of a completion is its reward minus the group's mean, divided by the
    group's standard deviation. The loss is a mean over tokens (Yu et al. 2025).

    `generations`: number of completions drawn from each prompt. `max_tokens`: most tokens of a completion. `temperature`:
    sampling temperature of the completions. `beta`: weight of the divergence from the initial model. `redraws`: times that
    prompts whose completions all have one reward are replaced by others of the rows (dynamic sampling, Yu et al. 2025); 0:
    never.
    """

    name = "grpo"

    def __init__(
        self, generations: int = 8, max_tokens: int = 256, temperature: float = 1.0, beta: float = 0.0, redraws: int = 0
    ) -> None:
        super().__init__(generations, max_tokens, temperature, beta, redraws)

    def __call__(self, batch: TokenBatch, logps: Any, reference: Any | None) -> Any:
        """Minus the advantage of each token's completion times its ratio of probabilities, which is 1; mean over tokens.
        A row's weight is its reward.
        """
        import torch

        del reference
        group = torch.from_numpy(batch.group)
        rewards, mean, count = _groups(batch, logps)
        distance = rewards - mean[group]
        deviation = torch.sqrt(torch.zeros_like(mean).index_add(0, group, distance**2) / (count - 1).clamp(min=1))
        advantages = distance / (deviation[group] + SMALLEST_DEVIATION)
        ratios = torch.exp(logps - logps.detach())
        return -(ratios * advantages[torch.from_numpy(batch.sequence)]).sum() / len(logps)


class RlooLoss(_OnlineLoss):
    """REINFORCE with a leave-one-out baseline (Ahmadian et al. 2024). Several completions are drawn from each prompt. The
    weight of a completion is its reward minus the mean reward of the others. The loss is a mean over completions.

    `generations`: number of completions drawn from each prompt. `max_tokens`: most tokens of a completion. `temperature`:
    sampling temperature of the completions. `beta`: weight of the divergence from the initial model. `redraws`: times that
    prompts whose completions all have one reward are replaced by others of the rows; 0: never.
    """

    name = "rloo"

    def __init__(
        self, generations: int = 4, max_tokens: int = 256, temperature: float = 1.0, beta: float = 0.05, redraws: int = 0
    ) -> None:
        super().__init__(generations, max_tokens, temperature, beta, redraws)

    def __call__(self, batch: TokenBatch, logps: Any, reference: Any | None) -> Any:
        """Minus the advantage of each completion times its ratio of probabilities, which is 1; mean over completions.
        A row's weight is its reward.
        """
        import torch

        del reference
        group = torch.from_numpy(batch.group)
        rewards, mean, count = _groups(batch, logps)
        # A completion alone of its prompt has the advantage 0.
        advantages = (rewards - mean[group]) * (count / (count - 1).clamp(min=1))[group]
        ratios = torch.exp(per_sequence(batch, logps - logps.detach()))
        return -(ratios * advantages).mean()


def _groups(batch: TokenBatch, like: Any) -> tuple[Any, Any, Any]:
    """Reward of each completion; mean reward and number of completions of each group."""
    import torch

    rewards, group = torch.from_numpy(batch.weight).to(like.dtype), torch.from_numpy(batch.group)
    zeros = torch.zeros(int(batch.group.max()) + 1, dtype=like.dtype)
    count = zeros.index_add(0, group, torch.ones_like(rewards))
    return rewards, zeros.index_add(0, group, rewards) / count, count
