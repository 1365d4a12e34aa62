"""Search over begun answers: policies that say where a tree grows, and processes that score what is not finished yet."""

from collections.abc import Callable, Mapping

from pipelines.by_name import ByName
from pipelines.search.partial import Process
from pipelines.search.tree import SearchPolicy

POLICIES: Mapping[str, Callable[..., SearchPolicy]] = ByName(
    {
        "backtracking": "pipelines.search.backtracking:Backtracking",
        "beam": "pipelines.search.beam:Beam",
        "best_first": "pipelines.search.best_first:BestFirst",
        "best_of_n": "pipelines.search.best_of_n:BestOfN",
        "budget_forcing": "pipelines.search.budget_forcing:BudgetForcing",
        "diverse_beam": "pipelines.search.diverse_beam:DiverseBeam",
        "lookahead": "pipelines.search.lookahead:Lookahead",
        "mcts": "pipelines.search.mcts:Mcts",
        "particles": "pipelines.search.particles:Particles",
    }
)
PROCESSES: Mapping[str, Callable[..., Process]] = ByName(
    {
        "lines": "pipelines.search.lines:Lines",
        "logprob": "pipelines.search.log_prob:LogProb",
        "none": "pipelines.search.constant:Constant",
        "reward_model": "pipelines.search.reward_model:RewardProcess",
        "rollouts": "pipelines.search.rollouts:Rollouts",
        "votes": "pipelines.search.votes:Votes",
    }
)
