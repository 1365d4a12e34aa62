"""Advantages: rewards relative to the group of a problem's completions, for policy gradients.

For the export `rl`. Rewards have shape (G, n): G complete groups of n >= 2 completions, all drawn whatever their outcome
(statistics.md, point 2). A group with equal rewards carries no signal: its advantages are exactly 0, never NaN.
Deviations are those of a sample (n - 1), as in torch and TRL; TRL then adds 1e-4 to the divisor, this does not.
"""

from collections.abc import Callable, Mapping

import numpy as np

from rollmill.ground.pool import Flags, Floats


def zero_signal(rewards: Floats) -> Flags:
    """Mask of the groups with equal rewards; shape (G,)."""
    return np.asarray(np.equal(rewards, rewards[:, :1]).all(axis=1))


def centred(rewards: Floats) -> Floats:
    """The reward less its group's mean (Dr. GRPO, Liu et al. 2025: no deviation, so no weight on nearly solved groups)."""
    # Equal rewards may differ from their mean in the last digit: .1 three times has another mean in floats.
    return np.where(zero_signal(rewards)[:, None], 0.0, rewards - rewards.mean(axis=1, keepdims=True))


def grpo(rewards: Floats) -> Floats:
    """The centred reward by its group's deviation (DeepSeekMath, Shao et al. 2024)."""
    return _divided(centred(rewards), rewards.std(axis=1, ddof=1, keepdims=True))


def rloo(rewards: Floats) -> Floats:
    """The reward less the mean of the other n - 1 (Ahmadian et al. 2024): n / (n - 1) times the centred reward."""
    count = rewards.shape[1]
    return np.asarray(centred(rewards) * (count / (count - 1)))


def batch_std(rewards: Floats) -> Floats:
    """The centred reward by the deviation of all G * n rewards (Lite PPO, Liu et al. 2025); the batch is the whole file."""
    return _divided(centred(rewards), rewards.std(ddof=1) if rewards.size > 1 else np.zeros(1))


ADVANTAGES: Mapping[str, Callable[[Floats], Floats]] = {
    "grpo": grpo,
    "dr_grpo": centred,
    "rloo": rloo,
    "batch_std": batch_std,
    "unlikeliness": grpo,  # of the rewards that `unlikely_rewards` gives
}


def unlikely_rewards(rewards: Floats, logprobs: Floats, beta: float) -> Floats:
    """r (1 - beta rank / n), rank 0 the least likely completion of the group (Rewarding the Unlikely, He et al. 2025).

    `logprobs`: (G, n), of the drawing policy, per token. Equally likely completions share their mean rank. Groups without
    signal stay unchanged: weights would only separate them by likelihood.
    """
    ranks = np.empty_like(rewards)
    # Group by group: comparing all pairs at once would take n times the memory of the groups.
    for group, values in enumerate(logprobs):
        ordered = np.sort(values)
        below, not_above = (np.searchsorted(ordered, values, side) for side in ("left", "right"))
        ranks[group] = (below + not_above - 1) / 2
    weighted = rewards * (1 - beta * ranks / rewards.shape[1])
    return np.where(zero_signal(rewards)[:, None], rewards, weighted)


def _divided(values: Floats, by: Floats) -> Floats:
    return np.divide(values, by, out=np.zeros_like(values), where=(values != 0) & (by > 0))
