"""Rows of a training that have problems of an evaluation, whatever stands around these."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from rollmill.flows.training.training_data import TrainingRowsFile
from rollmill.flows.trials.apart import RowTexts
from rollmill.pipelines.contamination import Scan
from rollmill.pipelines.synthesize.templates import Templates

PROBLEMS = list(Templates(split="heldout", levels=(3, 4, 5)).synthesize(30, 5))
OTHERS = list(Templates(split="heldout", levels=(3, 4, 5)).synthesize(30, 6))


def rows(folder: Path, *lines: dict[str, Any]) -> TrainingRowsFile:
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return TrainingRowsFile(path, "", len(lines), [], {})


COPIES: Mapping[str, Callable[[str], dict[str, Any]]] = {
    "as they are": lambda text: {"prompt": text, "completion": "1"},
    "behind a request": lambda text: {"prompt": f"Solve this: {text}", "completion": "1"},
    "in turns behind a system prompt": lambda text: {
        "prompt": [{"role": "system", "content": "Think."}, {"role": "user", "content": f"{text} Reason step by step."}],
        "chosen": [{"role": "assistant", "content": None, "tool_calls": []}],
    },
    "in an answer": lambda text: {"prompt": "Invent a problem.", "completion": f"Here is one. {text} Its answer is 1."},
    "in capitals": lambda text: {"prompt": text.upper(), "completion": "1"},
}


@pytest.mark.parametrize("place", sorted(COPIES))
def test_every_copy_is_found(tmp_path: Path, place: str) -> None:
    leaking = rows(tmp_path, *(COPIES[place](str(problem.prompt)) for problem in PROBLEMS))
    assert RowTexts.of(leaking).leaked(Scan(PROBLEMS)) == {problem.id for problem in PROBLEMS}


def test_instances_with_other_numbers_are_none(tmp_path: Path) -> None:
    asked = {str(problem.prompt) for problem in PROBLEMS}
    apart = [problem for problem in OTHERS if problem.prompt not in asked]
    clean = rows(tmp_path, *({"prompt": str(problem.prompt), "completion": "1"} for problem in apart))
    assert RowTexts.of(clean).leaked(Scan(PROBLEMS)) == set()
