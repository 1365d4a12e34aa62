"""Search over partial answers: policies that decide where a tree grows, and processes that score unfinished answers."""

from collections.abc import Callable, Mapping

from pipelines.search.partial import Process
from pipelines.search.tree import SearchPolicy
from storage.ground.by_name import ByName

POLICIES: Mapping[str, Callable[..., SearchPolicy]] = ByName(
    {
        "actions": "pipelines.search.procedures.actions:Actions",
        "backtracking": "pipelines.search.policies.backtracking:Backtracking",
        "beam": "pipelines.search.policies.beam:Beam",
        "best_first": "pipelines.search.policies.best_first:BestFirst",
        "best_of_n": "pipelines.search.policies.best_of_n:BestOfN",
        "budget_forcing": "pipelines.search.policies.budget_forcing:BudgetForcing",
        "coarse_to_fine": "pipelines.search.procedures.coarse_to_fine:CoarseToFine",
        "diverse_beam": "pipelines.search.policies.diverse_beam:DiverseBeam",
        "introspective": "pipelines.search.procedures.introspective:Introspective",
        "iterative_deepening": "pipelines.search.procedures.iterative_deepening:IterativeDeepening",
        "lookahead": "pipelines.search.policies.lookahead:Lookahead",
        "mcts": "pipelines.search.policies.mcts:Mcts",
        "particles": "pipelines.search.policies.particles:Particles",
        "phi_decoding": "pipelines.search.procedures.phi_decoding:PhiDecoding",
        "proposals": "pipelines.search.policies.proposals:Proposals",
        "refinement": "pipelines.search.procedures.refinement:Refinement",
        "rollout_tree": "pipelines.search.procedures.rollout_tree:RolloutTree",
        "scattered_forest": "pipelines.search.procedures.scattered_forest:ScatteredForest",
        "sparse_pairs": "pipelines.search.procedures.sparse_pairs:SparsePairs",
        "step_mcts": "pipelines.search.policies.step_mcts:StepMcts",
        "tournament": "pipelines.search.procedures.tournament:Tournament",
        "tree_sampling": "pipelines.search.policies.tree_sampling:TreeSampling",
    }
)
PROCESSES: Mapping[str, Callable[..., Process]] = ByName(
    {
        "back_verification": "pipelines.search.processes.back_verification:BackVerification",
        "critiques": "pipelines.search.processes.critiques:Critiques",
        "lines": "pipelines.search.processes.lines:Lines",
        "logprob": "pipelines.search.processes.log_prob:LogProb",
        "none": "pipelines.search.processes.constant:Constant",
        "outcome": "pipelines.search.processes.outcome:Outcome",
        "reward_model": "pipelines.search.processes.reward_model:RewardProcess",
        "rollouts": "pipelines.search.processes.rollouts:Rollouts",
        "votes": "pipelines.search.processes.votes:Votes",
    }
)
