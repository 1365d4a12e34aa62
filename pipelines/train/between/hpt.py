"""The round policy `hpt`: demonstrations where a problem is not solved, rollouts with advantages where it is."""

from collections.abc import Mapping

from rollmill.ground.errors import SetupError
from rollmill.pipelines.train.between.roles import NoChange, Row, SeenRound, Weigh


class Hpt(NoChange):
    """Hybrid post-training (HPT; Lv et al. 2025): of a problem with at most `gate` right rollouts the
    demonstration is trained, at weight `coefficient`, and no rollout; of another one the rollouts, weighted by reward minus
    the mean reward of its fixed prefix (GRPO without the standard deviation), and no demonstration.

    Rows come from the export `unpaired` with `copies` and `sees_label`, the loss is `weighted` with the column `weight`.
    `demonstration`: the step whose completions are demonstrations.
    """

    name, version = "hpt", "1"

    def __init__(self, gate: int = 0, coefficient: float = 1.0, demonstration: str = "shown") -> None:
        """Take the options of a recipe.

        Args:
            gate: Largest number of right rollouts with which a problem is trained on its demonstration.
            coefficient: Weight of a demonstration.
            demonstration: Step of the dataset recipe that gives demonstrations.
        """
        if gate < 0 or coefficient <= 0:
            raise SetupError(f"hpt: gate is {gate} and coefficient {coefficient}; 0 or more, and above 0.")
        self.gate, self.coefficient, self.demonstration = gate, coefficient, demonstration

    def weigh(self, seen: SeenRound) -> Weigh:
        """The coefficient, an advantage, or nothing."""

        def weight(row: Row) -> float | None:
            problem = seen.problems.get(row["problem_id"])
            if problem is None or not problem.judged:
                return None
            shown = row["step"] == self.demonstration
            if problem.correct <= self.gate:
                return self.coefficient if shown else None
            advantage = float(row["outcome"] == "correct") - problem.correct / problem.judged
            return None if shown or advantage == 0 else advantage

        return weight

    def figures(self, seen: SeenRound) -> Mapping[str, float]:
        """The share of problems that are trained on demonstrations."""
        judged = [problem for problem in seen.problems.values() if problem.judged]
        shown = sum(problem.correct <= self.gate for problem in judged)
        return {"to demonstrations": shown / len(judged)} if judged else {}
