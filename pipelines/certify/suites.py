"""The suite of each of our verifiers, by its registry name, and the suite that a run asks for. Runs nothing."""

from collections.abc import Callable, Mapping

from pipelines.certify import suite_rows as rows
from pipelines.certify.rows import Row, Section, Suite
from storage.errors import SetupError, unknown_name

_ANSWER_PROBES = (
    Row("equivalence", "probe", "7", "\\boxed{7}", "correct"),
    Row("non_equivalence", "probe", "7", "\\boxed{8}", "wrong"),
)


def _math() -> Suite:
    """Equal and different answers of every form, and all hostile texts."""
    texts = (*rows.math_pairs(), *rows.sentences(), *rows.read_texts(), *rows.hostile_text())
    return Suite("math", texts, _ANSWER_PROBES)


def _number() -> Suite:
    """The part of `math` whose pairs are plain numbers, and all hostile texts."""
    return Suite("number", (*rows.number_pairs(), *rows.sentences(), *rows.hostile_text()), _ANSWER_PROBES)


SUITES: Mapping[str, Callable[[], Suite]] = {
    "choice": lambda: Suite("choice", tuple(rows.choice_rows()), rows.choice_probes()),
    "code": lambda: Suite("code", tuple(rows.code_rows()), rows.code_probes()),
    "constraints": lambda: Suite("constraints", tuple(rows.constraint_rows()), rows.constraint_probes()),
    "exact": lambda: Suite("exact", tuple(rows.exact_rows()), rows.text_probes("7", "8")),
    "json_schema": lambda: Suite("json_schema", tuple(rows.json_rows()), rows.json_probes()),
    "math": _math,
    "number": _number,
    "optimization": lambda: Suite("optimization", tuple(rows.optimization_rows()), rows.optimization_probes()),
    "regex": lambda: Suite("regex", tuple(rows.regex_rows()), rows.text_probes("7", "8")),
}
"""Built when asked for: some texts are megabytes."""


def select_suite(name: str, requested: str | None, declared: str | None, sections: frozenset[Section]) -> Suite:
    """The requested suite, else the one the verifier declares, else the one of its name; only some sections if given."""
    suite_name = requested or declared or (name if name in SUITES else None)
    if suite_name is None:
        raise SetupError(
            f"verifier {name!r} does not say which suite it takes (an attribute `suite`).",
            choices=sorted(SUITES),
            next_command=f"rollmill certify {name} --suite {sorted(SUITES)[0]}",
        )
    if suite_name not in SUITES:
        raise unknown_name("suite", suite_name, SUITES)
    suite = SUITES[suite_name]().with_threads()
    return Suite(suite.name, tuple(row for row in suite.rows if not sections or row.section in sections), suite.probes)
