"""Shares that move during a training: batches follow them, a killed training goes on with the same ones."""

import math
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rollmill.ground.errors import SetupError
from rollmill.pipelines.mix.pilots.aioli import moved_shares, near_one_source
from rollmill.pipelines.train.learners.aioli import Aioli, MovedBatches, _Mixed
from rollmill.pipelines.train.losses import LOSSES
from rollmill.pipelines.train.orders import ORDERS
from rollmill.pipelines.train.roles import LearnerReport, TrainingTask
from rollmill.pipelines.train.rows import EncodedRow, TrainingRows
from tests.pipelines.train.student_files import small_model, sums, written


def learner(**options: Any) -> Aioli:
    given = {
        "steps": 24,
        "batch": 8,
        "by": "level",
        "update": 12,
        "short": 2,
        "held": 4,
        "learning_rate": 1e-2,
        "threads": 1,
    }
    return Aioli(**{**given, **options})


def rows(count: int = 60) -> TrainingRows:
    levels = [number % 3 for number in range(count)]
    return TrainingRows([EncodedRow(str(at), str(at), 1.0, ()) for at in range(count)], {"level": levels})


def test_batches_follow_the_shares_that_the_losses_give() -> None:
    batches = MovedBatches(rows(), learner(batch=3000), 1)
    assert sum(map(len, batches.held)) == 12
    assert [step for step in range(13) if batches.measured_at(step)] == [0, 2, 4, 6, 12]
    order = batches.order(0)
    assert sorted(order) == [0, 1, 2]
    near = near_one_source(3, 0.625)
    first = Counter(int(row) % 3 for row in batches.rows_of(0))
    assert [first[at] / 3000 for at in range(3)] == pytest.approx(near[order[0]], abs=0.04)
    assert not {*batches.rows_of(0)} & {row for part in batches.held for row in part}
    effects = np.array([[0.9, 0.1, 0.0], [0.6, 0.5, 0.0], [0.6, 0.0, 0.4]])
    losses = np.full(3, 3.0)
    batches.losses[0] = losses.tolist()
    for at, source in enumerate(order):
        losses = losses - effects @ near[source]
        batches.losses[2 * at + 2] = losses.tolist()
    wanted = moved_shares(np.full(3, 1 / 3), effects, 0.3)
    assert batches.shares(0) == pytest.approx(wanted)
    drawn = Counter(int(row) % 3 for row in batches.rows_of(7))
    assert [drawn[at] / 3000 for at in range(3)] == pytest.approx(wanted, abs=0.04)
    assert batches.rows_of(7) == batches.rows_of(7) != batches.rows_of(8)
    assert [list(part) for part in batches.moved()] == [["0", "1", "2"]]
    [law] = batches.laws()
    assert [list(row.values()) for row in law["effects"].values()] == [pytest.approx(row) for row in effects.tolist()]
    assert (law["predicted"], law["measured"]) == (pytest.approx((effects @ wanted).mean() / 2, abs=1e-6), None)
    batches.losses[12] = (losses - 0.6).tolist()
    assert batches.laws()[0]["measured"] == pytest.approx(0.1)
    assert batches.shares(0) == pytest.approx(wanted)  # the losses of later steps change no earlier update


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"by": "colour"}, "unknown column of the rows 'colour'"),
        ({"held": 20}, "has no more than 20"),
        ({"update": 6}, "an estimation takes 6 steps, and update is 6"),
    ],
)
def test_rows_that_cannot_be_divided_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(SetupError, match=words):
        MovedBatches(rows(), learner(**options), 1)


@pytest.mark.parametrize("options", [{"average": 0.0}, {"weight": 1.5}, {"short": 0}, {"eta": -1.0}])
def test_options_are_checked(options: dict[str, Any]) -> None:
    with pytest.raises(SetupError):
        learner(**options)


def task(folder: Path, loss: str = "sft") -> TrainingTask:
    folder.mkdir(exist_ok=True)
    init = small_model(folder / "small")
    path = written(folder / "rows.jsonl", sums(60))
    return TrainingTask(path, init, folder / "out", folder / "state", LOSSES[loss](), ORDERS["shuffled"](), 1)


def ignore(report: LearnerReport) -> None:
    assert math.isfinite(report.loss)


@pytest.mark.train
@pytest.mark.parametrize("saved", [3, 7, 14])
def test_a_killed_training_goes_on_with_the_same_shares_to_the_last_bit(tmp_path: Path, saved: int) -> None:
    whole, parts = task(tmp_path / "whole"), task(tmp_path / "parts")
    done = learner().train(whole, ignore)
    training = _Mixed(learner(), parts)
    for _ in range(saved):
        training._step()
    training.save()
    for _ in range(3):
        training._step()
    training.order_file.sync()
    again = learner().train(parts, ignore)
    assert again.record["shares"] == done.record["shares"]
    assert again.record["laws"] == done.record["laws"]
    assert len(done.record["shares"]) == 2
    for shares in done.record["shares"]:
        assert sum(shares.values()) == pytest.approx(1.0, abs=1e-5)
    assert done.record["shares"][0] != {"1": 1 / 3, "2": 1 / 3, "3": 1 / 3}
    assert (whole.out / "model.safetensors").read_bytes() == (parts.out / "model.safetensors").read_bytes()


@pytest.mark.train
def test_a_loss_over_whole_problems_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="keeps the rows of a problem together"):
        learner().train(task(tmp_path / "one", "mml"), ignore)
