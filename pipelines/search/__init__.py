"""Search over partial answers: policies that decide where a tree grows, and processes that score unfinished answers."""

from collections.abc import Callable, Mapping

from rollmill.ground.by_name import ByName
from rollmill.pipelines.search.partial import Process
from rollmill.pipelines.search.tree import SearchPolicy

POLICIES: Mapping[str, Callable[..., SearchPolicy]] = ByName(
    {
        "beam": "rollmill.pipelines.search.policies.beam:Beam",
        "best_first": "rollmill.pipelines.search.policies.best_first:BestFirst",
        "best_of_n": "rollmill.pipelines.search.policies.best_of_n:BestOfN",
        "particles": "rollmill.pipelines.search.policies.particles:Particles",
    }
)
PROCESSES: Mapping[str, Callable[..., Process]] = ByName(
    {
        "lines": "rollmill.pipelines.search.processes.lines:Lines",
        "logprob": "rollmill.pipelines.search.processes.log_prob:LogProb",
        "none": "rollmill.pipelines.search.processes.constant:Constant",
        "outcome": "rollmill.pipelines.search.processes.outcome:Outcome",
        "reward_model": "rollmill.pipelines.search.processes.reward_model:RewardProcess",
        "rollouts": "rollmill.pipelines.search.processes.rollouts:Rollouts",
        "votes": "rollmill.pipelines.search.processes.votes:Votes",
    }
)
