"""Problems with other numbers: answers of the program, on the side of their split, in turns."""

from collections import Counter

import pytest

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Problem
from rollmill.pipelines.synthesize import SYNTHESIZERS
from rollmill.pipelines.synthesize.derived.recomputed import recomputed
from rollmill.pipelines.synthesize.derived.renumbered import Renumbered
from rollmill.pipelines.synthesize.sources import Source
from rollmill.pipelines.synthesize.splits import is_held_out

TRAIN = tuple(SYNTHESIZERS["templates"]().synthesize(80, 3))
HELD = tuple(SYNTHESIZERS["templates"](split="heldout").synthesize(40, 3))


def made(*problems: Problem, budget: int = 1_000, **options: object) -> list[Problem]:
    return list(Renumbered(source=Source("toy@v1", "0" * 64, problems), **options).synthesize(budget, 5))  # type: ignore[arg-type]


def test_new_numbers_stay_on_the_side_of_their_split() -> None:
    """Trap: nine of ten instances of a template train, so new numbers of a held-out problem would mostly be such."""
    new = made(*TRAIN, *HELD)
    sides = Counter((problem.split, is_held_out(str(problem.template), problem.meta["params"])) for problem in new)
    assert set(sides) == {("train", False), ("heldout", True)}
    assert min(sides.values()) > 20


def test_the_reference_is_computed_and_a_second_program_agrees() -> None:
    new = made(*TRAIN, per_problem=3)
    assert len(new) > 200
    assert len({problem.prompt_id for problem in (*TRAIN, *new)}) == len(TRAIN) + len(new)
    assert all(recomputed(problem) == problem.reference for problem in new)
    assert {problem.meta["made"]["reference"] for problem in new} == {"computed"}


def test_every_problem_has_its_first_before_any_has_its_second() -> None:
    new = made(*TRAIN[:10], per_problem=2, budget=15)
    sources = [problem.meta["made"]["sources"][0] for problem in new]
    assert len(set(sources[:10])) == 10
    assert len(sources) == 15


def test_only_the_splits_that_are_named() -> None:
    assert {problem.split for problem in made(*TRAIN, *HELD, splits=["heldout"])} == {"heldout"}
    with pytest.raises(SetupError, match="no problems of shipped templates"):
        made(*TRAIN, splits=["evaluation"])
