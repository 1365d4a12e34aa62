"""Search over partial answers: policies that decide where a tree grows, and processes that score unfinished answers."""

from collections.abc import Callable, Mapping

from rollmill.ground.by_name import ByName
from rollmill.pipelines.search.partial import Process
from rollmill.pipelines.search.tree import SearchPolicy

POLICIES: Mapping[str, Callable[..., SearchPolicy]] = ByName(
    {
        "actions": "rollmill.pipelines.search.procedures.actions:Actions",
        "backtracking": "rollmill.pipelines.search.policies.backtracking:Backtracking",
        "beam": "rollmill.pipelines.search.policies.beam:Beam",
        "best_first": "rollmill.pipelines.search.policies.best_first:BestFirst",
        "best_of_n": "rollmill.pipelines.search.policies.best_of_n:BestOfN",
        "budget_forcing": "rollmill.pipelines.search.policies.budget_forcing:BudgetForcing",
        "coarse_to_fine": "rollmill.pipelines.search.procedures.coarse_to_fine:CoarseToFine",
        "diverse_beam": "rollmill.pipelines.search.policies.diverse_beam:DiverseBeam",
        "introspective": "rollmill.pipelines.search.procedures.introspective:Introspective",
        "iterative_deepening": "rollmill.pipelines.search.procedures.iterative_deepening:IterativeDeepening",
        "lookahead": "rollmill.pipelines.search.policies.lookahead:Lookahead",
        "mcts": "rollmill.pipelines.search.policies.mcts:Mcts",
        "particles": "rollmill.pipelines.search.policies.particles:Particles",
        "phi_decoding": "rollmill.pipelines.search.procedures.phi_decoding:PhiDecoding",
        "proposals": "rollmill.pipelines.search.policies.proposals:Proposals",
        "refinement": "rollmill.pipelines.search.procedures.refinement:Refinement",
        "rollout_tree": "rollmill.pipelines.search.procedures.rollout_tree:RolloutTree",
        "scattered_forest": "rollmill.pipelines.search.procedures.scattered_forest:ScatteredForest",
        "sparse_pairs": "rollmill.pipelines.search.procedures.sparse_pairs:SparsePairs",
        "step_mcts": "rollmill.pipelines.search.policies.step_mcts:StepMcts",
        "tournament": "rollmill.pipelines.search.procedures.tournament:Tournament",
        "tree_sampling": "rollmill.pipelines.search.policies.tree_sampling:TreeSampling",
    }
)
PROCESSES: Mapping[str, Callable[..., Process]] = ByName(
    {
        "back_verification": "rollmill.pipelines.search.processes.back_verification:BackVerification",
        "critiques": "rollmill.pipelines.search.processes.critiques:Critiques",
        "lines": "rollmill.pipelines.search.processes.lines:Lines",
        "logprob": "rollmill.pipelines.search.processes.log_prob:LogProb",
        "none": "rollmill.pipelines.search.processes.constant:Constant",
        "outcome": "rollmill.pipelines.search.processes.outcome:Outcome",
        "reward_model": "rollmill.pipelines.search.processes.reward_model:RewardProcess",
        "rollouts": "rollmill.pipelines.search.processes.rollouts:Rollouts",
        "votes": "rollmill.pipelines.search.processes.votes:Votes",
    }
)
