"""Rows and an initial model of tests: sums as lines of an export, and a small Llama with the shipped tokenizer."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rollmill.places import CHECKOUT

SHIPPED = CHECKOUT / "models" / "rollmill-tiny"


def shipped_tokenizer() -> Any:
    from tokenizers import Tokenizer

    return Tokenizer.from_file(str(SHIPPED / "tokenizer.json"))


def written(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def sums(count: int, **more: Any) -> list[dict[str, Any]]:
    """Rows of `prompt_completion`, two for each problem."""
    return [
        {
            "id": f"c{number}",
            "problem_id": f"p{number // 2}",
            "level": number % 3 + 1,
            "prompt": f"What is {number // 2} plus {number % 7}?",
            "completion": f"{number // 2} + {number % 7} = {number // 2 + number % 7}\n#### {number // 2 + number % 7}",
            **more,
        }
        for number in range(count)
    ]


def sum_pairs(count: int) -> list[dict[str, Any]]:
    """Rows of `pairs`."""
    rows = sums(count)
    return [
        {
            **{key: row[key] for key in ("id", "problem_id", "level", "prompt")},
            "chosen": row["completion"],
            "rejected": "0\n#### 0",
        }
        for row in rows
    ]


def small_model(folder: Path, seed: int = 1) -> Path:
    """A model folder of one layer of width 16, in the form of the shipped one."""
    from rollmill.pipelines.train.architecture import initial_parameters
    from rollmill.pipelines.train.export import export_folder
    from rollmill.pipelines.train.training_settings import Shape

    tokenizer = shipped_tokenizer()
    shape = Shape(
        tokenizer.get_vocab_size(), hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2
    )
    weights = {name: value.detach().numpy() for name, value in initial_parameters(shape, seed).items()}
    return export_folder(folder, weights, shape, tokenizer)
