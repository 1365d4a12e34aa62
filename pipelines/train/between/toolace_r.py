"""The round policy `toolace_r`: rows are admitted by what the model of the round can do, and more of them every round."""

from collections.abc import Mapping

from rollmill.ground.errors import SetupError
from rollmill.pipelines.train.between.difficulty import posterior_means
from rollmill.pipelines.train.between.roles import NoChange, Row, SeenRound, Weigh


class ToolaceR(NoChange):
    """Model-aware iterative training (ToolACE-R; Zeng et al. 2025): a problem is admitted if its pass rate under the
    round's model, as posterior mean, is in a window, whose lower end falls from `least` by `step` a round to `floor`.
    """

    name, version = "toolace_r", "1"

    def __init__(self, least: float = 0.5, step: float = 0.2, floor: float = 0.05, most: float = 1.0) -> None:
        """Take the options of a recipe.

        Args:
            least: Lowest pass rate that is admitted in the first round.
            step: How far the lowest pass rate falls from round to round.
            floor: Lowest pass rate that is ever admitted.
            most: Highest pass rate that is admitted.
        """
        if not 0 <= floor <= least <= most <= 1 or step < 0:
            raise SetupError(f"toolace_r: needs 0 <= floor <= least <= most <= 1, not {floor}, {least}, {most}.")
        self.least, self.step, self.floor, self.most = least, step, floor, most

    def weigh(self, seen: SeenRound) -> Weigh:
        """1 for rows of admitted problems."""
        admitted = self.admitted(seen)

        def weight(row: Row) -> float | None:
            return 1.0 if row["problem_id"] in admitted else None

        return weight

    def admitted(self, seen: SeenRound) -> frozenset[str]:
        """The problems of a round's window."""
        lowest = max(self.floor, self.least - self.step * seen.number)
        return frozenset(key for key, rate in posterior_means(seen).items() if lowest <= rate <= self.most)

    def figures(self, seen: SeenRound) -> Mapping[str, float]:
        """The share of admitted problems."""
        return {"admitted problems": len(self.admitted(seen)) / len(seen.problems)} if seen.problems else {}
