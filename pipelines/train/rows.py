"""Rows of an export as tokens: what a loss reads, encoded with the initial model's tokenizer and chat form."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Message, Prompt
from rollmill.pipelines.generate.embedded.model_files import END, render_chat
from rollmill.pipelines.train.roles import TrainingUnits
from rollmill.pipelines.train.teacher import Likely, likely_tokens


@dataclass(frozen=True, slots=True)
class TrainedText:
    """A completion: token ids with the prompt's in front, and the positions that are trained. `side`: 1 or -1.

    `likely`: a teacher's distribution at positions; the others have the text's own token. None: no teacher.
    """

    ids: Sequence[int]
    trained: Sequence[int]
    side: int
    likely: Mapping[int, Likely] | None = None

    def targets(self, place: int) -> Likely:
        """Training target of a position."""
        return ((self.ids[place], 1.0),) if self.likely is None else self.likely.get(place, ((self.ids[place], 1.0),))


@dataclass(frozen=True, slots=True)
class EncodedRow:
    """A row of an export: its texts, its weight, its problem. A row of `prompts` has no text."""

    id: str
    problem: str
    weight: float
    texts: tuple[TrainedText, ...]


@dataclass(frozen=True, slots=True)
class TrainingRows:
    """All rows of a training, and their plain columns for orders."""

    rows: Sequence[EncodedRow]
    columns: Mapping[str, Sequence[Any]]

    def units(self, *, grouped: bool) -> tuple[TrainingUnits, list[list[int]]]:
        """The units of batches, and the rows of each: a row alone, or all rows of a problem."""
        members: dict[Any, list[int]] = {}
        for place, row in enumerate(self.rows):
            members.setdefault(row.problem if grouped else place, []).append(place)
        # An order needs one value for each unit: that of its first row.
        firsts = [places[0] for places in members.values()]
        columns = {name: [values[place] for place in firsts] for name, values in self.columns.items()}
        return TrainingUnits(len(members), columns), list(members.values())


Encoded = tuple[list[int], list[int]]
"""Token ids of a prompt and its answer, and the positions that are trained."""
Encode = Callable[[Prompt, str, Sequence[Sequence[int]]], Encoded]
"""Prompt, answer and its wrong spans to tokens."""


def read_rows(
    path: Path, encode: Encode, context: int, column: str | None = None, known: Mapping[str, int] | None = None
) -> TrainingRows:
    """The rows of a JSON-lines file, encoded. `column`: name of the column of weights. `known`: token ids by text, for a
    loss that matches a teacher.

    SetupError for a file without rows, a text beyond the model's context, an answer of several turns, or a weight that is
    not a number.
    """
    lines = list(_lines(path))
    if not lines:
        raise SetupError(f"{path} has no rows to train on.", next_command="export what was kept, with other options")
    rows = [_row(line, number, encode, context, column) for number, line in enumerate(lines, 1)]
    if known is not None:
        rows = [_taught(row, *numbered, encode, known) for row, numbered in zip(rows, enumerate(lines, 1), strict=True)]
    # Orders sort by these columns, and lists of messages have no order.
    plain = [name for name, value in lines[0].items() if isinstance(value, (str, int, float, bool, type(None)))]
    return TrainingRows(rows, {name: [line.get(name) for line in lines] for name in plain})


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def _row(line: Mapping[str, Any], number: int, encode: Encode, context: int, column: str | None) -> EncodedRow:
    # Rows for SFT have no label; those for KTO do, and a false one marks a rejected text.
    single = (("completion", 1 if line.get("label", True) else -1),) if "completion" in line else ()
    sides = (("chosen", 1), ("rejected", -1)) if "chosen" in line else single
    prompt = prompt_of(line["prompt"])
    wrong = {"completion": line.get("wrong_spans") or []}
    texts = tuple(
        TrainedText(*encode(prompt, answer_of(line[name], number), wrong.get(name, [])), side) for name, side in sides
    )
    longest = max((len(text.ids) for text in texts), default=0)
    if longest > context:
        raise SetupError(
            f"row {number} has {longest:,} tokens, and the initial model's context is {context:,}.",
            next_command="an initial model with a longer context, or a recipe with a lower max_tokens",
        )
    return EncodedRow(str(line.get("id", number)), str(line["problem_id"]), _weight(line, number, column), texts)


def _taught(row: EncodedRow, number: int, line: Mapping[str, Any], encode: Encode, known: Mapping[str, int]) -> EncodedRow:
    """The row with the teacher's distributions; wrong spans stay untrained."""
    text = row.texts[0]
    # Without wrong spans the first trained position is the answer's first token, wherever the spans lie.
    begin = encode(prompt_of(line["prompt"]), answer_of(line["completion"], number), [])[1][0]
    return replace(row, texts=(replace(text, likely=likely_tokens(line, number, text.ids, begin, known)),))


def _weight(line: Mapping[str, Any], number: int, column: str | None) -> float:
    if column is None:
        return 1.0
    value = line.get(column)
    # Python takes True for the number 1, and a flag is no weight.
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        numeric = [name for name, item in line.items() if isinstance(item, (int, float)) and not isinstance(item, bool)]
        raise SetupError(f"row {number}: column {column!r} is {value!r}, and must be a number.", choices=numeric)
    return float(value)


def prompt_of(value: Any) -> Prompt:
    """A row's prompt, text or messages; a last turn of the assistant is the beginning of the answer."""
    if isinstance(value, str):
        return value
    turns = tuple(Message(turn["role"], turn["content"]) for turn in value)
    if turns[-1].role == "assistant":
        return (*turns[:-1], Message("assistant", turns[-1].content, kind="prefix"))
    # A single turn of the user renders as its plain text does, so both forms are one prompt.
    return turns[0].content if len(turns) == 1 and turns[0].role == "user" else turns


def answer_of(value: Any, number: int) -> str:
    """The text of a row's answer; SetupError for several turns."""
    if isinstance(value, str):
        return value
    if len(value) != 1 or value[0]["role"] != "assistant":
        roles = ", ".join(turn["role"] for turn in value)
        raise SetupError(
            f"row {number}: an answer of the turns {roles}; this learner trains on one answer of the assistant.",
            next_command="learner: {method: trl}",
        )
    return str(value[0]["content"])


def encoding(tokenizer: Any) -> Encode:
    """Rollmill's own chat form with a tokenizer of the package tokenizers; a token that overlaps a wrong span is read and
    not trained.
    """

    def encode(prompt: Prompt, answer: str, wrong: Sequence[Sequence[int]]) -> Encoded:
        # Encoded apart: an engine draws the answer behind the prompt's own tokens, so no token may span both.
        asked = tokenizer.encode(render_chat(prompt)).ids
        given = tokenizer.encode(answer + END)
        trained = [
            len(asked) + place
            for place, (first, last) in enumerate(given.offsets)
            if not any(first < end and last > begin for begin, end in wrong)
        ]
        return [*asked, *given.ids], trained

    return encode
