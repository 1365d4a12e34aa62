"""The suites by kind of verifier, built from the tables. Knows which of our verifiers takes which suite; runs nothing."""

from collections.abc import Callable, Mapping

from pipelines.certify.code_rows import code_rows, probes
from pipelines.certify.form_rows import (
    choice_probes,
    choice_rows,
    constraint_probes,
    constraint_rows,
    exact_rows,
    json_probes,
    json_rows,
    optimization_probes,
    optimization_rows,
    regex_rows,
    text_probes,
)
from pipelines.certify.rows import Row, Section, Suite
from pipelines.certify.text_rows import hostile_text, math_pairs, number_pairs, read_texts, sentences
from storage.errors import SetupError, unknown_name

_PROBES = (
    Row("equivalence", "probe", "7", "\\boxed{7}", "correct"),
    Row("non_equivalence", "probe", "7", "\\boxed{8}", "wrong"),
)


def math_suite() -> Suite:
    """Equal and different answers of every form, and all hostile texts."""
    return Suite("math", (*math_pairs(), *sentences(), *read_texts(), *hostile_text()), _PROBES)


def number_suite() -> Suite:
    """The part of `math` whose pairs are plain numbers, and all hostile texts."""
    return Suite("number", (*number_pairs(), *sentences(), *hostile_text()), _PROBES)


def code_suite() -> Suite:
    """Programs right and wrong, and programs that lie, tamper, leave, leak and never end."""
    return Suite("code", tuple(code_rows()), probes())


def choice_suite() -> Suite:
    """Letters and texts of options, and all hostile texts."""
    return Suite("choice", tuple(choice_rows()), choice_probes())


def exact_suite() -> Suite:
    """Equal and different texts, and all hostile texts."""
    return Suite("exact", tuple(exact_rows()), text_probes("7", "8"))


def regex_suite() -> Suite:
    """Patterns (the problem's reference) that match a whole text or not, bait, and all hostile texts."""
    return Suite("regex", tuple(regex_rows()), text_probes("7", "8"))


def json_suite() -> Suite:
    """Schemas (the problem's first test) with valid and invalid texts, bait, and all hostile texts."""
    return Suite("json_schema", tuple(json_rows()), json_probes())


def constraints_suite() -> Suite:
    """Instructions of IFEval followed and not, and all hostile texts."""
    return Suite("constraints", tuple(constraint_rows()), constraint_probes())


def optimization_suite() -> Suite:
    """Models in JSON with the right optimum or not, and all hostile texts."""
    return Suite("optimization", tuple(optimization_rows()), optimization_probes())


SUITES: Mapping[str, Callable[[], Suite]] = {
    "choice": choice_suite,
    "code": code_suite,
    "constraints": constraints_suite,
    "exact": exact_suite,
    "json_schema": json_suite,
    "math": math_suite,
    "number": number_suite,
    "optimization": optimization_suite,
    "regex": regex_suite,
}
SUITE_OF: Mapping[str, str] = {name: name for name in SUITES}
"""The suite of each of our own verifiers by its registry name."""


def chosen(name: str, asked: str | None, declared: str | None, sections: frozenset[Section]) -> Suite:
    """The suite asked for, else the one the verifier declares, else the one of its name; only some sections if given."""
    suite_name = asked or declared or SUITE_OF.get(name)
    if suite_name is None:
        raise SetupError(
            f"verifier {name!r} does not say which suite it takes (an attribute `suite`).",
            choices=sorted(SUITES),
            next_command=f"rollmill certify {name} --suite {sorted(SUITES)[0]}",
        )
    if suite_name not in SUITES:
        raise unknown_name("suite", suite_name, SUITES)
    suite = SUITES[suite_name]().with_threads()
    rows = tuple(row for row in suite.rows if not sections or row.section in sections)
    return Suite(suite.name, rows, suite.probes)
