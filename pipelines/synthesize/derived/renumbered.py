"""The synthesizer `renumbered`: problems of a version or run with other numbers, answers computed by their templates."""

from collections.abc import Iterator
from typing import Any

from rollmill.ground.errors import SetupError
from rollmill.ground.ids import digest128
from rollmill.ground.records import Problem
from rollmill.pipelines.synthesize.derived.new_numbers import of_template, renumbered
from rollmill.pipelines.synthesize.sources import Source, required


class Renumbered:
    """`per_problem` new problems of each that a program of ours can solve, a first one of all before any second.

    `splits`: only sources of these; none given: all, and each new problem is in the split of its source.
    """

    name = "renumbered"
    version = "1"

    def __init__(self, *, per_problem: int = 1, splits: Any = None, source: Source | None = None) -> None:
        """Take the options of a recipe.

        Args:
            per_problem: New problems of each problem that a program can solve.
            splits: Only problems of these splits; none: all.
        """
        if per_problem < 1:
            raise SetupError(f"renumbered: per_problem is {per_problem}, and must be 1 or more.")
        self.per_problem, self.source = per_problem, source
        self.splits = None if splits is None else frozenset(splits)

    def synthesize(self, budget: int, seed: int) -> Iterator[Problem]:
        """At most `budget` problems, none with a prompt of the source or of another."""
        source = required(self.source, self.name)
        usable = [
            problem
            for problem in source.problems
            if of_template(problem) and (not self.splits or problem.split in self.splits)
        ]
        if not usable:
            raise SetupError(
                f"{source.name} has no problems of shipped templates, whose answers alone can be computed anew."
            )
        return self._problems(usable, {problem.prompt_id for problem in source.problems}, budget, seed)

    def _problems(self, usable: list[Problem], taken: set[str], budget: int, seed: int) -> Iterator[Problem]:
        count = 0
        for turn in range(self.per_problem):
            for problem in usable:
                new = renumbered(problem, _turn_seed(seed, turn), self.name)
                if new is None or new.prompt_id in taken:
                    continue
                taken.add(new.prompt_id)
                yield new
                count += 1
                if count == budget:
                    return


def _turn_seed(seed: int, turn: int) -> int:
    return seed if turn == 0 else int(digest128(["renumbered", seed, turn])[:13], 16)
