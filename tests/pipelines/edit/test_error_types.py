"""Types of errors: errors of known types are named as planted, and a histogram is reproduced by `shares`."""

import random
from collections import Counter

import pytest

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Origin, Problem, Sampling, request_for
from rollmill.pipelines.edit import EDITORS, CannotEdit
from rollmill.pipelines.edit.error_types import type_of_error
from rollmill.pipelines.generate.registry import built_engine
from rollmill.pipelines.synthesize.template_shares import TemplateShares

KNOWN = "2 * 3 = 6\n6 + 4 = 10\n10 - 7 = 3\n#### 3"
SOLUTIONS = [
    solution
    for problem in TemplateShares(levels=[3, 4, 5]).synthesize(240, 7)
    if " % " not in (solution := problem.meta["solution"])
]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("2 * 3 = 6\n6 + 4 = 11\n11 - 7 = 4\n#### 4", "calculation"),
        ("2 * 3 = 6\n6 * 4 = 24\n24 - 7 = 17\n#### 17", "operator"),
        ("2 * 3 = 6\n6 + 5 = 11\n11 - 7 = 4\n#### 4", "operand"),
        ("2 * 3 = 6\n6 + 4 = 10\n#### 10", "dropped_step"),
        ("6 + 4 = 10\n10 - 7 = 4\n#### 4", "dropped_step"),
        ("2 * 3 = 6\n6 + 4 = 10\n10 - 7 = 3\n#### 4", "answer"),
        ("9 * 9 = 81\n#### 81", "other"),
        ("It is 4.\n#### 4", "other"),
        ("4 + 6 = 10\n#### 3", None),
    ],
)
def test_the_first_error_has_a_type(text: str, kind: str | None) -> None:
    assert type_of_error(text, KNOWN) == kind


@pytest.mark.parametrize(("line", "kind"), [("5 + 5 + 7 = 17", "operand"), ("5 + 7 + 7 = 19", "other")])
def test_one_of_several_equal_numbers_is_one_operand(line: str, kind: str) -> None:
    assert type_of_error(f"{line}\n#### 1", "5 + 5 + 5 = 15\n#### 15") == kind


def test_a_text_without_a_marked_answer_is_no_last_step() -> None:
    """The trap of the published code: an error that cannot be placed silently became one of the last step."""
    assert type_of_error("no idea", KNOWN) == "other"
    with pytest.raises(CannotEdit, match="that of the known solution"):
        EDITORS["error_type"](KNOWN, random.Random(0), known=KNOWN)


@pytest.mark.parametrize("kind", ["operator", "operand", "dropped_step"])
def test_planted_errors_are_named_by_their_type(kind: str) -> None:
    """Label precision, measurable because the errors are planted; a planted quotient may be rounded and read as false."""
    named: Counter[str | None] = Counter()
    for place, solution in enumerate(SOLUTIONS):
        try:
            text = EDITORS[kind](solution, random.Random(place)).text
        except CannotEdit:
            continue
        named[type_of_error(text, solution)] += 1
    assert named.total() > 60
    assert named[kind] / named.total() >= 0.9


def planted(shares: dict[str, float] | None) -> Counter[str]:
    engine = built_engine("edit", "operand|operator|dropped_step", {} if shares is None else {"shares": shares})
    origin = Origin(engine.engine, engine.model_digest, "curate", 5)
    requests = [request_for(Problem(text, ""), engine.render(text), Sampling(), origin, 0) for text in SOLUTIONS]
    return Counter(str(reply.meta["editor"]) for reply in engine.generate(requests) if "editor" in reply.meta)


def test_shares_reproduce_a_histogram_of_types() -> None:
    wanted = {"operand": 0.2, "operator": 0.7, "dropped_step": 0.1}
    counts = planted(wanted)
    assert {kind: counts[kind] / counts.total() for kind in wanted} == pytest.approx(wanted, abs=0.08)
    alike = planted(None)
    assert all(abs(alike[kind] / alike.total() - 1 / 3) < 0.12 for kind in wanted)


def test_shares_are_of_the_editors_that_are_named() -> None:
    for shares in ({"digit": 1.0}, {"operand": -1.0}, {"operand": 0.0}, {"operand": "much"}):
        with pytest.raises(SetupError, match="shares"):
            built_engine("edit", "operand|operator", {"shares": shares})
    first, second = (built_engine("edit", "operand|operator", options) for options in ({}, {"shares": {"operand": 1}}))
    assert first.model_digest != second.model_digest
