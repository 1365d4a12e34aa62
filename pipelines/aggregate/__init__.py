"""Choosing an answer out of many: aggregators see a blind pool of one problem's completions and elect an answer or k.

`rollmill.pipelines.select` keeps rows and may see verdicts; nothing here sees one. Each method declares its source, its
inputs and the settings that a replay tries.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rollmill.ground.by_name import ByName

if TYPE_CHECKING:
    from rollmill.roles.blind_pool import Aggregator

AGGREGATORS: Mapping[str, "type[Aggregator]"] = ByName(
    {
        "majority": "rollmill.pipelines.aggregate.majority:MajorityElection",
        "weighted": "rollmill.pipelines.aggregate.majority:WeightedMajority",
        "borda": "rollmill.pipelines.aggregate.majority:Borda",
        "best_of_n": "rollmill.pipelines.aggregate.best_of:BestOfNElection",
        "best_of_majority": "rollmill.pipelines.aggregate.best_of:BestOfMajority",
        "rerank": "rollmill.pipelines.aggregate.best_of:ClusterRerank",
        "consensus": "rollmill.pipelines.aggregate.consensus:ConsensusElection",
        "knockout": "rollmill.pipelines.aggregate.knockout:Knockout",
        "model_switch": "rollmill.pipelines.aggregate.model_switch:ModelSwitch",
        "similarity": "rollmill.pipelines.aggregate.similarity_vote:SimilarityVote",
        "max_pass": "rollmill.pipelines.aggregate.program_votes:MaxPass",
        "mbr_exec": "rollmill.pipelines.aggregate.program_votes:MbrExec",
        "codet": "rollmill.pipelines.aggregate.program_votes:CodeT",
        "b4": "rollmill.pipelines.aggregate.program_votes:B4",
    }
)
