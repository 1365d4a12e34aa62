"""Search over partial answers: policies that decide where a tree grows, and processes that score unfinished answers."""

from collections.abc import Callable, Mapping

from pipelines.search.partial import Process
from pipelines.search.tree import SearchPolicy
from storage.ground.by_name import ByName

POLICIES: Mapping[str, Callable[..., SearchPolicy]] = ByName(
    {
        "backtracking": "pipelines.search.policies.backtracking:Backtracking",
        "beam": "pipelines.search.policies.beam:Beam",
        "best_first": "pipelines.search.policies.best_first:BestFirst",
        "best_of_n": "pipelines.search.policies.best_of_n:BestOfN",
        "budget_forcing": "pipelines.search.policies.budget_forcing:BudgetForcing",
        "diverse_beam": "pipelines.search.policies.diverse_beam:DiverseBeam",
        "lookahead": "pipelines.search.policies.lookahead:Lookahead",
        "mcts": "pipelines.search.policies.mcts:Mcts",
        "particles": "pipelines.search.policies.particles:Particles",
    }
)
PROCESSES: Mapping[str, Callable[..., Process]] = ByName(
    {
        "lines": "pipelines.search.processes.lines:Lines",
        "logprob": "pipelines.search.processes.log_prob:LogProb",
        "none": "pipelines.search.processes.constant:Constant",
        "reward_model": "pipelines.search.processes.reward_model:RewardProcess",
        "rollouts": "pipelines.search.processes.rollouts:Rollouts",
        "votes": "pipelines.search.processes.votes:Votes",
    }
)
