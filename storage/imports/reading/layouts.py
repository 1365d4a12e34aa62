"""The layout of a published benchmark's file: which of its documented columns make which field of a problem.

A definition (recipes/benchmarks) states it; an import that names the definition reads the file by it instead of guessing
from column names. A place is a column, or several of which a file has one (`problem|question`). What a file must have and
has not is one error that names the column.
"""

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from rollmill.ground.errors import SetupError
from rollmill.ground.ids import canonical_json, digest128
from rollmill.storage.imports.reading import cells
from rollmill.storage.imports.reading.answers import boxed_in, marked_in
from rollmill.storage.imports.reading.cells import CellError, parsed_cell

LETTERS = "ABCDEFGHIJ"
_HOLE = re.compile(r"\{([^{}]+)\}")
Values = Mapping[str, Any]
AnswerIn = Literal["whole", "hash", "boxed"]


@dataclass(frozen=True, slots=True)
class ChoiceColumns:
    """The options of a multiple-choice problem: one column with a list of them (`texts` of one name), or one column each.

    `correct`: the column with the right option's place from 0 or its letter; None: the first of `texts` is right (GPQA).
    `order_seed`: the options are put in an order that this seed and the problem decide; None: they stay as published.
    """

    texts: tuple[str, ...]
    correct: str | None = None
    order_seed: int | None = None
    line: str = "{letter}) {text}"


@dataclass(frozen=True, slots=True)
class Splits:
    """Splits by a number in a column: MBPP's task ids 11 to 510 are its test split."""

    column: str
    ranges: Mapping[str, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Layout:
    """Columns of one published file. `name`: name of its definition. `fields`: column of each problem field. `prompt`: text
    with `{column}` where cells go; a list is written with one item per line. `tests`: a column of tests, or the columns of
    one test as JSON. `kept`: columns that the checker reads from the problem's meta. `sha256`: valid digests of the file.
    """

    name: str
    prompt: str
    fields: Mapping[str, str] = field(default_factory=dict)
    answer_in: AnswerIn = "whole"
    choices: ChoiceColumns | None = None
    tests: str | Mapping[str, str] | None = None
    splits: Splits | None = None
    kept: tuple[str, ...] = ()
    sha256: tuple[str, ...] = ()

    def required(self) -> Iterator[str]:
        """Every required place of a file."""
        yield from dict.fromkeys(_HOLE.findall(self.prompt))
        yield from (place for name, place in self.fields.items() if name in _NEEDED)
        yield from self._of_choices()
        yield from [self.tests] if isinstance(self.tests, str) else (self.tests or {}).values()
        yield from [self.splits.column] if self.splits is not None else []
        yield from self.kept

    def places(self) -> dict[str, str]:
        """Source of each field, for a person."""
        tests = self.tests if isinstance(self.tests, str) else ", ".join((self.tests or {}).values())
        options = {"reference": " / ".join(self._of_choices())} if self.choices is not None else {}
        return {"prompt": self.prompt, **self.fields, **options, **({"tests": tests} if tests else {})}

    def check(self, present: Collection[str], path: Path) -> None:
        """SetupError that names the first missing column."""
        missing = next((place for place in self.required() if _column(present, place) is None), None)
        if missing is not None:
            raise SetupError(
                f"{path} is no {self.name} file: it has no column {missing.replace('|', ' or ')!r}. "
                f"Columns found: {', '.join(present)}.",
                next_command=f"rollmill benchmark show {self.name}",
            )

    def check_digest(self, path: Path) -> str:
        """The SHA-256 of the file; SetupError if the definition names others."""
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if self.sha256 and digest not in self.sha256:
            raise SetupError(
                f"{path} is not a file that {self.name} names: its SHA-256 is {digest}.",
                choices=self.sha256,
                next_command=f"rollmill benchmark show {self.name}",
            )
        return digest

    def rewrite(self, row: Values) -> dict[str, Any]:
        """A row of the file under the names of our fields, with the unused columns; CellError if a cell does not match the
        form.
        """
        used = {_column(tuple(row), place) for place in (*self.required(), *self.fields.values())}
        # A column that is called like one of our fields, and that no place names, must not be taken for that field.
        rest = {name: value for name, value in row.items() if name not in used and name not in _OURS}
        new = {name: _cell(row, place) for name, place in self.fields.items()}
        # A function: in a replacement text the backslashes of a cell would be read as references to groups.
        new["prompt"] = _HOLE.sub(lambda hole: _text(_cell(row, hole[1]), hole[1]), self.prompt)
        # After `rest`, from which they are missing because the layout names them.
        for place in self.kept:
            rest[place] = _cell(row, place)
        if self.answer_in != "whole":
            new["solution"], new["reference"] = _answer(_text(new["reference"], "reference"), self.answer_in)
        if self.choices is not None:
            new |= multiple_choice(self.choices, row, new["prompt"])
        if self.tests is not None:
            new["tests"] = _tests(self.tests, row)
        if self.splits is not None:
            new["split"] = _split(self.splits, row)
        return {**rest, **new}

    def _of_choices(self) -> tuple[str, ...]:
        if self.choices is None:
            return ()
        return (*self.choices.texts, *([] if self.choices.correct is None else [self.choices.correct]))


_NEEDED = ("reference",)  # the other fields may be missing: a licence, a level
_OURS = ("prompt", "reference", "tests", "options")


def _column(present: Collection[str], place: str) -> str | None:
    """The column of a field: the first of its names that the file has, in any case."""
    # Reversed: of columns that differ in case or blanks only, the first one wins.
    lower = {name.lower().strip(): name for name in reversed(tuple(present))}
    named = (name if name in present else lower.get(name.lower().strip()) for name in place.split("|"))
    return next((name for name in named if name is not None), None)


def _cell(row: Values, place: str) -> Any:
    column = _column(tuple(row), place)
    return None if column is None else row[column]


def _text(value: Any, place: str) -> str:
    """A cell as text, a list one item a line."""
    value = parsed_cell(value) if isinstance(value, str) and value.lstrip()[:1] == "[" else value
    text = "\n".join(cells.json_text(item) or "" for item in value) if isinstance(value, list) else cells.text(value)
    if text is None or not text.strip():
        raise CellError(f"{place!r} is empty")
    return text


def _answer(solution: str, answer_in: AnswerIn) -> tuple[str, str]:
    """(the solution, the answer in it)."""
    answer = marked_in(solution) if answer_in == "hash" else boxed_in(solution)
    if answer is None or not answer.strip():
        raise CellError(f"the solution ends without {'a line #### ANSWER' if answer_in == 'hash' else 'a boxed answer'}")
    return solution, answer


def multiple_choice(choices: ChoiceColumns, row: Values, question: str) -> dict[str, Any]:
    """The question with its options below it, the right letter, and the options by letter."""
    texts, right = _options(choices, row)
    order = list(range(len(texts)))
    if choices.order_seed is not None:
        # By hash, not by row: a file with more rows, or in another order, keeps every letter.
        order.sort(key=lambda place: digest128(["options", choices.order_seed, question, place, texts[place]]))
    options = {letter: texts[place] for letter, place in zip(LETTERS, order, strict=False)}
    # Not str.format, and the text last: an option may hold braces.
    lines = [choices.line.replace("{letter}", letter).replace("{text}", text) for letter, text in options.items()]
    return {
        "prompt": "\n".join([question.strip(), "", *lines]),
        "reference": LETTERS[order.index(right)],
        "options": options,
    }


def _options(choices: ChoiceColumns, row: Values) -> tuple[list[str], int]:
    """(the options as published, the place of the right one)."""
    if len(choices.texts) == 1:
        listed = parsed_cell(_cell(row, choices.texts[0]))
        if not isinstance(listed, list):
            raise CellError(f"{choices.texts[0]!r} is not a list of options")
    else:
        listed = [_cell(row, place) for place in choices.texts]
    texts = [_text(item, "an option").strip() for item in listed]
    if not 2 <= len(texts) <= len(LETTERS):
        raise CellError(f"{len(texts)} options, and a problem has 2 to {len(LETTERS)}")
    return texts, 0 if choices.correct is None else _place(_cell(row, choices.correct), len(texts))


def _place(value: Any, options: int) -> int:
    """The place that a cell names: a whole number from 0, or a letter."""
    text = (cells.text(value) or "").strip()
    place = LETTERS.find(text.upper()) if len(text) == 1 and text.isalpha() else int(text) if text.isdecimal() else -1
    if not 0 <= place < options:
        raise CellError(f"the right option is given as {text!r}, which is none of {options} (from 0, or a letter)")
    return place


def _tests(tests: str | Mapping[str, str], row: Values) -> Any:
    """One column of tests unchanged; several columns as one test, independent of the file's format."""
    if isinstance(tests, str):
        return _cell(row, tests)
    return [canonical_json({key: _plain(parsed_cell(_cell(row, place))) for key, place in tests.items()})]


def _plain(value: Any) -> Any:
    """Values without empty keys, and whole numbers as integers: a Parquet file fills in every key and makes 3 a 3.0."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else cells.plain(value)


def _split(splits: Splits, row: Values) -> str:
    number = cells.whole(_cell(row, splits.column))
    name = next((name for name, (low, high) in splits.ranges.items() if number is not None and low <= number <= high), None)
    if name is None:
        ranges = ", ".join(f"{name} {low} to {high}" for name, (low, high) in splits.ranges.items())
        raise CellError(f"{splits.column} {number} is in no split ({ranges})")
    return name
