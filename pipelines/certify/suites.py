"""The suite of each of our verifiers, by its registry name: rows from the tables, and the probes asked after each attack.

Rows are pairs in both orders, cases of form, programs, hostile texts. Nothing runs here.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from rollmill.ground.errors import SetupError, unknown_name
from rollmill.pipelines.certify.code_suite import code_probes, code_rows, selected_code_rows
from rollmill.pipelines.certify.edits_suite import EditedRollout, edits_suite, shipped_rollouts
from rollmill.pipelines.certify.selected_suite import selected_suite, shipped_wrong_rollouts
from rollmill.pipelines.certify.suite_rows import ExpectedOutcome, Section, Suite, SuiteRow, boxed
from rollmill.pipelines.certify.tables import form_cases
from rollmill.pipelines.certify.tables.answers import (
    BOXES,
    CHANGED,
    COPIED,
    DIFFERENT,
    EQUAL,
    PLAIN,
    PLANETS,
    POLICY,
    READ,
    RIGHT_CHOICES,
    SELF,
    SENTENCE_ANSWER,
    SENTENCE_FORMS,
    UNCLEAR_CHOICES,
    WRONG_CHOICES,
    Pairs,
)
from rollmill.pipelines.certify.tables.hostile_texts import (
    ANSWERED,
    HEAVY_REFERENCES,
    HEAVY_TEXTS,
    MISLEADING,
    ODD,
    PAYLOAD_FORMS,
    PAYLOADS,
    UNCLEAR,
)
from rollmill.pipelines.certify.votes_suite import DEFAULTS, votes_suite

ANSWER = "7"
"""The answer that every hostile text lacks."""
_PLAIN = re.compile(r"[-+−]?(?:(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d*)?|\.\d+)(?:/\d+)?\Z|\\frac\{-?\d+\}\{-?\d+\}\Z")
_ALWAYS_EQUAL = "all things at once"


def math_pairs() -> Iterator[SuiteRow]:
    """Every pair in both orders, every text paired with itself, and the pairs that depend on the policy."""
    yield from _both_orders("equivalence", EQUAL, "correct", 0)
    yield from (boxed("equivalence", "self", (text, text), "correct") for text in SELF)
    yield from _both_orders("non_equivalence", DIFFERENT, "wrong", 1_000_000)
    yield from _both_orders("policy", POLICY, "any", 2_000_000)


def number_pairs() -> Iterator[SuiteRow]:
    """Pairs of which both sides are one plain number."""
    for row in math_pairs():
        if _PLAIN.match(row.reference) and _PLAIN.match(row.text[len("\\boxed{") : -1]):
            yield row


def copied() -> Iterator[SuiteRow]:
    """Expressions of the problem, given as its answer."""
    for prompt, reference, text in COPIED:
        yield SuiteRow("non_equivalence", "copied", reference, f"\\boxed{{{text}}}", "wrong", prompt)
        yield SuiteRow("non_equivalence", "copied", reference, f"#### {text}", "wrong", prompt)


def sentences() -> Iterator[SuiteRow]:
    """Sentences about a number that do not give it, in every form, and some that do."""
    for name, texts in CHANGED.items():
        for sentence in (form.format(text) for form in SENTENCE_FORMS for text in texts):
            yield SuiteRow("non_equivalence", f"sentence: {name}", SENTENCE_ANSWER, sentence, "wrong")
    yield from (
        SuiteRow("equivalence", "sentence: plain", SENTENCE_ANSWER, form.format(text), "correct")
        for form in SENTENCE_FORMS[:2]
        for text in PLAIN
    )
    yield from (SuiteRow("non_equivalence", "boxes", reference, text, "wrong") for reference, text in BOXES)


def read_texts() -> Iterator[SuiteRow]:
    """Texts that say their reference, which only a reader of formulas may know."""
    yield from (SuiteRow("equivalence", "boxes", reference, text, "correct") for reference, text in READ)


def hostile_text() -> Iterator[SuiteRow]:
    """Texts that no honest solver would write."""
    yield from _denial_of_service()
    for name, payloads in PAYLOADS.items():
        for payload in payloads:
            for form, pattern in PAYLOAD_FORMS:
                yield _hostile_row("code_execution", f"{name}, {form}", pattern.replace("%s", payload))
    for name, texts in MISLEADING.items():
        section: Section = "always_equal" if name == _ALWAYS_EQUAL else "tampering"
        yield from (_hostile_row(section, name, text) for text in texts)
    for name, texts in ODD.items():
        yield from (_hostile_row("tampering", name, text, "correct") for text in texts)
    for name, texts in UNCLEAR.items():
        yield from (_hostile_row("policy", name, text, "any") for text in texts)


def bare_hostile(reference: str, prompt: str, kind: str) -> Iterator[SuiteRow]:
    """The hostile texts that must not be called correct, for a problem of another kind; boxes only where they belong."""
    for row in hostile_text():
        if row.expected == "wrong" and row.reference == ANSWER and (row.section != "tampering" or "imitated" in row.name):
            yield SuiteRow(row.section, row.name, reference, row.text, "wrong", prompt, kind)


def _denial_of_service() -> Iterator[SuiteRow]:
    for name, texts in HEAVY_TEXTS.items():
        for text in texts:
            yield _hostile_row("denial_of_service", name, text)
            if len(text) < 2_000 and not text.startswith("\\boxed"):
                yield _hostile_row("denial_of_service", f"{name}, in a box", f"\\boxed{{{text}}}")
    for reference, text in HEAVY_REFERENCES:
        yield boxed("denial_of_service", "hostile reference", (reference, text), "wrong")
    for reference, text in ANSWERED:
        yield SuiteRow("denial_of_service", "answer beside the bulk", reference, text, "correct")


def _hostile_row(section: Section, name: str, text: str, expected: ExpectedOutcome = "wrong") -> SuiteRow:
    return SuiteRow(section, name, ANSWER, text, expected)


def _both_orders(section: Section, table: Mapping[str, Pairs], expected: ExpectedOutcome, first: int) -> Iterator[SuiteRow]:
    """Each pair twice, with one number, so that a verdict that depends on the order is found."""
    pairs = [(name, pair) for name, pairs in table.items() for pair in pairs]
    for number, (name, (left, right)) in enumerate(pairs, first):
        yield boxed(section, name, (left, right), expected, number)
        yield boxed(section, name, (right, left), expected, number)


_TABLES: tuple[tuple[Section, ExpectedOutcome], ...] = (("equivalence", "correct"), ("non_equivalence", "wrong"))


def choice_rows() -> Iterator[SuiteRow]:
    """Letters and texts of options, and all hostile texts with a plain problem."""
    for (section, expected), table in zip(_TABLES, (RIGHT_CHOICES, WRONG_CHOICES), strict=True):
        for name, cases in table.items():
            for prompt, letter, text in cases:
                yield SuiteRow(section, name, letter, text, expected, prompt, "choice")
    for prompt, letter, text in UNCLEAR_CHOICES:
        yield SuiteRow("policy", "spelling", letter, text, "any", prompt, "choice")
    yield from bare_hostile("B", PLANETS, "choice")


def choice_probes() -> tuple[SuiteRow, SuiteRow]:
    """The right letter and another."""
    right = SuiteRow("equivalence", "probe", "B", "\\boxed{B}", "correct", PLANETS, "choice")
    wrong = SuiteRow("non_equivalence", "probe", "B", "\\boxed{A}", "wrong", PLANETS, "choice")
    return right, wrong


def exact_rows() -> Iterator[SuiteRow]:
    """Equal and different texts, case and spaces as policy, and all hostile texts."""
    tables = (form_cases.EXACT_SAME, form_cases.EXACT_DIFFERENT)
    for (section, expected), table in zip(_TABLES, tables, strict=True):
        yield from (SuiteRow(section, "text", reference, text, expected) for reference, text in table)
    yield from (SuiteRow("policy", "spelling", reference, text, "any") for reference, text in form_cases.EXACT_POLICY)
    yield from bare_hostile("7", "Find it.", "exact")


def regex_rows() -> Iterator[SuiteRow]:
    """Texts that match a whole pattern and texts that do not, patterns that are bait, and all hostile texts."""
    tables = (form_cases.REGEX_MATCHES, form_cases.REGEX_MISSES)
    for (section, expected), table in zip(_TABLES, tables, strict=True):
        yield from (SuiteRow(section, "pattern", pattern, text, expected, kind="regex") for pattern, text in table)
    for pattern, text in form_cases.REGEX_BAIT:
        yield SuiteRow("denial_of_service", "bait", pattern, text, "wrong", kind="regex")
    yield from bare_hostile("7", "Find it.", "regex")


def json_rows() -> Iterator[SuiteRow]:
    """Texts that satisfy a schema and texts that do not, schemas and texts that are bait, and all hostile texts."""
    tables = (form_cases.SCHEMA_VALID, form_cases.SCHEMA_INVALID)
    for (section, expected), table in zip(_TABLES, tables, strict=True):
        yield from (_schema(section, "schema", pair, expected) for pair in table)
    for pair in form_cases.SCHEMA_BAIT:
        yield _schema("code_execution" if "@PORT@" in pair[0] else "denial_of_service", "bait", pair, "wrong")
    for row in bare_hostile("", "Give it as JSON.", "json_schema"):
        yield SuiteRow(row.section, row.name, "", row.text, "wrong", row.prompt, row.kind, ('{"const": {"seven": 7}}',))


def constraint_rows() -> Iterator[SuiteRow]:
    """Instructions that are followed and not, in IFEval's form, and all hostile texts."""
    for (section, expected), table in zip(_TABLES, (form_cases.KEPT, form_cases.BROKEN), strict=True):
        yield from (_told(section, case, expected) for case in table)
    for row in bare_hostile("", "Write a text.", "constraints"):
        yield SuiteRow(row.section, row.name, "", row.text, "wrong", row.prompt, row.kind, (_test(*form_cases.UNFOUND),))


def constraint_probes() -> tuple[SuiteRow, SuiteRow]:
    """A text with the word, and one without."""
    right = _told("equivalence", (*form_cases.UNFOUND, "a xylophone"), "correct")
    return right, _told("non_equivalence", (*form_cases.UNFOUND, "a guitar"), "wrong")


def optimization_rows() -> Iterator[SuiteRow]:
    """Models in JSON with the right optimum, with another, and none, and all hostile texts."""
    for (section, expected), table in zip(_TABLES, (form_cases.OPTIMA, form_cases.NO_OPTIMA), strict=True):
        yield from (
            SuiteRow(section, "model", optimum, text, expected, "Model it.", "optimization") for optimum, text in table
        )
    yield from bare_hostile("13", "Model it.", "optimization")


def optimization_probes() -> tuple[SuiteRow, SuiteRow]:
    """A model with the right optimum, and one with another."""
    good = form_cases.GOOD
    right = SuiteRow("equivalence", "probe", "13", good, "correct", "Model it.", "optimization")
    return right, SuiteRow(
        "non_equivalence", "probe", "13", good.replace("max", "min"), "wrong", "Model it.", "optimization"
    )


def text_probes(right: str, wrong: str) -> tuple[SuiteRow, SuiteRow]:
    """A text that is its reference and one that is not, `right` being both reference and pattern."""
    return (
        SuiteRow("equivalence", "probe", right, right, "correct"),
        SuiteRow("non_equivalence", "probe", right, wrong, "wrong"),
    )


def json_probes() -> tuple[SuiteRow, SuiteRow]:
    """A valid text and another."""
    schema = '{"const": {"seven": 7}}'
    return (
        _schema("equivalence", "probe", (schema, '{"seven": 7}'), "correct"),
        _schema("non_equivalence", "probe", (schema, '{"seven": 8}'), "wrong"),
    )


def _schema(section: Section, name: str, pair: tuple[str, str], expected: ExpectedOutcome) -> SuiteRow:
    return SuiteRow(section, name, "", pair[1], expected, "Give it as JSON.", "json_schema", (pair[0],))


def _told(section: Section, case: form_cases.Instruction, expected: ExpectedOutcome) -> SuiteRow:
    name, arguments, text = case
    return SuiteRow(section, name, "", text, expected, "Write a text.", "constraints", (_test(name, arguments),))


def _test(name: str, arguments: dict[str, object]) -> str:
    return json.dumps({"instruction_id_list": [name], "kwargs": [arguments]})


_ANSWER_PROBES = (
    SuiteRow("equivalence", "probe", "7", "\\boxed{7}", "correct"),
    SuiteRow("non_equivalence", "probe", "7", "\\boxed{8}", "wrong"),
)


def edits(kind: str, rollouts: Iterable[EditedRollout]) -> Suite:
    """The suite of edits for a verifier of multiple choice (`choice`) or of numbers."""
    probes = choice_probes() if kind == "choice" else _ANSWER_PROBES
    return edits_suite(rollouts, letters=kind == "choice", probes=probes)


def selected(kind: str, rollouts: Iterable[EditedRollout]) -> Suite:
    """The pools of these wrong rollouts for a verifier of multiple choice (`choice`) or of numbers."""
    probes = choice_probes() if kind == "choice" else _ANSWER_PROBES
    return selected_suite(rollouts, letters=kind == "choice", probes=probes)


MEASURING = ("choice_edits", "choice_selected", "code_selected", "edits", "selected")
"""Suites that belong to no verifier by name: forms are held out in them, so a fault is a measurement."""
SUITES: Mapping[str, Callable[[Mapping[str, Any]], Suite]] = {
    "choice": lambda _: Suite("choice", tuple(choice_rows()), choice_probes()),
    "code": lambda _: Suite("code", tuple(code_rows()), code_probes()),
    "code_selected": lambda _: Suite("selected", tuple(selected_code_rows()), code_probes()),
    "constraints": lambda _: Suite("constraints", tuple(constraint_rows()), constraint_probes()),
    "choice_edits": lambda _: edits("choice", shipped_rollouts()),
    "choice_selected": lambda _: selected("choice", shipped_wrong_rollouts()),
    "edits": lambda _: edits("math", shipped_rollouts()),
    "exact": lambda _: Suite("exact", tuple(exact_rows()), text_probes("7", "8")),
    "json_schema": lambda _: Suite("json_schema", tuple(json_rows()), json_probes()),
    "math": lambda _: Suite(
        "math", (*math_pairs(), *copied(), *sentences(), *read_texts(), *hostile_text()), _ANSWER_PROBES
    ),
    "number": lambda _: Suite("number", (*number_pairs(), *copied(), *sentences(), *hostile_text()), _ANSWER_PROBES),
    "optimization": lambda _: Suite("optimization", tuple(optimization_rows()), optimization_probes()),
    "regex": lambda _: Suite("regex", tuple(regex_rows()), text_probes("7", "8")),
    "selected": lambda _: selected("math", shipped_wrong_rollouts()),
    "votes": lambda options: votes_suite(options, list(bare_hostile("", "Judge it.", "votes"))),
}
"""Built on demand, as some texts are megabytes, for the options of the verifier."""

BUILT_WITH: Mapping[str, Mapping[str, Any]] = {"votes": DEFAULTS}
"""Default options of verifiers that require some."""


def options_of(name: str, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Options of the verifier of this name, and so of the rows of the suite of this name."""
    return {**BUILT_WITH.get(name, {}), **given}


def select_suite(
    name: str,
    requested: str | None,
    declared: str | None,
    sections: frozenset[Section],
    options: Mapping[str, Any] | None = None,
) -> Suite:
    """The requested suite, else the one the verifier declares, else the one of its name; only some sections if given.

    `options`: those of the verifier.
    """
    suite_name = requested or declared or (name if name in SUITES else None)
    if suite_name is None:
        raise SetupError(
            f"verifier {name!r} does not say which suite it takes (an attribute `suite`).",
            choices=sorted(SUITES),
            next_command=f"rollmill certify {name} --suite {sorted(SUITES)[0]}",
        )
    if suite_name not in SUITES:
        raise unknown_name("suite", suite_name, SUITES)
    suite = SUITES[suite_name](options or options_of(suite_name, {})).with_threads()
    return Suite(suite.name, tuple(row for row in suite.rows if not sections or row.section in sections), suite.probes)


def certified_suite(
    name: str,
    requested: str | None,
    declared: str | None,
    sections: frozenset[Section],
    options: Mapping[str, Any],
    rollouts: Sequence[EditedRollout] | None,
) -> Suite:
    """The suite of `select_suite`; where rollouts are given, that of edits of right ones or of pools of wrong ones."""
    if rollouts is None:
        return select_suite(name, requested, declared, sections, options)
    asked = requested or declared or name
    kind, wrong = "choice" if "choice" in asked else "math", asked.endswith("selected")
    suite = selected(kind, rollouts) if wrong else edits(kind, rollouts)
    if not suite.rows:
        lacks = (
            "is of a problem whose reference is a number" if wrong else "ends with an answer that provably is its reference"
        )
        raise SetupError(f"none of the {len(rollouts):,} rollouts of --rollouts {lacks}.")
    return suite
