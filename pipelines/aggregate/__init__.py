"""Choosing an answer out of many: aggregators see a blind pool of one problem's completions and elect an answer or k.

`pipelines.select` keeps rows and may see verdicts; nothing here sees one. Each method declares its source, its inputs and
the settings that a replay tries.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from storage.ground.by_name import ByName

if TYPE_CHECKING:
    from pipelines.aggregate.blind_pool import Aggregator

AGGREGATORS: Mapping[str, "type[Aggregator]"] = ByName(
    {
        "majority": "pipelines.aggregate.majority:MajorityElection",
        "weighted": "pipelines.aggregate.majority:WeightedMajority",
        "borda": "pipelines.aggregate.majority:Borda",
        "best_of_n": "pipelines.aggregate.best_of:BestOfNElection",
        "best_of_majority": "pipelines.aggregate.best_of:BestOfMajority",
        "rerank": "pipelines.aggregate.best_of:ClusterRerank",
        "consensus": "pipelines.aggregate.consensus:ConsensusElection",
        "knockout": "pipelines.aggregate.knockout:Knockout",
        "model_switch": "pipelines.aggregate.model_switch:ModelSwitch",
        "similarity": "pipelines.aggregate.similarity_vote:SimilarityVote",
        "max_pass": "pipelines.aggregate.program_votes:MaxPass",
        "mbr_exec": "pipelines.aggregate.program_votes:MbrExec",
        "codet": "pipelines.aggregate.program_votes:CodeT",
        "b4": "pipelines.aggregate.program_votes:B4",
    }
)
