"""Mapping of columns to fields: known names, a person's own mapping, constants. Reads no rows.

The aliases are the column names of published sets; the first one present wins, whatever its case and the signs between
its words (`Correct Answer`, `expectedOutput`).
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rollmill.ground.errors import SetupError, unknown_name
from rollmill.storage.imports.reading.cells import CellError, level, root

Aliases = Mapping[str, tuple[str, ...]]
_SHOWN = 5
_BETWEEN = re.compile(r"[\s_-]+")
_ONE_ONLY = ("text", "reference")  # fields of which a second column would be another answer
_NO_RIVALS = frozenset({"canonical_solution", "solution", "message"})  # a worked answer; a message may be about the row

PROBLEM_ALIASES: Aliases = {
    "prompt": ("prompt", "question", "problem", "instruction", "input", "query", "messages", "conversations", "text"),
    "reference": (
        "reference",
        "reference_answer",
        "gold",
        "gold_answer",
        "ground_truth",
        "expected_answer",
        "correct_answer",
        "final_answer",
        "answer",
        "target",
        "ideal",
        "expected",
        "expected_output",
        "answer_key",
        "canonical_solution",
        "solution",
    ),
    "external_id": ("id", "problem_id", "task_id", "unique_id", "question_id", "uid", "external_id", "index"),
    "kind": ("kind", "task_type"),
    "tests": ("tests", "test", "test_list", "unit_tests", "input_output"),
    "source": ("source", "dataset", "data_source"),
    "licence": ("licence", "license"),
    "split": ("split",),
    "level": ("level", "difficulty"),
    "skill": ("skill", "subject", "type", "category", "topic"),
    "template": ("template", "template_id"),
}
ROLLOUT_ALIASES: Aliases = {
    "problem_id": ("problem_id", "task_id", "question_id", "unique_id"),
    "text": (
        "text",
        "completion",
        "response",
        "output",
        "generation",
        "generated_text",
        "generated_solution",
        "prediction",
        "model_output",
        "model_response",
        "llm_response",
        "responses",
        "completions",
        "generations",
        "samples",
        "message",
    ),
    "messages": ("messages", "conversation", "conversations", "turns", "trajectory"),
    "model": ("model", "model_name", "model_id", "generator", "generation_model", "generation_models", "engine"),
    "sample_index": ("sample_index", "sample_id", "sample", "attempt", "rollout_index"),
    "is_correct": ("is_correct", "correct", "passed"),
    "external_id": ("id", "rollout_id", "completion_id", "uid"),
    "finish_reason": ("finish_reason", "finish_reasons", "stop_reason", "done_reason"),
    "tokens_in": ("tokens_in", "prompt_tokens", "input_tokens", "prompt_eval_count"),
    "tokens_out": ("tokens_out", "completion_tokens", "output_tokens", "eval_count"),
    "logprob_sum": ("logprob_sum", "cumulative_logprob"),
    "reasoning": ("reasoning", "reasoning_content", "thinking"),
}
# In a rollouts file these names belong to the rollout or are too vague to be its problem.
EMBEDDED_ALIASES: Aliases = {
    "prompt": ("prompt", "question", "problem", "instruction"),
    **{
        name: tuple(alias for alias in aliases if alias not in {"id", "index", "uid", "text", "messages", "target"})
        for name, aliases in PROBLEM_ALIASES.items()
        if name not in {"prompt", "external_id"}
    },
}
OF_PROBLEMS = frozenset(alias for aliases in PROBLEM_ALIASES.values() for alias in aliases)
INSIDE = ("text", "content", "response", "generation", "completion", "output")
"""Names of the text in an answer that is an object."""


@dataclass(frozen=True, slots=True)
class Columns:
    """The mapping of one file: field to column, field to constant. `present`: all its columns; `format`: whose form;
    `exact`: a reference is the whole text of the answer; `places`: what a layout names instead of single columns; `rivals`:
    by field the other columns that could feed it, unless a person chose one.
    """

    fields: Mapping[str, str]
    constants: Mapping[str, str]
    present: tuple[str, ...]
    format: str = ""
    exact: bool = False
    places: Mapping[str, str] = field(default_factory=dict)
    rivals: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def has(self, name: str) -> bool:
        """True for a field with a column or a constant."""
        return name in self.fields or name in self.constants

    def get(self, values: Mapping[str, Any], name: str) -> Any:
        """The field's cell in a row; the constant where the column is missing or empty."""
        column = self.fields.get(name)
        value = None if column is None else values.get(column)
        return self.constants.get(name) if value is None else value

    def require_alone(self, values: Mapping[str, Any], name: str) -> None:
        """CellError if another column of the row could feed the field as well, with another value."""
        column = self.fields.get(name, "")
        own = _spoken(values.get(column))
        for rival in self.rivals.get(name, ()):
            other = _spoken(values.get(rival))
            # An answer at the end of a worked one is the same.
            if other and not (own.endswith(other) or other.endswith(own) if own else False):
                raise CellError(f"{column} and {rival} could both be the {name}, and differ: say --map {name}=COLUMN")

    def rest(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The row's columns that feed no field, without empty cells."""
        used = set(self.fields.values())
        return {name: value for name, value in values.items() if name not in used and value is not None}

    def shown(self) -> dict[str, str]:
        """The mapping as a person reads it."""
        return {**self.fields, **self.places, **{name: f"= {value!r}" for name, value in self.constants.items()}}


def _spoken(value: Any) -> str:
    return "" if value is None else str(value).strip()


def resolve(
    present: tuple[str, ...], aliases: Aliases, *, maps: Mapping[str, str], constants: Mapping[str, str], path: Path
) -> Columns:
    """Map fields to columns: the person's mapping first, then known names; a column feeds one field only."""
    for name in (*maps, *constants):
        if name not in aliases:
            raise unknown_name("field to map", name, aliases)
    for name, given in maps.items():
        # A place inside a cell, such as choices[0].text, is known by its column.
        if given not in present and not (given != root(given) and root(given) in present):
            raise unknown_name(f"column of {path.name} for {name}:", given, present)
    _check_given(maps, constants)
    fields = dict(maps)
    # A column that a person gave to one field is no guess for another.
    taken = set(maps.values())
    # Whoever says where the answer is has said that it is nowhere else.
    elsewhere = {"text": "messages", "messages": "text"}
    decided = {elsewhere[name] for name in maps if name in elsewhere and elsewhere[name] not in maps}
    # Reversed: of columns that differ in case only, the first one wins, and before those that differ in more.
    squeezed = {_squeezed(column): column for column in reversed(present)}
    exact = {column.lower(): column for column in reversed(present)}
    lower = {
        alias: exact.get(alias) or squeezed[_squeezed(alias)]
        for known in aliases.values()
        for alias in known
        if _squeezed(alias) in squeezed
    }
    for name, known in aliases.items():
        if name in fields or name in constants or name in decided:
            continue
        free = (lower[alias] for alias in known if alias in lower and lower[alias] not in taken)
        column = next(free, None)
        if column is not None:
            fields[name] = column
            taken.add(column)
    rivals = {
        name: tuple(lower[alias] for alias in aliases[name] if lower.get(alias, "") not in {"", *taken})
        for name in _ONE_ONLY
        if name in fields and name not in maps
    }
    rivals = {
        name: tuple(column for column in others if column.lower() not in _NO_RIVALS) for name, others in rivals.items()
    }
    return Columns(fields, dict(constants), present, rivals={name: others for name, others in rivals.items() if others})


def _squeezed(column: str) -> str:
    return _BETWEEN.sub("", column.lower())


def _check_given(maps: Mapping[str, str], constants: Mapping[str, str]) -> None:
    """Refuse mappings that are wrong for any rows: one text as question and answer, an invalid level."""
    apart = [maps[name] for name in ("prompt", "reference", "text") if name in maps]
    if len(set(apart)) < len(apart):
        twice = next(path for path in apart if apart.count(path) > 1)
        raise SetupError(f"--map gives {twice!r} to two of prompt, reference and text; each needs a separate column.")
    if "level" in constants and level(constants["level"]) is None:
        raise SetupError(f"--set level={constants['level']!r} is not a level.", next_command="--set level=3")


def require(columns: Columns, names: tuple[str, ...], aliases: Aliases, *, path: Path, verb: str) -> None:
    """Raise a SetupError that names every missing field, the columns found and how to map one."""
    missing = [name for name in names if not columns.has(name)]
    if not missing:
        return
    known = "; ".join(f"{name}: {', '.join(aliases[name])}" for name in missing)
    # Any suffix, as the last one may be .gz.
    header = " (the first line must name the columns)" if {".csv", ".tsv"} & set(path.suffixes) else ""
    columns_text = f"Columns found: {', '.join(columns.present)}{header}."
    raise SetupError(
        f"{path} has no column for {', '.join(missing)}. {columns_text} Known names: {known}.",
        next_command=f"rollmill import {verb} {path} --name NAME --map {missing[0]}=COLUMN",
    )


def listed(items: Iterable[str]) -> str:
    """The first few items, and how many more there are."""
    every = list(items)
    more = f" and {len(every) - _SHOWN} more" if len(every) > _SHOWN else ""
    return ", ".join(every[:_SHOWN]) + more
