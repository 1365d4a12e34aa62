"""Trainings in the ledger: their progress, how they end, and the loss of one that is under way."""

import json
import os
from pathlib import Path

import pytest

from rollmill.storage.queries import Reader
from rollmill.storage.queries.models.progress import (
    MOST_POINTS,
    training_curve,
    training_lines,
    training_of_process,
    unfinished_trainings,
)
from rollmill.storage.trainings import training_folder
from rollmill.storage.workspace import Workspace

JOB = {"workspace": "/ws", "recipe": "/ws/recipes/a.yaml", "sets": ["seed=2"], "profile": None, "verb": "train"}
HALF = {"step": 30, "share": 0.5, "loss": 0.25, "tokens": 6_000, "seconds": 3.0}


def test_a_training_under_way_has_speed_and_time_left(tmp_path: Path) -> None:
    with Workspace.init(tmp_path) as ws, ws.trainings.held("a" * 32):
        ws.trainings.begin("a" * 32, "student", {"job": JOB})
        ws.trainings.report("a" * 32, HALF)
        reader = Reader(ws)
        [line] = training_lines(reader)
        assert (line.model, line.status, line.step, line.share, line.loss) == ("student", "running", 30, 0.5, 0.25)
        assert (line.rate, line.left, line.version) == (2_000.0, 3.0, None)
        assert line.command == "rollmill train recipes/a.yaml --set seed=2"
        assert training_of_process(reader, os.getpid()) == "a" * 32
        assert training_of_process(reader, 1) is None
        assert unfinished_trainings([line]) == []


@pytest.mark.parametrize(
    ("end", "status", "error"), [("interrupted", "interrupted", "Ctrl-C"), ("failed", "failed", "no"), (None, "killed", "")]
)
def test_a_training_without_a_process_is_killed_and_the_newest_of_a_model_counts(
    tmp_path: Path, end: str | None, status: str, error: str
) -> None:
    with Workspace.init(tmp_path) as ws:
        for training in ("a" * 32, "b" * 32):
            ws.trainings.begin(training, "student", {})
            ws.trainings.report(training, HALF)
            if end is not None:
                ws.trainings.finish(training, end, {"error": error})
        lines = training_lines(Reader(ws))
        assert [(line.status, line.error, line.left, line.command) for line in lines] == [(status, error, None, None)] * 2
        assert [line.id for line in unfinished_trainings(lines)] == ["b" * 32]


def test_a_done_training_names_its_version_and_its_cost(tmp_path: Path) -> None:
    with Workspace.init(tmp_path) as ws:
        ws.trainings.begin("a" * 32, "student", {})
        ws.trainings.report("a" * 32, HALF)
        ws.trainings.finish("a" * 32, "done", {"version": "student@v1", "steps": 60, "tokens": 12_000, "seconds": 6.0})
        [line] = training_lines(Reader(ws))
        assert (line.status, line.version, line.step, line.share) == ("done", "student@v1", 60, 1.0)
        assert (line.tokens, line.seconds) == (12_000, 6.0)


def test_a_long_curve_is_thinned_to_means_and_a_loss_that_is_no_number_is_named(tmp_path: Path) -> None:
    with Workspace.init(tmp_path) as ws:
        folder = training_folder(ws.state, "a" * 32)
        folder.mkdir(parents=True)
        reports = [{"step": n, "loss": float(n % 2), "tokens": 10 * n} for n in range(1, 2 * MOST_POINTS + 1)]
        reports.append({"step": 2 * MOST_POINTS + 1, "loss": float("nan"), "tokens": 0})
        (folder / "steps.jsonl").write_text("\n".join(map(json.dumps, reports)))
        curve = training_curve(Reader(ws), "a" * 32)
        assert (len(curve.points), {point.loss for point in curve.points}) == (MOST_POINTS, {0.5})
        assert (curve.points[0].step, curve.points[0].tokens) == (2, 20)
        assert (curve.reports, curve.broken) == (2 * MOST_POINTS + 1, 2 * MOST_POINTS + 1)
        assert training_curve(Reader(ws), "b" * 32).points == ()


def test_a_training_that_resumes_has_the_progress_but_not_the_error_of_before(tmp_path: Path) -> None:
    with Workspace.init(tmp_path) as ws, ws.trainings.held("a" * 32):
        ws.trainings.begin("a" * 32, "student", {})
        ws.trainings.report("a" * 32, HALF)
        ws.trainings.finish("a" * 32, "failed", {"error": "no"})
        ws.trainings.begin("a" * 32, "student", {})
        [line] = training_lines(Reader(ws))
        assert (line.status, line.error, line.step) == ("running", "", 30)
