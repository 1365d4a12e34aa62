"""A whole small run: from nothing to a folder that the engine loads, with and without interruption."""

import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from rollmill.ground.records import Origin, Problem, Sampling, request_for
from rollmill.pipelines.generate.embedded.engine import Embedded
from rollmill.pipelines.train.trainer import StepReport, TrainingJob, checkpoint_folder, train_model
from rollmill.pipelines.train.training_settings import TrainSettings

SETTINGS = TrainSettings(steps=6, batch=4, warmup=2, seed=3, checkpoint_every=2, threads=1)


def sums(seed: int, count: int) -> Iterator[tuple[str, str]]:
    rng = random.Random(seed)
    for _ in range(count):
        a, b = rng.randint(1, 9), rng.randint(1, 9)
        yield f"What is {a} plus {b}?", f"{a} + {b} = {a + b}\n#### {a + b}"


def nothing(report: StepReport) -> None:
    pass


@pytest.mark.train
def test_a_run_gives_a_model_that_the_engine_samples_from(tmp_path: Path) -> None:
    out = tmp_path / "mine"
    trained = train_model(TrainingJob(out, SETTINGS), nothing, sums)
    assert trained.finished
    record = json.loads((out / "training.json").read_text())
    assert (record["steps_done"], record["problems_seen"], record["settings"]["seed"]) == (6, 24, 3)
    engine = Embedded(str(out))
    problem = Problem("What is 1 plus 2?", "3")
    ask = request_for(
        problem,
        engine.render(problem.prompt),
        Sampling(max_tokens=5),
        Origin("embedded", engine.model_digest, "curate", 1),
        0,
    )
    (one,) = engine.generate([ask])
    assert one.model == "mine"
    assert one.tokens_out in range(1, 6)
    engine.close()


@pytest.mark.train
def test_an_interrupted_run_ends_with_the_same_files(tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    train_model(TrainingJob(whole, SETTINGS), nothing, sums)

    class StoppedError(Exception):
        pass

    def interrupt(report: StepReport) -> None:
        if report.step == 3:
            raise StoppedError

    with pytest.raises(StoppedError):
        train_model(TrainingJob(parts, SETTINGS), interrupt, sums)
    assert (parts / "model.onnx").is_file()  # the checkpoint at step 2 was exported
    assert train_model(TrainingJob(parts, SETTINGS, resume=True), nothing, sums).finished
    for name in ("model.onnx", "model.safetensors", "tokenizer.json", "config.json"):
        assert (parts / name).read_bytes() == (whole / name).read_bytes()
    assert checkpoint_folder(parts).name == ".parts.training"
