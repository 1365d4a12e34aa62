"""The commands of recipes/training/other_trainers.yaml: rows are converted, and options exist in the trainers."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from rollmill.flows.training.training_recipe import load_training

ROOT = Path(__file__).resolve().parents[3]
RECIPE = ROOT / "recipes" / "training" / "other_trainers.yaml"
TRAINERS = ROOT / ".venv-trainers"


def script() -> str:
    """The comment of the recipe as a shell script."""
    lines = [line[4:] for line in RECIPE.read_text().splitlines() if line.startswith("#   ")]
    return "\n".join(lines).replace("\\\n", " ")


def commands(program: str) -> list[list[str]]:
    """Words of the commands that start this program."""
    found = [line for line in script().splitlines() if program in line]
    assert found
    return [shlex.split(line) for line in found]


def package(name: str) -> Path:
    """Folder of an installed trainer."""
    folder = next(TRAINERS.glob(f"lib/python3*/site-packages/{name}"), None)
    if folder is None:
        pytest.skip(f"{name}: NOT RUN, {TRAINERS} does not have it (make test-train makes it)")
    return folder


def known(values: Any, key: str) -> bool:
    for part in key.split("."):
        if not isinstance(values, dict) or part not in values:
            return False
        values = values[part]
    return True


def test_the_recipe_names_every_place_of_its_script() -> None:
    command = load_training(RECIPE).learner.build().command
    assert command == "bash trainer.sh {data} {init} {out} {seed}"
    assert set(re.findall(r"\$(\d)", script())) == {"1", "2", "3", "4"}


@pytest.mark.integration
def test_rows_become_conversations(tmp_path: Path) -> None:
    turns = [{"role": "user", "content": "Two?"}], [{"role": "assistant", "content": "2"}]
    (tmp_path / "data.jsonl").write_text(2 * (json.dumps({"prompt": turns[0], "completion": turns[1]}) + "\n"))
    [code] = re.findall(r"python -c '(import sys, pandas\n.*?)' \"\$1\"", script(), re.DOTALL)
    subprocess.run([sys.executable, "-c", code, "data.jsonl"], cwd=tmp_path, check=True)
    lines = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    assert lines == [{"messages": [*turns[0], *turns[1]]}] * 2
    assert (tmp_path / "rows.parquet").read_bytes()[:4] == b"PAR1"


@pytest.mark.train
@pytest.mark.parametrize("module", ["train_sft", "train_ppo_ray"])
def test_options_of_openrlhf_exist(module: str) -> None:
    source = (package("openrlhf") / "cli" / f"{module}.py").read_text()
    for words in commands(f"openrlhf.cli.{module}"):
        options = [word for word in words[words.index(f"openrlhf.cli.{module}") :] if word.startswith("--")]
        assert len(options) > 5
        assert [option for option in options if f'"{option}"' not in source] == []


@pytest.mark.train
@pytest.mark.parametrize(
    ("module", "files"),
    [
        ("sft_trainer", {"": "sft_trainer_engine.yaml", "model": "model/hf_model.yaml"}),
        ("main_ppo", {"": "_generated_ppo_trainer.yaml"}),
    ],
)
def test_keys_of_verl_exist(module: str, files: dict[str, str]) -> None:
    folder = package("verl") / "trainer"
    assert (folder / f"{module}.py").is_file()
    values: dict[str, Any] = {}
    for place, name in files.items():
        read = yaml.safe_load((folder / "config" / name).read_text())
        values |= {place: read} if place else read
    for words in commands(f"verl.trainer.{module}"):
        keys = [word.partition("=")[0] for word in words if "=" in word]
        assert len(keys) > 4
        assert [key for key in keys if not known(values, key)] == []
    merger = (package("verl") / "model_merger" / "base_model_merger.py").read_text()
    for words in commands("verl.model_merger"):
        assert [word for word in words if word.startswith("--") and f'"{word}"' not in merger] == []
