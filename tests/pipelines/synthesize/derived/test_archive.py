"""Cells: evenly filled by the grid; in the archive elites stay, children are new, and no cell's score ever falls."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import pytest

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Outcome, Problem
from rollmill.pipelines.synthesize import SYNTHESIZERS
from rollmill.pipelines.synthesize.derived.archive import Archive, counts_of, elites_of, learnable
from rollmill.pipelines.synthesize.derived.cells import best_of_cells, cell_of, filled
from rollmill.pipelines.synthesize.derived.grid import Grid
from rollmill.pipelines.synthesize.derived.recomputed import contradicted
from rollmill.pipelines.synthesize.sources import Source, SourceRollout
from rollmill.pipelines.synthesize.splits import is_held_out

PROBLEMS = tuple(SYNTHESIZERS["templates"](levels=(1, 2, 3)).synthesize(60, 3))
AXES = ("level", "skill", "length")


def rate(problem: Problem) -> int:
    """Of 8 completions the right ones, as a toy world has it."""
    return int(problem.id[:4], 16) % 9


def rollouts(problems: tuple[Problem, ...], *, measured: bool = True) -> Iterator[SourceRollout]:
    for problem in problems:
        for number in range(8):
            outcome: Outcome = "correct" if number < rate(problem) else "incorrect"
            yield SourceRollout(problem.id, f"{problem.id}{number}", "", "", outcome, None, kept=False, measured=measured)


def source(*problems: Problem, measured: bool = True) -> Source:
    ordered = tuple(sorted(problems, key=lambda problem: problem.id))
    return Source("toy@v1", "0" * 64, ordered, lambda: rollouts(ordered, measured=measured))


def test_the_grid_gives_every_cell_as_many_as_another() -> None:
    skewed = [problem for problem in PROBLEMS if problem.level == 1] + [one for one in PROBLEMS if one.level == 3][:2]
    made = list(Grid(axes=["level"], source=source(*skewed)).synthesize(30, 1))
    assert Counter(problem.level for problem in made) == {1: 15, 3: 15}
    assert len({problem.prompt_id for problem in made}) == 30
    assert Counter(problem.meta["made"]["reference"] for problem in made) == {"carried": 17, "computed": 13}
    assert not any(contradicted(problem) for problem in made)
    bare = list(Grid(axes=["level"], fill=False, source=source(*skewed)).synthesize(30, 1))
    assert Counter(problem.level for problem in bare) == {1: 20, 3: 2}


def test_an_elite_is_the_problem_from_which_most_is_to_be_learned() -> None:
    elites = elites_of(source(*PROBLEMS), AXES, 8)
    for problem in PROBLEMS:
        held = elites[cell_of(problem, AXES)]
        assert held.score == learnable(rate(held.problem) / 8) >= learnable(rate(problem) / 8)
    assert (learnable(0.5), learnable(0.0), learnable(1.0)) == (1.0, 0.0, 0.0)


def test_elites_do_not_hang_on_the_order() -> None:
    scored = [(problem, 1.0) for problem in PROBLEMS]
    assert best_of_cells(scored, AXES) == best_of_cells(scored[::-1], AXES)


def test_what_a_stopping_rule_drew_scores_nothing() -> None:
    judged, _ = counts_of(rollouts(PROBLEMS, measured=False))
    assert judged == {}
    with pytest.raises(SetupError, match="judged completions that were fixed beforehand"):
        list(Archive(source=source(*PROBLEMS, measured=False)).synthesize(100, 1))


def test_no_cell_s_score_falls_from_round_to_round() -> None:
    here, before = source(*PROBLEMS), elites_of(source(*PROBLEMS), AXES, 2)
    coverage = [filled(before)]
    for turn in range(4):
        made = list(Archive(source=here).synthesize(120, turn))
        here = source(*(replace(problem, meta=dict(problem.meta)) for problem in made))
        after = elites_of(here, AXES, 2)
        assert all(after[cell].score >= elite.score for cell, elite in before.items())
        before = after
        coverage.append(filled(after))
    assert coverage == sorted(coverage)
    assert coverage[-1][0] > coverage[0][0]


def test_children_are_new_right_and_on_their_side() -> None:
    made = list(Archive(source=source(*PROBLEMS)).synthesize(150, 2))
    elites = elites_of(source(*PROBLEMS), AXES, 2)
    children = [problem for problem in made if "mutation" in problem.meta["made"]]
    assert len(made) - len(children) == len(elites)
    assert len({problem.prompt_id for problem in made}) == len(made)
    assert not {problem.prompt_id for problem in children} & {problem.prompt_id for problem in PROBLEMS}
    assert {problem.meta["made"]["mutation"] for problem in children} == {"numbers", "level", "joined"}
    assert not any(contradicted(problem) for problem in children)
    assert not any(
        is_held_out(str(problem.template), problem.meta["params"]) for problem in children if "params" in problem.meta
    )
    for problem in children:
        assert problem.meta["made"]["cell"] == list(cell_of(problem, AXES))


def test_what_it_cannot_work_with_is_said() -> None:
    with pytest.raises(SetupError, match="cells have an elite"):
        list(Archive(source=source(*PROBLEMS)).synthesize(2, 1))
    with pytest.raises(SetupError, match="Did you mean 'level'"):
        Archive(axes=["levle"])
    with pytest.raises(SetupError, match="Did you mean 'joined'"):
        Archive(mutations=["joind"])
    with pytest.raises(SetupError, match="axes is empty"):
        Grid(axes=[])
