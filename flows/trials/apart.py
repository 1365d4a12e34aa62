"""Rows of a training beside the problems of an evaluation: what a trial may not train on."""

import json
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from rollmill.flows.training.training_data import TrainingRowsFile
from rollmill.pipelines.contamination import Overlaps, Scan
from rollmill.pipelines.contamination.texts import prompt_text

ANSWERS = ("completion", "chosen", "rejected", "messages")  # columns with texts that students see beside the prompt


@dataclass(frozen=True, slots=True)
class RowTexts:
    """Distinct prompts and answers of the rows of a training, as the tables that a scan reads, and their templates."""

    prompts: pa.Table
    answers: pa.Table
    templates: frozenset[str]

    @classmethod
    def of(cls, rows: TrainingRowsFile) -> "RowTexts":
        """The texts of a file of rows, which is read once."""
        prompts: set[str] = set()
        answers: set[str] = set()
        templates: set[str] = set()
        for row in rows.lines():
            if row.get("prompt"):
                prompts.add(json.dumps(_text(row["prompt"])))
            answers.update(_text(row[column]) for column in ANSWERS if row.get(column))
            if row.get("template"):
                templates.add(str(row["template"]))
        blank = [""] * len(prompts)
        return cls(
            pa.table({"id": blank, "prompt_id": blank, "prompt": sorted(prompts), "meta": blank}),
            pa.table({"id": [""] * len(answers), "text": sorted(answers)}),
            frozenset(templates),
        )

    def leaked(self, scan: Scan) -> set[str]:
        """Ids of the scan's problems that the rows have, found as `rollmill contamination` finds them: the same text, an
        edited copy, a copy inside a longer prompt or answer. Problems with other numbers are none.
        """
        overlaps = Overlaps()
        scan.problems([self.prompts], overlaps)
        scan.completions([self.answers], overlaps)
        return overlaps.problems


def _text(value: Any) -> str:
    """A text, or the turns of a conversation without system turns; a turn of tool calls alone has no content."""
    if isinstance(value, str):
        return value
    return prompt_text([{**turn, "content": str(turn.get("content") or "")} for turn in value])
