"""Evidence of a verdict: what was read and where, against what, in the words of the verifier that judged."""

import pytest

from rollmill.ground.records import Completion, Problem, Verdict
from rollmill.pipelines.verify import VERIFIERS
from rollmill.storage.queries.browse.answer_place import AnswerPlace
from rollmill.storage.queries.browse.evidence import Subject, evidence_of

WORDS = {("number", "1"): {"boxed": "in the last box", "equal": "numbers compared exactly"}}


def completion(text: str) -> Completion:
    return Completion("c", "p", "e", "m", "", "curate", 0, None, text, "stop")


def verdict(rule: str, **fields: str) -> Verdict:
    known = {"outcome": "incorrect", **fields}
    return Verdict("c", "p", "number", "1", rule=rule, **known)  # type: ignore[arg-type]


def test_a_verdict_is_told_in_the_words_of_its_rules() -> None:
    subject = Subject(Problem("?", "the sum is 8"), completion(r"so \boxed{42}"), WORDS)
    told = evidence_of(verdict("boxed:equal", extracted="42", reference_form="8"), subject)
    assert (told.extracted, told.found, told.reference, told.how) == (
        "42",
        "in the last box",
        "8",
        "numbers compared exactly",
    )
    assert told.place == AnswerPlace(10, 12)


def test_a_rule_without_words_is_named_and_a_missing_reference_form_is_the_problems() -> None:
    told = evidence_of(verdict("own:match", extracted="42"), Subject(Problem("?", "8"), completion("42"), {}))
    assert (told.found, told.reference, told.how) == ("", "8", "rule own:match")


def test_long_answers_are_told_by_their_size_with_cause_and_details() -> None:
    judged = verdict(
        "boxed:equal", extracted="def f():\n    pass", cause="wrong_answer", evidence='{"passed": 3, "total": 5}'
    )
    told = evidence_of(judged, Subject(Problem("?", ""), None, WORDS))
    assert (told.extracted, told.reference, told.place) == ("2 lines, 17 characters", "", None)
    assert told.how == "numbers compared exactly (wrong_answer)"
    assert told.details == ("tests passed: 3 of 5",)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("The answer is 42.", "extracted 42 behind the last “the answer is”, reference 8: numbers compared exactly"),
        ("I cannot tell.", "extracted I cannot tell. , reference 8: the text gives no number as its answer"),
    ],
)
def test_the_number_verifier_in_its_own_words(text: str, said: str) -> None:
    verifier = VERIFIERS["number"]()
    problem = Problem("?", "8")
    judged = verifier.verify(problem, completion(text))
    words = {(judged.verifier, judged.version): verifier.words}  # type: ignore[attr-defined]
    told = evidence_of(judged, Subject(problem, completion(text), words))
    assert f"extracted {told.extracted} {told.found}, reference {told.reference}: {told.how}" == said
