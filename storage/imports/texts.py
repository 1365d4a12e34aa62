"""Prompts of a file's rows, and their other texts. Stores nothing.

Files of prompts only, for evaluation sets. All texts of training data are for comparisons with a benchmark: an answer in
any column leaks a problem, so no column is left out.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rollmill.ground.records import Problem
from rollmill.storage.imports.problem_rows import ProblemRows
from rollmill.storage.imports.reading.cells import Sanitiser
from rollmill.storage.imports.reading.columns import PROBLEM_ALIASES, Columns, require
from rollmill.storage.imports.reading.turns import asked_and_answered, is_conversation, messages, opened_conversation
from rollmill.storage.imports.scan import clean_rows, detect
from rollmill.storage.imports.spec import ImportSpec


def read_prompts(path: Path, maps: Mapping[str, str]) -> list[Problem]:
    """The distinct prompts of a file as problems without an answer; SetupError if no column asks anything."""
    spec, columns = _asking(path, "evaluation", maps)
    rows = ProblemRows(path, columns, source=spec.producer)
    problems = (rows.problem(row) for row in clean_rows(spec, Sanitiser()))
    return list({problem.prompt_id: problem for problem in problems}.values())


def read_texts(path: Path, maps: Mapping[str, str]) -> Iterator[tuple[Problem, str]]:
    """Each row's problem, without a reference, and its other texts joined; SetupError if no column asks anything."""
    spec, columns = _asking(path, "training", maps)
    rows, asking = ProblemRows(path, columns, source=spec.producer), columns.fields["prompt"]
    for row in clean_rows(spec, Sanitiser()):
        others = [text for name, value in row.values.items() if name != asking for text in _texts(value)]
        turns = opened_conversation(row.values.get(asking))
        if is_conversation(turns):
            _, answered = asked_and_answered(messages(turns) or ())
            others += [turn.content for turn in answered]
        yield rows.problem(row), "\n\n".join(others)


def _asking(path: Path, name: str, maps: Mapping[str, str]) -> tuple[ImportSpec, Columns]:
    """A file of which only the prompt's column must be known."""
    # Rows without a reference would be refused: all get an unused one.
    aliases = {"prompt": PROBLEM_ALIASES["prompt"], "reference": ()}
    spec = ImportSpec(path, name, maps, {"reference": "-"})
    columns = detect(spec, aliases)
    require(columns, ("prompt",), aliases, path=path, verb="problems")
    return spec, columns


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inside in value.values():
            yield from _texts(inside)
    elif isinstance(value, (list, tuple)):
        for inside in value:
            yield from _texts(inside)
