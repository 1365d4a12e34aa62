"""The verifier `constraints`: does the text do what it was told about its form? The constraints are the problem's tests.

A test is JSON: {"id": "words", "at_least": 50}, a list of such, or a row of IFEval
{"instruction_id_list": [...], "kwargs": [...]}. Correct: all hold; the share that holds is the value; what each saw is the
evidence. A constraint that is unknown or malformed makes the verdict `undecided`.

`mode: strict` judges the text as it is. `mode: loose` (IFEval's) takes a constraint as met when one of eight texts meets
it: as it is, without its first line, its last line, or both; each with and without its asterisks.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Literal

from pipelines.verify.constraints.counts import Response
from pipelines.verify.constraints.ifeval import row_of
from pipelines.verify.constraints.instructions import INSTRUCTIONS, BadConstraintError, Constraint, constraint_of
from pipelines.verify.finding import EVIDENCE_BYTES, Finding, OneByOne, prompt_text, version_of, visible_text
from pipelines.verify.json_text import BadJsonError, parse_json
from pipelines.verify.regex import dialect
from storage.errors import unknown_name
from storage.ids import canonical_json
from storage.records import Completion, Problem

LONGEST = 1_000_000
MOST = 200


class ConstraintsVerifier(OneByOne):
    """Checks in the calling thread; starts no process."""

    name = "constraints"
    rules = (("tests", "1"), ("text", "1"), ("all", "1"))

    def __init__(self, *, mode: Literal["strict", "loose"] = "strict") -> None:
        if mode not in ("strict", "loose"):
            raise unknown_name("mode of verifier 'constraints'", mode, ("loose", "strict"))
        self._loose = mode == "loose"
        self.version = version_of(self.rules, mode=mode, instructions=len(INSTRUCTIONS), scripts=dialect())

    def judge(self, problem: Problem, completion: Completion) -> Finding:
        """The finding on one completion."""
        try:
            constraints = _of(problem.tests)
        except BadConstraintError as error:
            return Finding("undecided", "tests", str(error))
        text = visible_text(completion)
        if not text.strip():
            return Finding("unparsed", "text", "the text is empty")
        if len(text) > LONGEST:
            return Finding("undecided", "text", f"size_limit: the text is longer than {LONGEST} characters")
        return self._finding(constraints, text, prompt_text(problem.prompt))

    def _finding(self, constraints: Sequence[Constraint], text: str, prompt: str) -> Finding:
        responses = [Response(text, prompt)]
        if self._loose:
            responses += [Response(variant, prompt) for variant in variants(text)]
        rows = [_row(constraint, responses) for constraint in constraints]
        satisfied = sum(row["holds"] for row in rows)
        outcome = "correct" if satisfied == len(rows) else "incorrect"
        return Finding(outcome, "all", None, satisfied / len(rows), evidence=rows)  # type: ignore[arg-type]


def variants(text: str) -> Iterator[str]:
    """IFEval's seven loose forms of a text, without those that are empty."""
    lines = text.strip().split("\n")
    cut = ["\n".join(part).strip() for part in (lines[1:], lines[:-1], lines[1:-1])]
    for variant in (*cut, text.replace("*", ""), *(part.replace("*", "") for part in cut)):
        if variant.strip():
            yield variant


def _row(constraint: Constraint, responses: Sequence[Response]) -> dict[str, Any]:
    """What one constraint saw in the text as it is, cut to its part of a verdict, and whether any form satisfied it."""
    holds, observed = constraint.holds(responses[0])
    if len(canonical_json(observed)) > EVIDENCE_BYTES // (2 * MOST):
        observed = canonical_json(observed)[:100]
    row = {"id": constraint.name, "holds": holds, "saw": observed}
    if not holds and any(constraint.holds(response)[0] for response in responses[1:]):
        row |= {"holds": True, "loosely": True}
    return row


@lru_cache(maxsize=4_096)
def _of(tests: tuple[str, ...]) -> tuple[Constraint, ...]:
    """The constraints of a problem's tests; BadConstraintError when there are none or one is malformed."""
    rows: list[Mapping[str, Any]] = []
    for test in tests:
        try:
            rows.extend(_rows(parse_json(test)))
        except BadJsonError as error:
            raise BadConstraintError(f"a test is not JSON: {error}") from None
    if not rows:
        raise BadConstraintError("the problem has no constraints among its tests")
    if len(rows) > MOST:
        raise BadConstraintError(f"{len(rows)} constraints, more than {MOST}")
    return tuple(constraint_of(row) for row in rows)


def _rows(value: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, list):
        for item in value:
            yield from _rows(item)
    elif isinstance(value, dict) and "instruction_id_list" in value:
        names, arguments = value["instruction_id_list"], value.get("kwargs") or []
        if not isinstance(names, list) or not isinstance(arguments, list) or len(arguments) not in (0, len(names)):
            raise BadConstraintError("instruction_id_list and kwargs are not lists of one length")
        for index, name in enumerate(names):
            yield row_of(str(name), arguments[index] if arguments else None)
    elif isinstance(value, dict):
        yield value
    else:
        raise BadConstraintError(f"a constraint is not an object: {value!r:.60}")
