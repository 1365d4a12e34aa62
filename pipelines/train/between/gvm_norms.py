"""The round policy `gvm_norms`: gradient norms for the budget `gvm`, measured again before every round."""

from collections.abc import Mapping, Sequence

from rollmill.pipelines.train.between.roles import NORMS, NoChange, RoundKeys, SeenRound


class GvmNorms(NoChange):
    """GVM-RAFT (Yao et al. 2025): the norms G_i are those of the model that draws next, over the right
    rollouts of the round before. The first round has none, and takes the recipe's `norms`.
    """

    name, version = "gvm_norms", "1"
    needs = (NORMS,)

    def keys(self, seen: Sequence[SeenRound]) -> RoundKeys:
        """The norms, by problem."""
        norms = seen[-1].norms if seen else {}
        if not norms:
            return RoundKeys()
        return RoundKeys(curate={"budget.options.norms": {key: float(f"{norms[key]:.6g}") for key in sorted(norms)}})

    def figures(self, seen: SeenRound) -> Mapping[str, float]:
        """Number and mean of the norms after a round."""
        values = list(seen.norms.values())
        return {"measured norms": float(len(values)), "mean norm": sum(values) / len(values)} if values else {}
