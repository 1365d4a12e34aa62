"""Targets by hand, stopping and pruning by heads that know and heads that guess, and the smallest form."""

from pathlib import Path

import numpy as np
import pytest

from rollmill.pipelines.train.measures.bench import Bench, StudyModel
from rollmill_papers.studies.restarts import Restarts, bound_for, gains_of_another, pruned, stopped
from tests.pipelines.train.student_files import SHIPPED

RATES = np.random.default_rng(1).uniform(0.05, 0.95, 400)
RIGHT = np.random.default_rng(2).random((400, 8)) < RATES[:, None]


def test_another_draw_is_better_as_often_as_the_others_are_right_where_this_one_is_wrong() -> None:
    gains = gains_of_another(np.array([[True, False, False], [False, False, False], [True, True, False]]))
    assert gains.tolist() == [[0.0, 0.5, 0.5], [0.0, 0.0, 0.0], [0.0, 0.0, 1.0]]


def test_a_head_that_knows_stops_where_it_is_right_and_gains_over_as_many_draws_of_every_problem() -> None:
    doubts, rng = np.where(RIGHT, 0.0, 1.0), np.random.default_rng(3)
    adaptive, fixed, used = stopped(doubts, RIGHT, 0.5, rng)
    assert adaptive.tolist() == pytest.approx(RIGHT.any(axis=1).astype(float).tolist())
    assert used[RIGHT.all(axis=1)].tolist() == pytest.approx([1.0] * int(RIGHT.all(axis=1).sum()))
    assert used[~RIGHT.any(axis=1)].tolist() == pytest.approx([8.0] * int((~RIGHT.any(axis=1)).sum()))
    assert adaptive.mean() - fixed.mean() > 0.03


def test_a_head_that_guesses_gains_nothing() -> None:
    rng = np.random.default_rng(4)
    doubts = rng.random(RIGHT.shape)
    adaptive, fixed, used = stopped(doubts, RIGHT, bound_for(doubts, 3.0, rng), rng)
    assert used.mean() == pytest.approx(3.0, abs=0.3)
    assert adaptive.mean() == pytest.approx(fixed.mean(), abs=0.01)
    by_head, by_lot = pruned(rng.random(RIGHT.shape), doubts, RIGHT, 2, rng)
    assert by_head.mean() == pytest.approx(by_lot.mean(), abs=0.05)


def test_without_a_doubt_below_the_bound_every_draw_is_made_and_as_many_are_compared() -> None:
    doubts = np.random.default_rng(5).random(RIGHT.shape)
    adaptive, fixed, used = stopped(doubts, RIGHT, -1.0, np.random.default_rng(6))
    assert set(used.round(9).tolist()) == {8.0}
    assert adaptive.tolist() == pytest.approx(fixed.tolist())


def test_begun_answers_are_given_up_by_their_own_doubt_and_finished_ones_chosen_by_theirs() -> None:
    early = np.array([[0.1, 0.2, 0.9]])
    doubts = np.array([[0.8, 0.3, 0.0]])
    right = np.array([[False, True, False]])
    by_head, by_lot = pruned(early, doubts, right, 2, np.random.default_rng(7))
    assert by_head.tolist() == [1.0]
    assert by_lot.tolist() == pytest.approx([1 / 3], abs=0.2)


@pytest.mark.train
def test_the_smallest_form_draws_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(tmp_path, models={"init": [StudyModel(SHIPPED)]})
    small = Restarts(problems=8, samples=3, after=4, levels=[1, 8])
    measured = small.measure(bench)
    assert set(measured.effects) == {"adaptive - fixed", "pruned - random", "auroc less .5: begun"}
    assert 1 <= measured.table["draws"].value <= 3
    monkeypatch.setattr("rollmill_papers.studies.probes.request_for", None)
    assert small.measure(bench).effects == measured.effects
