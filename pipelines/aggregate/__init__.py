"""Choosing an answer out of many: aggregators see a blind pool of one problem's completions and elect an answer or k.

`pipelines.select` keeps rows and may see verdicts; nothing here sees one. Each method declares its source, its inputs and
the settings that a replay tries.
"""

from collections.abc import Mapping

from pipelines.aggregate.best_of import BestOfMajority, BestOfNElection, ClusterRerank
from pipelines.aggregate.blind_pool import Adjustable, Aggregator, BlindPool, Election
from pipelines.aggregate.knockout import Knockout, knockout_bound
from pipelines.aggregate.majority import Borda, MajorityElection, WeightedMajority
from pipelines.aggregate.model_switch import ModelSwitch
from pipelines.aggregate.program_votes import B4, CodeT, MaxPass, MbrExec
from pipelines.aggregate.similarity_vote import SimilarityVote
from storage.ground.by_name import ByName

AGGREGATORS: Mapping[str, type[Aggregator]] = ByName(
    {
        "majority": MajorityElection,
        "weighted": WeightedMajority,
        "borda": Borda,
        "best_of_n": BestOfNElection,
        "best_of_majority": BestOfMajority,
        "rerank": ClusterRerank,
        "knockout": Knockout,
        "model_switch": ModelSwitch,
        "similarity": SimilarityVote,
        "max_pass": MaxPass,
        "mbr_exec": MbrExec,
        "codet": CodeT,
        "b4": B4,
    }
)

__all__ = [
    "AGGREGATORS",
    "Adjustable",
    "Aggregator",
    "BlindPool",
    "Election",
    "knockout_bound",
]
