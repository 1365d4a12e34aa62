"""The training loop: it learns, it stops, and it goes on as if it had never stopped."""

import math
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer

from rollmill.ground.errors import SetupError
from rollmill.pipelines.train.checkpoint import CHECKPOINT
from rollmill.pipelines.train.corpus import train_tokenizer
from rollmill.pipelines.train.trainer import StepReport, Trainer, learning_rate
from rollmill.pipelines.train.training_settings import Shape, TrainSettings

SETTINGS = TrainSettings(steps=20, batch=4, warmup=5, seed=3, checkpoint_every=7, threads=1)
needs_torch = pytest.mark.train


def sums(seed: int, count: int) -> Iterator[tuple[str, str]]:
    rng = random.Random(seed)
    for _ in range(count):
        a, b = rng.randint(1, 9), rng.randint(1, 9)
        yield f"What is {a} plus {b}?", f"{a} + {b} = {a + b}\n#### {a + b}"


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return train_tokenizer((text for pair in sums(1, 200) for text in pair), 300)


def trainer(tokenizer: Tokenizer, folder: Path, settings: TrainSettings = SETTINGS) -> Trainer:
    shape = Shape(
        tokenizer.get_vocab_size(), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2
    )
    return Trainer(shape, settings, sums, tokenizer, folder)


def losses(one: Trainer, **limits: Any) -> list[float]:
    seen: list[StepReport] = []
    one.run(seen.append, **limits)
    return [report.loss for report in seen]


@needs_torch
def test_twenty_steps_are_ten_and_ten_after_resuming_to_the_last_bit(tokenizer: Tokenizer, tmp_path: Path) -> None:
    whole = losses(trainer(tokenizer, tmp_path / "whole"))
    first = losses(trainer(tokenizer, tmp_path / "parts"), until=10)
    second = trainer(tokenizer, tmp_path / "parts")
    second.resume()
    assert second.progress.step == 10
    assert first + losses(second) == whole
    assert len(whole) == 20
    assert second.progress.step == 20
    last = trainer(tokenizer, tmp_path / "whole")
    last.resume()
    assert all((last.parameters[name] == value).all() for name, value in second.parameters.items())


@needs_torch
def test_the_loss_falls(tokenizer: Tokenizer, tmp_path: Path) -> None:
    seen = losses(
        trainer(tokenizer, tmp_path, TrainSettings(steps=40, batch=8, warmup=5, seed=1, learning_rate=5e-3, threads=1))
    )
    assert sum(seen[-5:]) / 5 < 0.6 * sum(seen[:5]) / 5


@needs_torch
def test_equal_seeds_give_equal_losses_and_others_do_not(tokenizer: Tokenizer, tmp_path: Path) -> None:
    first = losses(trainer(tokenizer, tmp_path / "a"), until=3)
    assert losses(trainer(tokenizer, tmp_path / "b"), until=3) == first
    assert (
        losses(trainer(tokenizer, tmp_path / "c", TrainSettings(steps=20, batch=4, warmup=5, seed=4, threads=1)), until=3)
        != first
    )


@needs_torch
def test_a_kill_between_checkpoints_repeats_only_the_steps_since(tokenizer: Tokenizer, tmp_path: Path) -> None:
    class KilledError(Exception):
        pass

    def kill(report: StepReport) -> None:
        if report.step == 17:
            raise KilledError

    with pytest.raises(KilledError):
        trainer(tokenizer, tmp_path).run(kill)
    again = trainer(tokenizer, tmp_path)
    again.resume()
    assert again.progress.step == 14


@needs_torch
def test_no_time_means_no_step_but_a_checkpoint(tokenizer: Tokenizer, tmp_path: Path) -> None:
    one = trainer(tokenizer, tmp_path)
    assert losses(one, seconds=0.0) == []
    assert (tmp_path / CHECKPOINT).is_file()


@needs_torch
def test_a_checkpoint_of_other_settings_is_refused_by_name(tokenizer: Tokenizer, tmp_path: Path) -> None:
    losses(trainer(tokenizer, tmp_path), until=2)
    other = trainer(tokenizer, tmp_path, TrainSettings(steps=21, batch=4, warmup=5, seed=3, checkpoint_every=7, threads=1))
    with pytest.raises(SetupError, match="other settings"):
        other.resume()


@needs_torch
def test_resuming_nothing_says_so(tokenizer: Tokenizer, tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="no checkpoint in"):
        trainer(tokenizer, tmp_path / "empty").resume()


def test_the_rate_warms_up_and_falls_to_its_share() -> None:
    settings = TrainSettings(steps=50, horizon=100, warmup=10, learning_rate=1.0, final_share=0.1)
    assert [learning_rate(settings, step) for step in (0, 4, 9, 10)] == [0.1, 0.5, 1.0, 1.0]
    assert learning_rate(settings, 55) == pytest.approx(0.1 + 0.9 * 0.5)
    assert learning_rate(settings, 100) == pytest.approx(0.1)
    assert math.isclose(learning_rate(settings, 500), 0.1)
