"""Rows of a training beside the problems of an evaluation: what a trial may not train on."""

import json
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from rollmill.flows.training.training_data import TrainingRowsFile
from rollmill.ground.records import Problem
from rollmill.pipelines.contamination import Overlaps, Scan
from rollmill.pipelines.contamination.texts import prompt_text

ANSWERS = ("completion", "chosen", "rejected", "messages")  # columns with texts that students see beside the prompt


def leaked_problems(rows: TrainingRowsFile, problems: Sequence[Problem]) -> set[str]:
    """Ids of the problems that the rows have, found as `rollmill contamination` finds them: the same text, an edited copy,
    a copy inside a longer prompt or answer. Problems with other numbers are none.
    """
    scan, overlaps = Scan(problems), Overlaps()
    prompts = sorted({json.dumps(_text(prompt)) for prompt in rows.values("prompt") if prompt})
    blank = [""] * len(prompts)
    scan.problems([pa.table({"id": blank, "prompt_id": blank, "prompt": prompts, "meta": blank})], overlaps)
    answers = sorted({_text(answer) for column in ANSWERS for answer in rows.values(column) if answer})
    scan.completions([pa.table({"id": [""] * len(answers), "text": answers})], overlaps)
    return overlaps.problems


def templates_of(rows: TrainingRowsFile) -> set[str]:
    """Templates of the rows of a training."""
    return {str(template) for template in rows.values("template") if template}


def _text(value: Any) -> str:
    """A text, or the turns of a conversation without system turns; a turn of tool calls alone has no content."""
    if isinstance(value, str):
        return value
    return prompt_text([{**turn, "content": str(turn.get("content") or "")} for turn in value])
