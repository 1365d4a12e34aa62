"""Rows for verifiers of choices, of form and of models, from the tables. Runs nothing."""

import json
from collections.abc import Iterator

from pipelines.certify.rows import Expected, Row, Section
from pipelines.certify.tables import choices, instructions, plain_texts
from pipelines.certify.text_rows import bare_hostile

_TABLES: tuple[tuple[Section, Expected], ...] = (("equivalence", "correct"), ("non_equivalence", "wrong"))


def choice_rows() -> Iterator[Row]:
    """Letters and texts of options, and all hostile texts beside a plain problem."""
    for (section, expected), table in zip(_TABLES, (choices.RIGHT, choices.WRONG), strict=True):
        for name, cases in table.items():
            for prompt, letter, text in cases:
                yield Row(section, name, letter, text, expected, prompt, "choice")
    for prompt, letter, text in choices.UNCLEAR:
        yield Row("policy", "spelling", letter, text, "any", prompt, "choice")
    yield from bare_hostile("B", choices.PLANETS, "choice")


def choice_probes() -> tuple[Row, Row]:
    """The right letter and another."""
    right = Row("equivalence", "probe", "B", "\\boxed{B}", "correct", choices.PLANETS, "choice")
    wrong = Row("non_equivalence", "probe", "B", "\\boxed{A}", "wrong", choices.PLANETS, "choice")
    return right, wrong


def exact_rows() -> Iterator[Row]:
    """Equal and different texts, case and spaces as policy, and all hostile texts."""
    tables = (plain_texts.EXACT_SAME, plain_texts.EXACT_DIFFERENT)
    for (section, expected), table in zip(_TABLES, tables, strict=True):
        yield from (Row(section, "text", reference, text, expected) for reference, text in table)
    yield from (Row("policy", "spelling", one, two, "any") for one, two in plain_texts.EXACT_POLICY)
    yield from bare_hostile("7", "Find it.", "exact")


def regex_rows() -> Iterator[Row]:
    """Texts that match a whole pattern and texts that do not, patterns that are bait, and all hostile texts."""
    tables = (plain_texts.REGEX_MATCHES, plain_texts.REGEX_MISSES)
    for (section, expected), table in zip(_TABLES, tables, strict=True):
        yield from (Row(section, "pattern", pattern, text, expected, kind="regex") for pattern, text in table)
    for pattern, text in plain_texts.REGEX_BAIT:
        yield Row("denial_of_service", "bait", pattern, text, "wrong", kind="regex")
    yield from bare_hostile("7", "Find it.", "regex")


def json_rows() -> Iterator[Row]:
    """Texts that satisfy a schema and texts that do not, schemas and texts that are bait, and all hostile texts."""
    tables = (plain_texts.SCHEMA_VALID, plain_texts.SCHEMA_INVALID)
    for (section, expected), table in zip(_TABLES, tables, strict=True):
        yield from (_schema(section, "schema", pair, expected) for pair in table)
    for pair in plain_texts.SCHEMA_BAIT:
        yield _schema("code_execution" if "@PORT@" in pair[0] else "denial_of_service", "bait", pair, "wrong")
    for row in bare_hostile("", "Give it as JSON.", "json_schema"):
        yield Row(row.section, row.name, "", row.text, "wrong", row.prompt, row.kind, ('{"const": {"seven": 7}}',))


def constraint_rows() -> Iterator[Row]:
    """Instructions that are followed and not, in IFEval's form, and all hostile texts."""
    for (section, expected), table in zip(_TABLES, (instructions.KEPT, instructions.BROKEN), strict=True):
        yield from (_told(section, case, expected) for case in table)
    for row in bare_hostile("", "Write a text.", "constraints"):
        yield Row(row.section, row.name, "", row.text, "wrong", row.prompt, row.kind, (_test(*instructions.UNFOUND),))


def constraint_probes() -> tuple[Row, Row]:
    """A text with the word, and one without."""
    right = _told("equivalence", (*instructions.UNFOUND, "a xylophone"), "correct")
    return right, _told("non_equivalence", (*instructions.UNFOUND, "a guitar"), "wrong")


def optimization_rows() -> Iterator[Row]:
    """Models in JSON with the right optimum, with another, and none, and all hostile texts."""
    for (section, expected), table in zip(_TABLES, (instructions.OPTIMA, instructions.NO_OPTIMA), strict=True):
        yield from (Row(section, "model", one, text, expected, "Model it.", "optimization") for one, text in table)
    yield from bare_hostile("13", "Model it.", "optimization")


def optimization_probes() -> tuple[Row, Row]:
    """A model with the right optimum, and one with another."""
    good = instructions.GOOD
    right = Row("equivalence", "probe", "13", good, "correct", "Model it.", "optimization")
    return right, Row("non_equivalence", "probe", "13", good.replace("max", "min"), "wrong", "Model it.", "optimization")


def text_probes(right: str, wrong: str) -> tuple[Row, Row]:
    """A text that is its reference and one that is not, `right` being both reference and pattern."""
    return (
        Row("equivalence", "probe", right, right, "correct"),
        Row("non_equivalence", "probe", right, wrong, "wrong"),
    )


def json_probes() -> tuple[Row, Row]:
    """A valid text and another."""
    schema = '{"const": {"seven": 7}}'
    return (
        _schema("equivalence", "probe", (schema, '{"seven": 7}'), "correct"),
        _schema("non_equivalence", "probe", (schema, '{"seven": 8}'), "wrong"),
    )


def _schema(section: Section, name: str, pair: tuple[str, str], expected: Expected) -> Row:
    return Row(section, name, "", pair[1], expected, "Give it as JSON.", "json_schema", (pair[0],))


def _told(section: Section, case: instructions.Instruction, expected: Expected) -> Row:
    name, arguments, text = case
    return Row(section, name, "", text, expected, "Write a text.", "constraints", (_test(name, arguments),))


def _test(name: str, arguments: dict[str, object]) -> str:
    return json.dumps({"instruction_id_list": [name], "kwargs": [arguments]})
