"""The round policy `itool`: easy-to-hard warm-up on everything, then only what the model fails."""

from collections.abc import Mapping, Sequence

from rollmill.ground.errors import SetupError
from rollmill.pipelines.train.between.difficulty import posterior_means
from rollmill.pipelines.train.between.roles import NoChange, RoundKeys, Row, SeenRound, Weigh


class Itool(NoChange):
    """Iterative reinforced fine-tuning (iTool; Zeng et al. 2025): the first `warmup` rounds train all rows from easy to
    hard; later ones the rows of problems whose pass rate, as posterior mean, is at most `most`.

    The loop's `train.from_round` says with which format and loss later rounds train: pairs and `dpo` in the paper.
    """

    name, version = "itool", "1"

    def __init__(self, warmup: int = 1, most: float = 0.5) -> None:
        """Take the options of a recipe.

        Args:
            warmup: Rounds of training on everything, from easy to hard.
            most: Highest pass rate of a problem that is trained afterwards.
        """
        if warmup < 0 or not 0 < most <= 1:
            raise SetupError(f"itool: warmup is {warmup} and most {most}; 0 or more, and a share above 0.")
        self.warmup, self.most = warmup, most

    def keys(self, seen: Sequence[SeenRound]) -> RoundKeys:
        """The order of the rows, in the warm-up."""
        if len(seen) >= self.warmup:
            return RoundKeys()
        return RoundKeys(train={"order": {"method": "sorted", "options": {"by": "pass_rate", "descending": True}}})

    def weigh(self, seen: SeenRound) -> Weigh:
        """1 for every row in the warm-up, then for rows of failed problems."""
        rates = {} if seen.number < self.warmup else posterior_means(seen)

        def weight(row: Row) -> float | None:
            return 1.0 if seen.number < self.warmup or rates.get(row["problem_id"], 1.0) <= self.most else None

        return weight

    def figures(self, seen: SeenRound) -> Mapping[str, float]:
        """The share of problems that the model fails."""
        rates = posterior_means(seen)
        return {"failed problems": sum(rate <= self.most for rate in rates.values()) / len(rates)} if rates else {}
