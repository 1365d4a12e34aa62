"""The learner `trl` on a model of one layer: the steps of our order, our tokens, and the same rows after a kill."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from rollmill.ground.errors import SetupError
from rollmill.ground.ids import EMBEDDED_FILES
from rollmill.pipelines.train.learners.tiny import Tiny
from rollmill.pipelines.train.learners.trl import GUEST, Trl
from rollmill.pipelines.train.llama_folder import LlamaFolder
from rollmill.pipelines.train.losses import LOSSES
from rollmill.pipelines.train.orders import ORDERS
from rollmill.pipelines.train.roles import PEAK_MEMORY, LearnerReport, TrainingForecast, TrainingTask
from tests.pipelines.train.student_files import SHIPPED, small_model, sum_pairs, sums, written
from tests.pipelines.train.test_teacher import taught
from tests.tied import tied

in_trl = pytest.mark.train
CLOSE = 1e-3 if Path("/dev/nvidiactl").exists() else 1e-4  # relative; a GPU multiplies float32 in TF32
OPTIONS = {"logging_steps": 1, "save_steps": 2, "learning_rate": 1e-3, "lr_scheduler_type": "constant"}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not _has_trl():
        pytest.skip("no interpreter with TRL: pip install trl, or ROLLMILL_TRL=PATH")
    return small_model(tmp_path_factory.mktemp("init") / "small")


def _has_trl() -> bool:
    try:
        Trl(steps=1).interpreter()
    except SetupError:
        return False
    return True


def task(
    folder: Path, init: Path, loss: str = "sft", rows: list[dict[str, Any]] | None = None, **options: Any
) -> TrainingTask:
    folder.mkdir(exist_ok=True)
    paired = "pairs" in LOSSES[loss]().formats
    path = written(folder / "rows.jsonl", rows or (sum_pairs(10) if paired else sums(10)))
    return TrainingTask(path, init, folder / "out", folder / "state", LOSSES[loss](**options), ORDERS["shuffled"](), 1)


def trl(**options: Any) -> Trl:
    return Trl(**{"batch": 4, **({} if "loss_tokens" in options else {"steps": 4}), "options": OPTIONS, **options})


def ignore(report: LearnerReport) -> None:
    assert report.share <= 1


def lines(one: TrainingTask) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pq.read_table(one.out / "order.parquet").to_pylist()
    return found


@in_trl
def test_steps_tokens_and_losses_are_those_of_the_embedded_learner(model: Path, tmp_path: Path) -> None:
    """Same rows at each step, same trained tokens, same loss at the same weights: the first step's."""
    mine, theirs = task(tmp_path / "mine", model), task(tmp_path / "theirs", model)
    ours: list[LearnerReport] = []
    Tiny(steps=1, batch=4, threads=1).train(mine, ours.append)
    seen: list[LearnerReport] = []
    forecast = trl().forecast(theirs)
    done = trl().train(theirs, seen.append)
    assert forecast == TrainingForecast(done.steps, done.tokens)
    assert 50 < done.record[PEAK_MEMORY] < 20_000
    assert [report.step for report in seen] == [1, 2, 3, 4]
    assert seen[0].loss == pytest.approx(ours[0].loss, rel=1e-4)
    assert seen[0].tokens == ours[0].tokens
    assert [line for line in lines(theirs) if line["step"] == 1] == lines(mine)
    assert [line["step"] for line in lines(theirs)] == [1] * 4 + [2] * 4 + [3] * 2 + [4] * 4
    assert (done.steps, done.tokens) == (4, sum(line["tokens"] for line in lines(theirs)))
    assert {name for name in EMBEDDED_FILES if (theirs.out / name).is_file()} == set(EMBEDDED_FILES)
    assert (theirs.out / "tokenizer.json").read_bytes() == (model / "tokenizer.json").read_bytes()
    before, after = LlamaFolder.open(model), LlamaFolder.open(theirs.out)
    assert after.shape == before.shape
    assert max(np.abs(value - before.weights[name]).max() for name, value in after.weights.items()) > 1e-4


@in_trl
def test_weights_of_a_bfloat16_checkpoint_move_at_a_usual_learning_rate(model: Path, tmp_path: Path) -> None:
    """A step of 1e-5 rounds to nothing in a weight with 8 bits; in float32, the default, it counts."""
    import torch
    from safetensors.torch import load_file, save_file

    half = tmp_path / "half"
    shutil.copytree(model, half)
    begun = {name: value.bfloat16() for name, value in load_file(model / "model.safetensors").items()}
    save_file(begun, half / "model.safetensors", {"format": "pt"})
    options = {"learning_rate": 1e-5, "lr_scheduler_type": "constant"}
    still = {}
    for dtype in (None, "bfloat16"):
        one = task(tmp_path / str(dtype), half)
        trl(steps=50, batch=10, options=options, dtype=dtype).train(one, ignore)
        trained = load_file(one.out / "model.safetensors")
        assert {value.dtype for value in trained.values()} == {torch.bfloat16 if dtype else torch.float32}
        # A token that no row has gets no gradient: its embedding stays as it is.
        layers = [name for name in begun if "embed" not in name and "head" not in name]
        same = sum(int((trained[name].float() == begun[name].float()).sum()) for name in layers)
        still[dtype] = same / sum(begun[name].numel() for name in layers)
    assert still[None] < 0.01
    assert still["bfloat16"] > 0.5


@in_trl
@pytest.mark.parametrize(
    ("loss", "options"),
    [("redi", {}), ("mml", {"beta": 0.5}), ("dco", {"n": 4})],
)
def test_our_losses_have_the_embedded_learners_value(
    model: Path, tmp_path: Path, loss: str, options: dict[str, Any]
) -> None:
    mine, theirs = task(tmp_path / "mine", model, loss, **options), task(tmp_path / "theirs", model, loss, **options)
    ours: list[LearnerReport] = []
    Tiny(steps=1, batch=4, threads=1).train(mine, ours.append)
    seen: list[LearnerReport] = []
    trl(steps=1).train(theirs, seen.append)
    assert seen[0].loss == pytest.approx(ours[0].loss, rel=CLOSE)
    assert lines(theirs) == lines(mine)


@in_trl
def test_distillation_has_the_embedded_learners_value(model: Path, tmp_path: Path) -> None:
    half = {0: {"1": 0.5, "2": 0.3, "3": 0.2}, 2: {"+": 0.9, "-": 0.1}}
    rows = [taught(row, half) for row in sums(10)]
    mine, theirs = task(tmp_path / "mine", model, "kd", rows), task(tmp_path / "theirs", model, "kd", rows)
    ours: list[LearnerReport] = []
    Tiny(steps=1, batch=4, threads=1).train(mine, ours.append)
    seen: list[LearnerReport] = []
    trl(steps=1).train(theirs, seen.append)
    assert seen[0].loss == pytest.approx(ours[0].loss, rel=1e-4)
    plain = task(tmp_path / "plain", model, "sft", rows)
    Tiny(steps=1, batch=4, threads=1).train(plain, ours.append)
    assert (lines(theirs), lines(plain)) == (lines(mine), lines(mine))  # tokens are places, whatever their targets
    assert ours[1].loss != ours[0].loss


@in_trl
def test_preferences_are_trls_own_and_begin_at_log_2(model: Path, tmp_path: Path) -> None:
    seen: list[LearnerReport] = []
    one = task(tmp_path / "dpo", model, "dpo")
    done = trl(steps=2).train(one, seen.append)
    assert seen[0].loss == pytest.approx(0.693147, abs=1e-5)
    assert done.tokens == sum(line["tokens"] for line in lines(one))
    labelled = [{**row, "label": number % 3 > 0} for number, row in enumerate(sums(10))]
    assert trl(steps=2).train(task(tmp_path / "kto", model, "kto", labelled), ignore).steps == 2


@in_trl
def test_a_reward_model_rates_texts_and_is_a_folder_of_transformers(model: Path, tmp_path: Path) -> None:
    one, seen = task(tmp_path / "one", model, "reward_model", sum_pairs(4)), list[LearnerReport]()
    done = trl(steps=30, options={**OPTIONS, "learning_rate": 1e-2, "gradient_checkpointing": False}).train(
        one, seen.append
    )
    assert seen[0].loss == pytest.approx(0.693147, abs=0.1)
    assert (seen[-1].measures["accuracy"], seen[-1].loss < 0.3) == (1.0, True)
    assert done.tokens == sum(line["tokens"] for line in lines(one))
    settings = json.loads((one.out / "config.json").read_text())
    assert (settings["architectures"], len(settings["id2label"])) == (["LlamaForSequenceClassification"], 1)
    assert not (one.out / "model.onnx").exists()
    assert (one.out / "tokenizer.json").read_bytes() == (model / "tokenizer.json").read_bytes()


@in_trl
def test_a_killed_training_goes_on_with_the_rows_of_one_that_was_not(model: Path, tmp_path: Path) -> None:
    whole, parts = task(tmp_path / "whole", model), task(tmp_path / "parts", model)
    trl(steps=6).train(whole, ignore)
    learner = trl(steps=6)
    parts.state.mkdir(parents=True)
    job = parts.state / "job.json"
    job.write_text(json.dumps(learner._job(parts), indent=1, sort_keys=True))
    child = subprocess.Popen(
        tied(learner.interpreter(), "-P", str(GUEST), str(job)),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env={**os.environ, "HF_HUB_OFFLINE": "1"},
    )  # fmt: skip
    with child:
        assert child.stdout is not None
        for line in child.stdout:
            if line.startswith('{"') and json.loads(line).get("step") == 3:
                child.send_signal(signal.SIGKILL)
                break
    assert (parts.state / "checkpoints" / "checkpoint-2").is_dir()
    (parts.state / "checkpoints" / "checkpoint-9").mkdir()  # half of one
    seen: list[LearnerReport] = []
    done = learner.train(parts, seen.append)
    assert seen[0].step in (3, 5)
    assert lines(parts) == lines(whole)
    assert done.tokens == sum(line["tokens"] for line in lines(whole))
    one, other = (LlamaFolder.open(place.out).weights for place in (whole, parts))
    assert max(np.abs(one[name] - other[name]).max() for name in one) < 1e-6


@in_trl
def test_an_adapter_is_merged_into_the_published_weights(model: Path, tmp_path: Path) -> None:
    one = task(tmp_path / "one", model, "redi")
    trl(steps=2, lora={"r": 2, "target_modules": "all-linear"}).train(one, ignore)
    before, after = LlamaFolder.open(model).weights, LlamaFolder.open(one.out).weights
    changed = {name for name, value in after.items() if np.abs(value - before[name]).max() > 1e-7}
    assert changed == {name for name in before if name.endswith("_proj.weight")}


@in_trl
def test_mistakes_are_told_before_anything_is_trained(model: Path, tmp_path: Path) -> None:
    one = task(tmp_path / "one", model)
    with pytest.raises(SetupError, match=r"unknown option of SFTConfig 'learning_rat'. Did you mean 'learning_rate'"):
        trl(options={"learning_rat": 1e-3}).train(one, ignore)
    shutil.rmtree(one.state)
    with pytest.raises(SetupError, match="options: 'max_steps' is set by the learner"):
        trl(options={"max_steps": 3}).train(one, ignore)
    assert not one.out.exists()
    with pytest.raises(SetupError, match="the checkpoint was made with other data, loss or options"):
        trl(options={"max_grad_norm": 3}).train(one, ignore)


@in_trl
def test_a_chat_template_that_gives_other_tokens_is_refused(model: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(model, other)
    path = other / "tokenizer_config.json"
    settings = json.loads(path.read_text())
    path.write_text(json.dumps({**settings, "chat_template": settings["chat_template"].replace("'<|end|>'", "''")}))
    with pytest.raises(SetupError, match="row 1: the folder's chat template gives other tokens than the embedded engine"):
        trl().train(task(tmp_path / "one", other), ignore)


def test_without_an_interpreter_the_next_step_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("ROLLMILL_TRL", raising=False)
    with pytest.raises(SetupError, match="the interpreter of the learner trl, '/no/python', does not exist"):
        Trl(steps=1, trainer_python="/no/python").interpreter()
    assert Trl(steps=1, trainer_python=sys.executable).interpreter() == sys.executable
    with pytest.raises(SetupError, match="a training has one length above 0"):
        Trl()
    with pytest.raises(SetupError, match="batch is 0"):
        Trl(steps=1, batch=0)


def test_the_length_is_forecast_without_trl_as_the_embedded_learner_counts(tmp_path: Path) -> None:
    one = task(tmp_path, SHIPPED)
    assert Trl(batch=4, steps=4).forecast(one) == Tiny(batch=4, steps=4).forecast(one)
    assert Trl(batch=4, loss_tokens=300).forecast(one) == Tiny(batch=4, loss_tokens=300).forecast(one)


def test_another_tokenizer_counts_the_words_of_answers_and_their_end(tmp_path: Path) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = Tokenizer(models.WordLevel({"x": 0}, unk_token="x"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    init = tmp_path / "init"
    init.mkdir()
    rows: list[dict[str, Any]] = [
        {"problem_id": "a", "prompt": "How many?", "completion": "one two three"},
        {"problem_id": "b", "prompt": "How many?", "completion": "one two", "wrong_spans": [[0, 3]]},
    ]
    one = task(tmp_path / "task", init, rows=rows)
    assert Trl(epochs=1.0, batch=2).forecast(one) is None  # no tokenizer.json
    words.save(str(init / "tokenizer.json"))
    assert Trl(epochs=1.0, batch=2).forecast(one) == TrainingForecast(1, 4 + 2)
    parts = Trl(steps=3, batch=2, options={"gradient_accumulation_steps": 2})
    assert parts.forecast(one) == TrainingForecast(3, 18)
