"""The real vLLM's adapters, reasoning parsers and processes, each on a small variant of the shipped model."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from rollmill.ground.errors import SetupError
from rollmill.pipelines.train.export import to_safetensors
from tests.pipelines.generate.vllm.test_child import ROOT, gone
from tests.pipelines.generate.vllm.test_real import PROBLEMS, SHIPPED, drawn, real

pytestmark = [pytest.mark.vllm, pytest.mark.long]

HOST = """
import sys
from pathlib import Path
from tests.pipelines.generate.vllm.test_real import *
engine = real(Path(sys.argv[1]))
while True:
    drawn(engine, PROBLEMS, 64)
    print("drawn", flush=True)
"""


def adapter(folder: Path, rank: int = 4) -> Path:
    """A LoRA adapter with random weights, as PEFT writes one."""
    folder.mkdir()
    config = {"peft_type": "LORA", "task_type": "CAUSAL_LM", "r": rank, "lora_alpha": 16, "bias": "none"}
    (folder / "adapter_config.json").write_text(json.dumps({**config, "target_modules": ["q_proj", "v_proj"]}))
    random = np.random.default_rng(3)
    weights = {}
    for layer in range(4):
        for part in ("q_proj", "v_proj"):
            name = f"base_model.model.model.layers.{layer}.self_attn.{part}.lora_"
            weights[f"{name}A.weight"] = random.normal(size=(rank, 128)).astype(np.float32)
            weights[f"{name}B.weight"] = random.normal(size=(128, rank)).astype(np.float32)
    (folder / "adapter_model.safetensors").write_bytes(to_safetensors(weights))
    return folder


def test_an_adapter_changes_texts_and_ids(tmp_path: Path) -> None:
    plain, tuned = real(tmp_path), real(tmp_path, lora=str(adapter(tmp_path / "adapter")))
    assert plain.model_digest != tuned.model_digest
    answers = drawn(tuned, PROBLEMS, 1, temperature=0.0)
    tuned.close()
    from rollmill.pipelines.generate.embedded.engine import Embedded

    ours = drawn(Embedded(SHIPPED), PROBLEMS, 1, temperature=0.0)
    assert sum(answers[key].text != ours[key].text for key in ours) >= 20  # of 24: random weights ruin the arithmetic
    assert not {answer.id for answer in answers.values()} & {answer.id for answer in ours.values()}


def thinking(folder: Path) -> Path:
    """The shipped model with its marker of the final answer spelled </think>: it reasons, then answers."""
    shutil.copytree(SHIPPED, folder, ignore=shutil.ignore_patterns("*.onnx"))
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    vocabulary = tokenizer["model"]["vocab"]
    marker = vocabulary.pop("####Ġ")
    vocabulary["</think>"] = marker
    tokenizer["model"]["merges"] = [pair for pair in tokenizer["model"]["merges"] if "".join(pair) != "####Ġ"]
    shape = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": False}
    tokenizer["added_tokens"][1]["content"] = "<think>"
    vocabulary["<think>"] = vocabulary.pop("<|system|>")
    tokenizer["added_tokens"].append({"id": marker, "content": "</think>", **shape})
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    config = json.loads((folder / "tokenizer_config.json").read_text())
    config["additional_special_tokens"] = ["<think>", "<|user|>", "<|assistant|>"]
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return folder


def test_a_reasoning_part_is_given_apart(tmp_path: Path) -> None:
    engine = real(tmp_path, str(thinking(tmp_path / "thinker")), reasoning_parser="deepseek_r1")
    answers = drawn(engine, PROBLEMS[:8], 1, temperature=0.0)
    engine.close()
    from rollmill.pipelines.generate.embedded.engine import Embedded

    ours = drawn(Embedded(SHIPPED), PROBLEMS[:8], 1, temperature=0.0)
    for key, answer in answers.items():
        reasoning, answered = ours[key].text.split("#### ")
        assert (answer.reasoning, answer.text) == (reasoning, answered)
        assert answer.token_ids == ours[key].token_ids


def test_an_unknown_reasoning_parser_is_named(tmp_path: Path) -> None:
    engine = real(tmp_path, reasoning_parser="no_such_parser")
    with pytest.raises(SetupError, match="no_such_parser"):
        drawn(engine, PROBLEMS[:1], 1)
    engine.close()


def tree(pid: int) -> list[int]:
    """All descendants of a process."""
    found = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, path.read_text().split()):
            found += [child, *tree(child)]
    return found


def test_a_killed_host_leaves_no_process_of_vllms(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", HOST, str(tmp_path)]
    host = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, env=environment)
    assert host.stdout is not None
    assert host.stdout.readline() == b"drawn\n"
    pids = tree(host.pid)
    assert len(pids) >= 3  # the guard, vLLM, its engine core, and whatever that has
    host.send_signal(signal.SIGKILL)
    host.wait()
    host.stdout.close()
    assert all(map(gone, pids))


def test_a_killed_engine_core_is_told_and_the_next_call_starts_anew(tmp_path: Path) -> None:
    engine = real(tmp_path)
    assert len(drawn(engine, PROBLEMS[:2], 1)) == 2
    cores = [pid for pid in tree(os.getpid()) if "EngineCore" in Path(f"/proc/{pid}/comm").read_text() + _title(pid)]
    assert cores
    os.kill(cores[0], signal.SIGKILL)
    with pytest.raises(SetupError) as told:
        drawn(engine, PROBLEMS, 8)
    assert str(tmp_path / "vllm.log") in told.value.message
    assert len(drawn(engine, PROBLEMS[:2], 1)) == 2
    pids = tree(os.getpid())
    engine.close()
    assert all(map(gone, pids))


def _title(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text()
