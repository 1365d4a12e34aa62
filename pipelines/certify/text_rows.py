"""Rows for verifiers of texts, from the tables: pairs in both orders, hostile texts, payloads, imitations. Runs nothing."""

import re
from collections.abc import Iterator, Mapping

from pipelines.certify.rows import Expected, Row, Section, boxed
from pipelines.certify.tables.hostile_text import LIVING, REFERENCES, TEXTS
from pipelines.certify.tables.imitation import RIGHT, UNCLEAR, WRONG
from pipelines.certify.tables.math_alike import Pairs
from pipelines.certify.tables.math_different import DIFFERENT, POLICY
from pipelines.certify.tables.math_equal import EQUAL, SELF
from pipelines.certify.tables.payloads import FORMS as PAYLOAD_FORMS
from pipelines.certify.tables.payloads import PAYLOADS
from pipelines.certify.tables.sentences import ANSWER as SAID
from pipelines.certify.tables.sentences import BOXES, CHANGED, FORMS, PLAIN, READ

ANSWER = "7"
"""What every hostile text is asked for and does not give."""
_PLAIN = re.compile(r"[-+−]?(?:(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d*)?|\.\d+)(?:/\d+)?\Z|\\frac\{-?\d+\}\{-?\d+\}\Z")
_ALWAYS_EQUAL = "all things at once"


def math_pairs() -> Iterator[Row]:
    """Every pair in both orders, texts beside themselves, and the pairs that are a matter of policy."""
    yield from _both_orders("equivalence", EQUAL, "correct", 0)
    yield from (boxed("equivalence", "self", (text, text), "correct") for text in SELF)
    yield from _both_orders("non_equivalence", DIFFERENT, "wrong", 1_000_000)
    yield from _both_orders("policy", POLICY, "any", 2_000_000)


def number_pairs() -> Iterator[Row]:
    """Those pairs of which both sides are one plain number."""
    for row in math_pairs():
        if _PLAIN.match(row.reference) and _PLAIN.match(row.text[len("\\boxed{") : -1]):
            yield row


def sentences() -> Iterator[Row]:
    """Sentences about a number that do not give it, in every form, and some that do."""
    for name, texts in CHANGED.items():
        for form in FORMS:
            yield from (Row("non_equivalence", f"sentence: {name}", SAID, form.format(text), "wrong") for text in texts)
    yield from (
        Row("equivalence", "sentence: plain", SAID, form.format(text), "correct") for form in FORMS[:2] for text in PLAIN
    )
    yield from (Row("non_equivalence", "boxes", reference, text, "wrong") for reference, text in BOXES)


def read_texts() -> Iterator[Row]:
    """Texts that say their reference, which only a reader of formulas may know."""
    yield from (Row("equivalence", "boxes", reference, text, "correct") for reference, text in READ)


def hostile_text() -> Iterator[Row]:
    """Everything that nobody who wants to know the answer would write."""
    yield from _denial_of_service()
    for name, payloads in PAYLOADS.items():
        for payload in payloads:
            for form, pattern in PAYLOAD_FORMS:
                yield _hostile("code_execution", f"{name}, {form}", pattern.replace("%s", payload))
    for name, texts in WRONG.items():
        section: Section = "always_equal" if name == _ALWAYS_EQUAL else "tampering"
        yield from (_hostile(section, name, text) for text in texts)
    for name, texts in RIGHT.items():
        yield from (_hostile("tampering", name, text, "correct") for text in texts)
    for name, texts in UNCLEAR.items():
        yield from (_hostile("policy", name, text, "any") for text in texts)


def bare_hostile(reference: str, prompt: str, kind: str) -> Iterator[Row]:
    """The hostile texts that must not be called correct, for a problem of another kind; boxes only where they belong."""
    for row in hostile_text():
        if row.expected == "wrong" and row.reference == ANSWER and (row.section != "tampering" or "imitated" in row.name):
            yield Row(row.section, row.name, reference, row.text, "wrong", prompt, kind)


def _denial_of_service() -> Iterator[Row]:
    for name, texts in TEXTS.items():
        for text in texts:
            yield _hostile("denial_of_service", name, text)
            if len(text) < 2_000 and not text.startswith("\\boxed"):
                yield _hostile("denial_of_service", f"{name}, in a box", f"\\boxed{{{text}}}")
    for reference, text in REFERENCES:
        yield boxed("denial_of_service", "hostile reference", (reference, text), "wrong")
    for reference, text in LIVING:
        yield Row("denial_of_service", "answer beside the bulk", reference, text, "correct")


def _hostile(section: Section, name: str, text: str, expected: Expected = "wrong") -> Row:
    return Row(section, name, ANSWER, text, expected)


def _both_orders(section: Section, table: Mapping[str, Pairs], expected: Expected, first: int) -> Iterator[Row]:
    """Each pair twice, with one number, so that a verdict that depends on the order is found."""
    pairs = [(name, pair) for name, pairs in table.items() for pair in pairs]
    for number, (name, (left, right)) in enumerate(pairs, first):
        yield boxed(section, name, (left, right), expected, number)
        yield boxed(section, name, (right, left), expected, number)
