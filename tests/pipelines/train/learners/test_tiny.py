"""The embedded learner: it learns, it goes on as if it had never stopped, and it refuses other states."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from rollmill.ground.errors import FoundWanting, SetupError
from rollmill.pipelines.train.learners.tiny import Tiny, _Training, rate_at
from rollmill.pipelines.train.llama_folder import LlamaFolder, read_safetensors
from rollmill.pipelines.train.losses import LOSSES
from rollmill.pipelines.train.orders import ORDERS
from rollmill.pipelines.train.roles import PEAK_MEMORY, LearnerReport, TrainingTask
from tests.pipelines.train.student_files import SHIPPED, small_model, sum_pairs, sums, written

needs_torch = pytest.mark.train


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_model(tmp_path_factory.mktemp("init") / "small")


def task(
    folder: Path, init: Path, *, loss: str = "sft", order: str = "shuffled", seed: int = 1, rows: int = 10
) -> TrainingTask:
    folder.mkdir(exist_ok=True)
    pairs = "pairs" in LOSSES[loss]().formats
    path = written(folder / "rows.jsonl", sum_pairs(rows) if pairs else sums(rows))
    return TrainingTask(path, init, folder / "out", folder / "state", LOSSES[loss](), ORDERS[order](), seed)


def tiny(**options: Any) -> Tiny:
    return Tiny(
        **{
            "batch": 4,
            "learning_rate": 1e-2,
            "threads": 1,
            **({} if "loss_tokens" in options else {"steps": 12}),
            **options,
        }
    )


def ignore(report: LearnerReport) -> None:
    assert math.isfinite(report.loss)


def killed_at(learner: Tiny, one: TrainingTask, saved: int, lost: int) -> None:
    """Train, save after `saved` steps, go on for `lost` steps that no checkpoint holds, and stop there."""
    training = _Training(learner, one)
    for _ in range(saved):
        training._step()
    training.save()
    for _ in range(lost):
        training._step()
    training.order_file.sync()


def same(one: TrainingTask, other: TrainingTask) -> None:
    for name in ("model.safetensors", "model.onnx"):
        assert (one.out / name).read_bytes() == (other.out / name).read_bytes()
    orders = [pq.read_table(place.out / "order.parquet").to_pylist() for place in (one, other)]
    assert orders[0] == orders[1]
    assert max(line["step"] for line in orders[0]) == 12


@needs_torch
@pytest.mark.parametrize(("loss", "saved"), [("sft", 5), ("sft", 6), ("dpo", 6), ("mml", 7)])
def test_twelve_steps_are_those_of_a_killed_run_to_the_last_bit(model: Path, tmp_path: Path, loss: str, saved: int) -> None:
    """Six steps are two epochs of ten rows by four."""
    whole, parts = task(tmp_path / "whole", model, loss=loss), task(tmp_path / "parts", model, loss=loss)
    done = tiny().train(whole, ignore)
    killed_at(tiny(), parts, saved, 2)
    again = tiny().train(parts, ignore)
    assert (again.steps, again.tokens) == (done.steps, done.tokens)
    same(whole, parts)
    assert (whole.out / "model.safetensors").read_bytes() != (model / "model.safetensors").read_bytes()


@needs_torch
def test_the_order_file_says_what_was_trained(model: Path, tmp_path: Path) -> None:
    one = task(tmp_path / "one", model)
    done = tiny(steps=3).train(one, ignore)
    lines = pq.read_table(one.out / "order.parquet").to_pylist()
    assert [line["step"] for line in lines] == [1] * 4 + [2] * 4 + [3] * 2
    assert sorted(line["row"] for line in lines) == sorted(f"c{number}" for number in range(10))
    assert sum(line["tokens"] for line in lines) == done.tokens
    assert {line["problem_id"] for line in lines} == {"p0", "p1", "p2", "p3", "p4"}


@needs_torch
def test_the_loss_falls_and_reports_add_up(model: Path, tmp_path: Path) -> None:
    seen: list[LearnerReport] = []
    done = tiny(steps=60, learning_rate=3e-2).train(task(tmp_path / "one", model), seen.append)
    first = LlamaFolder.open(model).shape
    assert done.epochs == 20.0
    assert seen[-1].share == 1.0
    assert (seen[-1].step, seen[-1].tokens) == (60, done.tokens)
    assert done.record["parameters"] == first.parameters
    assert 50 < done.record[PEAK_MEMORY] < 100_000  # MiB of this process
    again: list[LearnerReport] = []
    tiny(steps=1).train(task(tmp_path / "first", model), again.append)
    assert seen[-1].loss < again[0].loss / 2


@needs_torch
@pytest.mark.parametrize("loss", ["sft", "dpo"])
def test_the_loss_on_held_out_rows_is_measured_before_and_after(model: Path, tmp_path: Path, loss: str) -> None:
    one = task(tmp_path / "one", model, loss=loss)
    held = written(tmp_path / "held.jsonl", (sum_pairs if loss == "dpo" else sums)(9)[6:])
    done = tiny(batch=2).train(replace(one, held_out=held), ignore).record
    plain = task(tmp_path / "plain", model, loss=loss)
    assert "held-out loss" not in tiny(batch=2).train(plain, ignore).record
    assert done["held-out rows"] == 3
    assert done["held-out loss"] < done["held-out loss before"]
    if loss == "dpo":
        assert done["held-out loss before"] == pytest.approx(math.log(2), abs=1e-5)
    same(plain, one)


@needs_torch
def test_a_budget_of_trained_tokens_ends_with_the_step_that_reaches_it(model: Path, tmp_path: Path) -> None:
    one = task(tmp_path / "one", model)
    learner = tiny(loss_tokens=200)
    forecast = learner.forecast(one)
    done = learner.train(one, ignore)
    assert (forecast.steps, forecast.tokens) == (done.steps, done.tokens)
    lines = pq.read_table(one.out / "order.parquet").to_pylist()
    before = sum(line["tokens"] for line in lines if line["step"] < done.steps)
    assert before < 200 <= done.tokens


@needs_torch
def test_other_data_loss_options_seed_or_initial_model_are_refused(model: Path, tmp_path: Path) -> None:
    one = task(tmp_path / "one", model)
    killed_at(tiny(), one, 2, 0)
    other_model = small_model(tmp_path / "other", seed=2)
    others = {
        "learner": (tiny(learning_rate=2e-2), one),
        "loss": (tiny(), replace(one, loss=LOSSES["sft"](normaliser="row"))),
        "order": (tiny(), replace(one, order=ORDERS["exported"]())),
        "seed": (tiny(), replace(one, seed=2)),
        "init": (tiny(), replace(one, init=other_model)),
        "rows": (tiny(), replace(one, rows=written(tmp_path / "more.jsonl", sums(11)))),
    }
    for name, (learner, changed) in others.items():
        with pytest.raises(SetupError, match=f"the checkpoint was made with other settings: {{'{name}'"):
            learner.train(changed, ignore)
    assert tiny(threads=2).train(one, ignore).steps == 12


@needs_torch
def test_a_training_that_diverges_says_the_step(model: Path, tmp_path: Path) -> None:
    one = task(tmp_path / "one", model)
    with pytest.raises(
        SetupError, match=r"of step \d+ is (nan|inf): the training diverged. Next: a learning rate below 1e\+30"
    ):
        tiny(steps=60, learning_rate=1e30).train(one, ignore)
    assert not one.out.exists()


@needs_torch
def test_a_limit_that_a_report_tells_keeps_the_state(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rollmill.pipelines.train.learners.tiny.REPORT_SECONDS", 0.0)
    whole, parts = task(tmp_path / "whole", model), task(tmp_path / "parts", model)
    tiny().train(whole, ignore)

    def spent(report: LearnerReport) -> None:
        if report.step == 5:
            raise FoundWanting("the limit is spent")

    with pytest.raises(FoundWanting):
        tiny().train(parts, spent)
    seen: list[LearnerReport] = []
    tiny().train(parts, seen.append)
    assert seen[0].step == 6
    same(parts, whole)


@needs_torch
def test_an_interruption_inside_a_step_saves_no_torn_state(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, parts = task(tmp_path / "whole", model), task(tmp_path / "parts", model)
    tiny().train(whole, ignore)
    training = _Training(tiny(), parts)
    add, calls = training.order_file.add, []

    def interrupted(*given: Any) -> None:
        calls.append(given[0])
        if len(calls) == 5:
            raise KeyboardInterrupt
        add(*given)

    monkeypatch.setattr(training.order_file, "add", interrupted)
    with pytest.raises(KeyboardInterrupt):
        training.run(ignore)
    assert not (parts.state / "checkpoint.pt").exists()
    tiny().train(parts, ignore)
    same(whole, parts)


def test_a_length_is_one_of_three_and_options_are_in_range() -> None:
    with pytest.raises(SetupError, match=r"a training has one length above 0, not steps 0, epochs 0\.0, loss_tokens 0"):
        Tiny()
    with pytest.raises(SetupError, match=r"not steps 3, epochs 1\.0, loss_tokens 0"):
        Tiny(steps=3, epochs=1.0)
    with pytest.raises(SetupError, match="batch is 0; it must be above 0"):
        Tiny(steps=3, batch=0)
    with pytest.raises(SetupError, match=r"warmup is 1.5; it must be between 0 and 1"):
        Tiny(steps=3, warmup=1.5)


def test_the_rate_rises_to_1_and_falls_to_its_last_share() -> None:
    assert rate_at(0.0, 0.05, 0.1) == pytest.approx(1 / 6)
    assert rate_at(0.05, 0.05, 0.1) == 1.0
    assert rate_at(0.525, 0.05, 0.1) == pytest.approx(0.55)
    assert rate_at(1.0, 0.05, 0.1) == pytest.approx(0.1)


def test_the_length_of_two_epochs_is_known_without_torch(tmp_path: Path) -> None:
    one = task(tmp_path / "one", SHIPPED)
    forecast = Tiny(epochs=2, batch=4).forecast(one)
    assert forecast.steps == 6
    assert Tiny(steps=6, batch=4).forecast(one) == forecast


def test_a_damaged_or_foreign_initial_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"config\.json is missing or cannot be read"):
        LlamaFolder.open(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "gpt2"}')
    with pytest.raises(SetupError, match="has model_type 'gpt2'; the learner tiny trains models with 'llama'"):
        LlamaFolder.open(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"\x02\x00\x00\x00\x00\x00\x00\x00{")
    with pytest.raises(SetupError, match="is not a complete safetensors file"):
        read_safetensors(tmp_path / "model.safetensors")
