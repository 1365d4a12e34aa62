"""The round policy `targeted`: the next round's problems are of the kinds that the model fails."""

from collections.abc import Mapping, Sequence

from rollmill.ground.errors import SetupError
from rollmill.pipelines.train.between.difficulty import group_rates, shares_of
from rollmill.pipelines.train.between.roles import NoChange, RoundKeys, SeenRound


class Targeted(NoChange):
    """Customised exercises (CEMAL; Liang et al. 2023): the share of a kind of problems is proportional to its fail rate in
    the round before; every kind keeps at least `rehearsal` of an equal share.

    The kinds are the values of `by`: level, skill or template. `key`: the key of the dataset recipe that takes the shares.
    """

    name, version = "targeted", "1"

    def __init__(self, by: str = "template", rehearsal: float = 0.1, key: str = "problems.options.shares") -> None:
        """Take the options of a recipe.

        Args:
            by: Column of the problems whose values are the kinds.
            rehearsal: Smallest share of a kind, as a multiple of an equal share.
            key: Key of the dataset recipe that takes the shares.
        """
        if not 0 <= rehearsal <= 1:
            raise SetupError(f"targeted: rehearsal is {rehearsal}; it must be between 0 and 1.")
        self.by, self.rehearsal, self.key = by, rehearsal, key

    def keys(self, seen: Sequence[SeenRound]) -> RoundKeys:
        """The shares of the kinds seen so far, each by its latest rate; nothing before the first round."""
        rates: dict[str, float] = {}
        for earlier in seen:
            rates |= group_rates(earlier, self.by)
        if not rates:
            return RoundKeys()
        failed = shares_of({kind: 1 - rate for kind, rate in rates.items()}, sorted(rates))
        least = self.rehearsal / len(rates)
        return RoundKeys({self.key: shares_of({kind: max(share, least) for kind, share in failed.items()}, sorted(rates))})

    def figures(self, seen: SeenRound) -> Mapping[str, float]:
        """The lowest pass rate of a kind."""
        rates = group_rates(seen, self.by)
        return {f"lowest rate of a {self.by}": min(rates.values())} if rates else {}
