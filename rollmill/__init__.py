"""Rollmill from Python: model rollouts into versioned datasets.

    import rollmill

    rollmill.curate("recipes/arithmetic.yaml")                      # as the command does; resumes, draws nothing twice
    with rollmill.open() as workspace:                              # the workspace here or above, for reading
        workspace.rollouts(dataset="arithmetic").df()
        workspace.pass_rates(by="level")
    rollmill.evaluate("recipes/evaluations/arithmetic.yaml")        # benchmarks x models, with intervals
    rollmill.compare("arithmetic-eval:tiny", "arithmetic-eval:tiny-cool")
    rollmill.verify([{"prompt": "1/2 + 1/4?", "reference": "3/4", "answer": "0.75"}])
    rollmill.reward("recipes/arithmetic.yaml")                      # the reward function of a training

Only these names are public; the command line `rollmill` does everything else. A mistake that the caller can correct is
raised as `SetupError`, which names the value, the valid choices and the next command; a failed check is raised as
`FoundWanting`.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rollmill.flows.cli.notebook import compare, curate, evaluate, leaderboard
    from rollmill.flows.rewards.items import Reward, RewardItem
    from rollmill.flows.rewards.reward import reward
    from rollmill.ground.errors import FoundWanting, RollmillError, SetupError
    from rollmill.ground.records import Completion, Decision, Message, Problem, Request, Rollout, Score, Verdict
    from rollmill.pipelines.verify import verify
    from rollmill.storage.queries.notebook import WorkspaceView as Workspace
    from rollmill.storage.queries.notebook import open_workspace as open  # noqa: A004

_NAMES = {
    "open": "rollmill.storage.queries.notebook:open_workspace",
    "Workspace": "rollmill.storage.queries.notebook:WorkspaceView",
    "curate": "rollmill.flows.cli.notebook:curate",
    "evaluate": "rollmill.flows.cli.notebook:evaluate",
    "compare": "rollmill.flows.cli.notebook:compare",
    "leaderboard": "rollmill.flows.cli.notebook:leaderboard",
    "verify": "rollmill.pipelines.verify:verify",
    "reward": "rollmill.flows.rewards.reward:reward",
    "RewardItem": "rollmill.flows.rewards.items:RewardItem",
    "Reward": "rollmill.flows.rewards.items:Reward",
    "Problem": "rollmill.ground.records:Problem",
    "Message": "rollmill.ground.records:Message",
    "Completion": "rollmill.ground.records:Completion",
    "Verdict": "rollmill.ground.records:Verdict",
    "Score": "rollmill.ground.records:Score",
    "Rollout": "rollmill.ground.records:Rollout",
    "Decision": "rollmill.ground.records:Decision",
    "Request": "rollmill.ground.records:Request",
    "RollmillError": "rollmill.ground.errors:RollmillError",
    "SetupError": "rollmill.ground.errors:SetupError",
    "FoundWanting": "rollmill.ground.errors:FoundWanting",
}


def __getattr__(name: str) -> Any:
    """Import a public name on first use: `import rollmill` alone loads nothing."""
    if name not in _NAMES:
        raise AttributeError(f"module 'rollmill' has no attribute {name!r}; it has {', '.join(__all__)}")
    from rollmill.ground.errors import extras_named

    module, _, attribute = _NAMES[name].partition(":")
    with extras_named():
        value = getattr(importlib.import_module(module), attribute)
    # Later look-ups find the name in the module and do not come here.
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__doc__"]


__all__ = [
    "Completion",
    "Decision",
    "FoundWanting",
    "Message",
    "Problem",
    "Request",
    "Reward",
    "RewardItem",
    "RollmillError",
    "Rollout",
    "Score",
    "SetupError",
    "Verdict",
    "Workspace",
    "compare",
    "curate",
    "evaluate",
    "leaderboard",
    "open",
    "reward",
    "verify",
]
