"""A verdict's evidence as lines for a person: counts, then the tests that failed, then the rest. Judges nothing.

Evidence is JSON that verifiers write about model text, so nothing of it is trusted to have a form: what is unknown is shown
as it is.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

MOST = 12
_WIDTH = 200


def evidence_lines(evidence: str | None, most: int = MOST) -> list[str]:
    """At most about `most` lines; none without evidence."""
    if evidence is None:
        return []
    try:
        found = json.loads(evidence)
    except ValueError:
        return [_cut(evidence)]
    if not isinstance(found, dict):
        return [_cut(evidence)]
    tests = found.pop("tests", None)
    lines = list(_counts(found)) if "passed" in found and "total" in found else []
    lines += [f"{key}: {_cut(_text(value))}" for key, value in sorted(found.items())][:most]
    if isinstance(tests, list):
        lines += _tests([test for test in tests if isinstance(test, dict)], most)
    return lines


def brief(text: str | None) -> str:
    """What was extracted, on one line: itself when it is short, else how much it is."""
    if text is None:
        return "nothing"
    lines = text.count("\n") + 1
    return repr(text) if lines == 1 and len(text) <= _WIDTH else f"{lines} lines, {len(text):,} characters"


def _counts(found: dict[str, Any]) -> Iterator[str]:
    passed, total, omitted = found.pop("passed"), found.pop("total"), found.pop("omitted", 0)
    more = f" ({omitted} of them not listed)" if omitted else ""
    yield f"tests passed: {passed} of {total}{more}"


def _tests(tests: list[Mapping[str, Any]], most: int) -> list[str]:
    """The tests that did not pass, first; then as many others as there is room for."""
    ordered = sorted(tests, key=lambda test: test.get("status") == "passed")
    lines = [_test(test) for test in ordered[:most]]
    return lines if len(ordered) <= most else [*lines, f"... and {len(ordered) - most} more tests"]


def _test(test: Mapping[str, Any]) -> str:
    said = [str(test.get("status"))]
    if test.get("cause"):
        said.append(f"({test['cause']})")
    detail = f" - {test['detail']}" if test.get("detail") else ""
    return _cut(f"test {test.get('i')} {' '.join(said)}: {test.get('name')}{detail}")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _cut(text: str) -> str:
    one = " ".join(text.split("\n"))
    return one if len(one) <= _WIDTH else one[: _WIDTH - 1] + "…"
