"""`rollmill train`: what it would do, what it refuses, and a training in two parts."""

import importlib.util
import json
from pathlib import Path

import pytest

from rollmill.flows.cli import run
from rollmill.flows.cli.make.train import _Watch
from rollmill.pipelines.train.trainer import StepReport


def test_dry_run_says_the_settings_and_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["train", "--out", str(tmp_path / "mine"), "--steps", "7", "--seed", "3", "--dry-run"]) == 0
    row = json.loads(capsys.readouterr().out)
    assert (row["settings"]["steps"], row["settings"]["seed"], row["measure"]) == (7, 3, 200)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_holds_a_model_is_not_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "model.onnx").write_bytes(b"")
    assert run(["train", "--out", str(tmp_path)]) == 2
    assert capsys.readouterr().err == f"rollmill: {tmp_path} already holds a model. Next: give another folder with --out\n"


def test_a_training_that_has_begun_is_not_begun_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    begun = tmp_path / ".mine.training"
    begun.mkdir()
    (begun / "checkpoint.pt").write_bytes(b"")
    assert run(["train", "--out", str(tmp_path / "mine")]) == 2
    assert "--resume, or another --out" in capsys.readouterr().err


def test_without_torch_the_extra_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name in {"torch", "onnx"} else find_spec(name, *rest)
    )
    assert run(["train", "--out", str(tmp_path / "mine")]) == 2
    assert capsys.readouterr().err == "rollmill: training needs torch and onnx. Next: pip install -e '.[train]'\n"


def test_a_log_gets_one_line_a_checkpoint_with_rate_and_time_left(capsys: pytest.CaptureFixture[str]) -> None:
    watch = _Watch(100, rewrite=False)
    for step in range(1, 11):
        watch(StepReport(step, 2.0, 64, 1.0 * step, 1.0 * step, saved=step == 10))
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("step 10/100  loss 2.0000  ")
    assert line.endswith(" min left")


def test_a_terminal_gets_a_line_that_rewrites_itself(capsys: pytest.CaptureFixture[str]) -> None:
    watch = _Watch(100, rewrite=True)
    watch(StepReport(1, 2.0, 64, 1.0, 1.0, saved=False))
    watch.close()
    text = capsys.readouterr().err
    assert text.startswith("\r\x1b[Kstep 1/100  loss 2.0000")
    assert text.endswith("\n")


@pytest.mark.train
def test_a_training_in_two_parts_leaves_a_model_and_the_next_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "mine"
    common = ["train", "--out", str(out), "--steps", "2", "--threads", "1", "--measure", "0"]
    assert run([*common, "--minutes", "0"]) == 0
    streams = capsys.readouterr()
    assert streams.err == "Stopped at step 0 of 2.\n"
    assert streams.out == f"Next: rollmill train --out {out} --steps 2 --threads 1 --resume\n"
    assert run([*common, "--resume"]) == 0
    assert capsys.readouterr().out.startswith(f"Model in {out}.\n")
    assert json.loads((out / "training.json").read_text())["steps_done"] == 2
