"""The verifier `exact`: strict by default, each normalisation only where it is asked for."""

from typing import Any

import pytest

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Completion, Message, Problem, Verdict
from rollmill.pipelines.verify.exact import ExactVerifier

CASES = [
    ({}, "Paris", "Paris", "correct"),
    ({}, "Paris", "  Paris\n", "correct"),
    ({}, "Paris", "paris", "incorrect"),
    ({}, "Paris", "Paris.", "incorrect"),
    ({}, "New York", "New  York", "incorrect"),
    ({}, "-3", "3", "incorrect"),
    ({}, "\u00e9", "e\u0301", "incorrect"),
    ({"unicode": "NFC"}, "\u00e9", "e\u0301", "correct"),
    ({"unicode": "NFC"}, "fi", "\ufb01", "incorrect"),
    ({"unicode": "NFKC"}, "fi", "\ufb01", "correct"),
    ({"case": "fold"}, "Paris", "pARIS", "correct"),
    ({"case": "fold"}, "Straße", "STRASSE", "correct"),
    ({"case": "fold"}, "Paris", "Paris!", "incorrect"),
    ({"whitespace": "collapse"}, "New York", "New \n\t York ", "correct"),
    ({"whitespace": "collapse"}, "New York", "NewYork", "incorrect"),
    ({"whitespace": "remove"}, "New York", "N ew\nYork", "correct"),
    ({"whitespace": "keep"}, "Paris", "Paris\n", "incorrect"),
    ({"answer": "final"}, "Paris", "I think so.\nThe answer is Paris.", "correct"),
    ({"answer": "final"}, "Paris", "so \\boxed{Paris}", "correct"),
    ({"answer": "final"}, "Paris", "so \\boxed{Lyon}", "incorrect"),
    ({"answer": "whole"}, "Paris", "The answer is Paris.", "incorrect"),
    ({}, "Paris", " \n", "unparsed"),
    ({"answer": "final"}, "Paris", "", "unparsed"),
    ({}, "", "Paris", "undecided"),
    ({}, "  ", "", "undecided"),
]


def judged(options: dict[str, Any], reference: str, text: str, **changed: Any) -> Verdict:
    fields: dict[str, Any] = {"finish_reason": "stop", "text": text, "messages": None, **changed}
    completion = Completion("c", "p", "e", "m", "", "curate", 0, None, **fields)
    return ExactVerifier(**options).verify(Problem("Capital?", reference), completion)


@pytest.mark.parametrize(("options", "reference", "text", "outcome"), CASES)
def test_equality_is_what_the_options_say(options: dict[str, Any], reference: str, text: str, outcome: str) -> None:
    assert judged(options, reference, text).outcome == outcome


def test_a_text_cut_off_is_no_whole_answer() -> None:
    assert judged({}, "Pari", "Pari", finish_reason="length").outcome == "unparsed"
    assert judged({"answer": "final"}, "Pari", "So \\boxed{Pari} and", finish_reason="length").outcome == "unparsed"


def test_a_thought_is_not_part_of_the_answer() -> None:
    assert judged({}, "Paris", "<think>Lyon? No.</think>\nParis").outcome == "correct"
    assert judged({}, "Paris", "<think>Paris").outcome == "unparsed"


def test_the_last_turn_is_judged() -> None:
    turns = (Message("assistant", "Lyon"), Message("user", "sure?"), Message("assistant", "Paris"))
    assert judged({}, "Paris", "Lyon sure? Paris", messages=turns).outcome == "correct"


def test_the_forms_compared_are_in_the_verdict() -> None:
    verdict = judged({"case": "fold"}, "Paris", " PARIS ")
    assert (verdict.extracted, verdict.normal_form, verdict.reference_form) == (" PARIS ", "paris", "paris")
    assert verdict.rule == "equal"


def test_every_option_changes_the_version() -> None:
    options: tuple[dict[str, Any], ...] = (
        {},
        {"case": "fold"},
        {"unicode": "NFC"},
        {"whitespace": "keep"},
        {"answer": "final"},
    )
    assert len({ExactVerifier(**chosen).version for chosen in options}) == 5


@pytest.mark.parametrize("options", [{"case": "lower"}, {"unicode": "NFX"}, {"whitespace": "trim"}, {"answer": "last"}])
def test_an_unknown_value_names_the_valid_ones(options: dict[str, Any]) -> None:
    with pytest.raises(SetupError, match="Valid: "):
        ExactVerifier(**options)
