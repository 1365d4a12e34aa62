"""Every text of a file of training data: what each row asks, and everything else that it says. Stores nothing.

For comparisons with a benchmark: an answer leaks a problem from whatever column it stands in, so none is left out.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from storage.imports.cells import Sanitiser
from storage.imports.columns import PROBLEM_ALIASES, require
from storage.imports.problem_rows import ProblemRows, opened_conversation
from storage.imports.scan import clean_rows, detect
from storage.imports.spec import ImportSpec
from storage.imports.turns import asked_and_answered, is_conversation, messages
from storage.records import Problem


def read_texts(path: Path, maps: Mapping[str, str]) -> Iterator[tuple[Problem, str]]:
    """Each row's problem, without a reference, and its other texts joined; SetupError where no column asks anything."""
    aliases = {"prompt": PROBLEM_ALIASES["prompt"], "reference": ()}
    spec = ImportSpec(path, "training", maps, {"reference": "-"})
    columns = detect(spec, aliases)
    require(columns, ("prompt",), aliases, path=path, verb="problems")
    rows, asking = ProblemRows(path, columns, source=spec.producer), columns.fields["prompt"]
    for row in clean_rows(spec, Sanitiser()):
        others = [text for name, value in row.values.items() if name != asking for text in _texts(value)]
        turns = opened_conversation(row.values.get(asking))
        if is_conversation(turns):
            _, answered = asked_and_answered(messages(turns) or ())
            others += [turn.content for turn in answered]
        yield rows.problem(row), "\n\n".join(others)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inside in value.values():
            yield from _texts(inside)
    elif isinstance(value, (list, tuple)):
        for inside in value:
            yield from _texts(inside)
