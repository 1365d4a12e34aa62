"""Round trips: there and back with an inner verifier, the mistakes of data sets, and what a lossy way back lets through."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Completion, Problem, Verdict
from rollmill.pipelines.verify.code.roundtrip import RoundTrip, RoundtripVerifier, encoded_answer, roundtrip_of
from rollmill.pipelines.verify.code.suite import BadTestsError

ROMAN = """\
def back(text):
    values = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100}
    digits = [values[c] for c in text.strip()]
    return str(sum(-d if any(e > d for e in digits[i + 1:i + 2]) else d for i, d in enumerate(digits)))
"""


def numeral(**more: Any) -> Problem:
    return Problem("Write 44 in Roman numerals.", "44", "roundtrip", (json.dumps({"back": ROMAN, **more}),))


def said(text: str) -> Completion:
    return Completion("c", "p", "e", "m", "", "curate", 0, None, text, "stop")


def short(verdict: Verdict) -> tuple[str, str, str | None]:
    return verdict.outcome, verdict.rule, verdict.cause


def test_where_the_answer_is() -> None:
    assert encoded_answer("So:\n```json\n[1]\n```") == ("block", "[1]")
    assert encoded_answer("It is \\boxed{XLIV}.") == ("answer", "XLIV")
    assert encoded_answer("The answer is XLIV.") == ("answer", "XLIV")
    assert encoded_answer("x\ny z\n") == ("text", "x\ny z")
    assert encoded_answer(" \n") == ("text", None)


def test_the_problem_says_the_way_back() -> None:
    assert roundtrip_of(numeral(witness="XLIV", controls=["XLV"])) == RoundTrip(ROMAN, ("XLV",), "XLIV")
    for tests in ((), ("{",), ("[]",), ("{}",), ('{"back": "b", "controls": "x"}',), ('{"back": "b", "witness": 1}',)):
        with pytest.raises(BadTestsError):
            roundtrip_of(Problem("?", "44", "roundtrip", tests))


def test_the_inner_verifier_is_named_and_part_of_the_version() -> None:
    with RoundtripVerifier() as exact, RoundtripVerifier(inner=[{"method": "number"}]) as number:
        assert exact.version != number.version
        assert (exact.inner.name, number.inner.name) == ("exact", "number")
    with pytest.raises(SetupError, match="Did you mean 'number'"):
        RoundtripVerifier(inner=[{"method": "numbr"}])
    with pytest.raises(SetupError, match="has 0 inner verifiers"):
        RoundtripVerifier(inner=[])


@pytest.fixture(scope="module")
def trip() -> Iterator[RoundtripVerifier]:
    verifier = RoundtripVerifier(inner=[{"method": "number"}], cpu_seconds=1.0, memory_mib=128, workers=1)
    yield verifier
    verifier.close()


@pytest.mark.sandbox
def test_there_and_back(trip: RoundtripVerifier) -> None:
    right = trip.verify(numeral(), said("The answer is XLIV."))
    assert (short(right), right.normal_form) == (("correct", "answer:inner", None), "44")
    wrong = trip.verify(numeral(), said("```\nXLV\n```"))
    assert short(wrong) == ("incorrect", "block:inner", "differs")
    assert json.loads(wrong.evidence or "")["back"] == "'45'"
    assert short(trip.verify(numeral(), said(""))) == ("unparsed", "no-answer", "no answer in the text")


@pytest.mark.sandbox
def test_an_answer_in_no_such_form_is_wrong(trip: RoundtripVerifier) -> None:
    assert short(trip.verify(numeral(), said("```\nforty-four\n```"))) == ("incorrect", "block:back", "unreadable")
    slow = Problem(
        "?", "44", "roundtrip", (json.dumps({"back": "def back(t):\n    while len(t) > 3: pass\n    return t"}),)
    )
    assert short(trip.verify(slow, said("```\nXLIV\n```"))) == ("incorrect", "block:back", "timeout")


@pytest.mark.sandbox
def test_repeating_the_original_is_no_answer(trip: RoundtripVerifier) -> None:
    same = json.dumps({"back": "def back(text): return text"})
    problem = Problem("Repeat?", "4 4", "roundtrip", (same,))
    assert short(trip.verify(problem, said("```\n4  4\n```"))) == ("incorrect", "block:copied", "copied")
    allowed = Problem("Repeat?", "44", "roundtrip", (same.replace("{", '{"copy": true, ', 1),))
    assert trip.verify(allowed, said("```\n44\n```")).outcome == "correct"


@pytest.mark.sandbox
def test_a_way_back_that_proves_nothing_is_found_by_its_controls(trip: RoundtripVerifier) -> None:
    constant = Problem("?", "44", "roundtrip", (json.dumps({"back": "def back(t): return '44'", "controls": ["X"]}),))
    verdict = trip.verify(constant, said("```\nanything\n```"))
    assert short(verdict)[:2] == ("undecided", "tests")
    assert "back accepts 'X'" in (verdict.cause or "")
    lost = trip.verify(numeral(witness="XLV"), said("```\nXLIV\n```"))
    assert "back loses 'XLV'" in (lost.cause or "")
    assert trip.verify(numeral(witness="XLIV", controls=["XLV", "", "44"]), said("```\nXLIV\n```")).outcome == "correct"


@pytest.mark.sandbox
@pytest.mark.parametrize("back", ["def back(t", "def back(t): return 44"])
def test_a_broken_way_back_is_nobodys_answer(trip: RoundtripVerifier, back: str) -> None:
    verdict = trip.verify(Problem("?", "44", "roundtrip", (json.dumps({"back": back}),)), said("```\nXLIV\n```"))
    assert short(verdict)[:2] == ("undecided", "tests")


CONSTRAINTS = [(a, b, c) for a in range(1, 6) for b in range(1, 6) for c in (7, 9) if a != b]
STRICT = (
    "import json\ndef back(text):\n    m = json.loads(text)\n    return f\"{m['x']}x+{m['y']}y{m['sense']}{m['limit']}\""
)
LOSSY = (  # the largest value of x + y: many models have one optimum
    "import json\ndef back(text):\n    m = json.loads(text)\n"
    "    return f\"{m['limit'] / min(m['x'], m['y']):.6f}\" if m['sense'] == '<=' else 'unbounded'"
)


def planted(a: int, b: int, c: int) -> dict[str, dict[str, Any]]:
    """The right model of ax + by <= c, and planted errors by kind."""
    right = {"x": a, "y": b, "sense": "<=", "limit": c}
    return {
        "right": right,
        "swapped coefficients": {**right, "x": b, "y": a},
        "flipped sense": {**right, "sense": ">="},
        "another limit": {**right, "limit": c + 1},
    }


@pytest.mark.sandbox
def test_precision_and_recall_against_planted_errors_of_a_strict_and_a_lossy_way_back() -> None:
    accepted: dict[tuple[str, str], int] = {}
    with RoundtripVerifier("shared", workers=2) as exact:
        items, kinds = [], []
        for a, b, c in CONSTRAINTS:
            for way, back in (("strict", STRICT), ("lossy", LOSSY)):
                original = f"{a}x+{b}y<={c}" if way == "strict" else f"{c / min(a, b):.6f}"
                problem = Problem(f"A model of {a}x+{b}y<={c}?", original, "roundtrip", (json.dumps({"back": back}),))
                for kind, model in planted(a, b, c).items():
                    items.append((problem, said(f"```json\n{json.dumps(model)}\n```")))
                    kinds.append((way, kind))
        for key, verdict in zip(kinds, exact.verify_many(items), strict=True):
            accepted[key] = accepted.get(key, 0) + (verdict.outcome == "correct")
    count = len(CONSTRAINTS)
    assert accepted == {
        ("strict", "right"): count,
        ("strict", "swapped coefficients"): 0,
        ("strict", "flipped sense"): 0,
        ("strict", "another limit"): 0,
        ("lossy", "right"): count,
        ("lossy", "swapped coefficients"): count,  # equal optimum: every one a false accept
        ("lossy", "flipped sense"): 0,
        ("lossy", "another limit"): 0,
    }
