"""Claims about reward models, on recorded rollouts that carry a reward."""

from collections.abc import Sequence

from pipelines.aggregate.best_of import BestOfN
from pipelines.aggregate.majority import Majority
from pipelines.claims.claim import Claim
from pipelines.claims.effects import Effect, Prediction
from pipelines.claims.evidence import Evidence

REWARD = "imported"


def _reward(evidence: Evidence) -> Sequence[Effect]:
    table = evidence.table("math")
    table.score(REWARD)  # NotTestable without
    best = table.elected(BestOfN(REWARD), table.n)
    return table.difference(table.elected(Majority(), table.n), best), table.difference(table.pass_at(1), best)


CLAIMS = (
    Claim(
        name="reward-beats-majority",
        source="Yang et al. 2024, Qwen2.5-Math Technical Report, arXiv:2409.12122",
        statement="The completion of eight with the best reward is right more often than the majority and than one by lot.",
        expected=(
            Prediction("accuracy: best of all by reward - majority", "+", 0.01),
            Prediction("accuracy: best of all by reward - pass@1", "+", 0.03),
        ),
        measure=_reward,
        pools=("math",),
        recorded=True,
        reach="50 problems with eight solutions each of one 7B model: differences below .05 cannot be told from none.",
    ),
)
