"""The verifier `constraints`: outcome and share, strict and loose, IFEval's rows, and any text at all."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rollmill.ground.errors import SetupError
from rollmill.ground.records import OUTCOMES, Completion, Problem, Verdict
from rollmill.pipelines.verify.constraints.constraints_verifier import ConstraintsVerifier, variants
from rollmill.pipelines.verify.constraints.instructions import INSTRUCTIONS

TWO = ({"id": "words", "at_least": 3}, {"id": "no_comma"})
EXAMPLES: dict[str, dict[str, Any]] = {
    "acrostic": {"word": "x"}, "ends_with": {"phrase": "x"}, "first_word": {"word": "x"}, "forbidden": {"words": ["x"]},
    "keyword": {"keyword": "x"}, "keywords": {"keywords": ["x"]}, "letter": {"letter": "x", "at_least": 1},
    "numeric_range": {"minimum": 0, "maximum": 9}, "one_of": {"options": ["x"]}, "script": {"script": "latin"},
    "starts_with": {"phrase": "x"},
}  # fmt: skip
EVERY = tuple(
    json.dumps({"id": name, **EXAMPLES.get(name, {"at_least": 1} if made.bounded else {})})
    for name, made in INSTRUCTIONS.items()
)
IFEVAL: dict[str, tuple[dict[str, Any], str, str]] = {
    "change_case:capital_word_frequency": ({"capital_frequency": 1, "capital_relation": "less than"}, "none", "I AM"),
    "change_case:english_capital": ({}, "ALL", "All"),
    "change_case:english_lowercase": ({}, "all", "All"),
    "combination:repeat_prompt": ({"prompt_to_repeat": "Do it"}, "do it: done", "done"),
    "combination:two_responses": ({}, "a\n******\nb", "a\nb"),
    "detectable_content:number_placeholders": ({"num_placeholders": 2}, "[a] [b]", "[a]"),
    "detectable_content:postscript": ({"postscript_marker": "P.S."}, "a\n\nP.S. b", "a"),
    "detectable_format:constrained_response": ({}, "My answer is maybe.", "maybe"),
    "detectable_format:json_format": ({}, "{}", "none"),
    "detectable_format:multiple_sections": ({"section_spliter": "Section", "num_sections": 2}, "Section 1\nSection 2", "x"),
    "detectable_format:number_bullet_lists": ({"num_bullets": 2}, "* a\n* b", "* a"),
    "detectable_format:number_highlighted_sections": ({"num_highlights": 2}, "*a* *b*", "*a*"),
    "detectable_format:title": ({}, "<<x>>", "x"),
    "keywords:existence": ({"keywords": ["cat"]}, "cats", "dogs"),
    "keywords:forbidden_words": ({"forbidden_words": ["cat"]}, "cats", "cat"),
    "keywords:frequency": ({"keyword": "cat", "frequency": 2, "relation": "at least"}, "cat cats", "cat"),
    "keywords:letter_frequency": ({"letter": "a", "let_frequency": 2, "let_relation": "at least"}, "Aa", "a"),
    "language:response_language": ({"language": "ko"}, "한국어", "English"),
    "length_constraints:nth_paragraph_first_word": (
        {"num_paragraphs": 2, "nth_paragraph": 2, "first_word": "b"}, "a\n\nb", "a\n\nc"
    ),
    "length_constraints:number_paragraphs": ({"num_paragraphs": 2}, "a\n***\nb", "a"),
    "length_constraints:number_sentences": ({"num_sentences": 2, "relation": "less than"}, "One.", "One. Two."),
    "length_constraints:number_words": ({"num_words": 2, "relation": "at least"}, "a b", "a"),
    "punctuation:no_comma": ({}, "a", "a,"),
    "startend:end_checker": ({"end_phrase": "bye"}, "so Bye", "hi"),
    "startend:quotation": ({}, '"a b"', "a"),
}  # fmt: skip


def judged(text: str, *tests: Any, **options: Any) -> Verdict:
    completion = Completion("c", "p", "e", "m", "", "curate", 0, None, text, "stop")
    rows = tuple(test if isinstance(test, str) else json.dumps(test) for test in tests)
    return ConstraintsVerifier(**options).verify(Problem("Write.", "", "instructions", tests=rows), completion)


def test_all_must_hold_and_the_share_is_the_value() -> None:
    assert (judged("a b c", *TWO).outcome, judged("a b c", *TWO).value) == ("correct", 1.0)
    assert (judged("a, b", *TWO).outcome, judged("a, b", *TWO).value) == ("incorrect", 0.0)
    assert (judged("a b", *TWO).outcome, judged("a b", *TWO).value) == ("incorrect", 0.5)


def test_the_evidence_tells_what_each_saw() -> None:
    assert judged("a, b", *TWO).evidence == (
        '[{"holds":false,"id":"words","saw":2},{"holds":false,"id":"no_comma","saw":{"commas":1}}]'
    )


def test_tests_may_be_a_list_or_several() -> None:
    assert judged("a b c", list(TWO)).value == judged("a b c", *TWO).value == 1.0


def test_no_text_is_unparsed() -> None:
    assert judged(" \n", *TWO).outcome == "unparsed"


@pytest.mark.parametrize(
    ("tests", "said"),
    [
        ([], "no constraints among its tests"),
        (["{"], "a test is not JSON"),
        (["[]"], "no constraints among its tests"),
        (["3"], "a constraint is not an object: 3"),
        ([{"id": "wrods", "at_least": 1}], "unknown constraint 'wrods'. Did you mean 'words'? Valid: acrostic"),
        ([TWO[0], {"id": "nothing"}], "unknown constraint 'nothing'"),
        ([{"instruction_id_list": ["keywords:existance"]}], "Did you mean 'keywords:existence'?"),
        ([{"instruction_id_list": ["keywords:existence"], "kwargs": [{}]}], "needs 'keywords'"),
        ([{"instruction_id_list": ["keywords:existence"], "kwargs": [{}, {}]}], "not lists of one length"),
        (
            [{"instruction_id_list": ["language:response_language"], "kwargs": [{"language": "de"}]}],
            "not told by its script",
        ),
        ([[{"id": "title"}] * 201], "201 constraints, more than 200"),
    ],
)
def test_a_constraint_that_is_none_is_undecided(tests: list[Any], said: str) -> None:
    verdict = judged("some text", *tests)
    assert verdict.outcome == "undecided"
    assert said in (verdict.cause or "")


def test_loose_forgives_a_first_line_a_last_line_and_asterisks() -> None:
    json_only = {"id": "json"}
    for text in ("Sure!\n{}", "{}\nDone.", "Sure!\n{}\nDone.", "Sure!\n*{}*\nDone."):
        assert judged(text, json_only).outcome == "incorrect"
        loose = judged(text, json_only, mode="loose")
        assert loose.outcome == "correct"
        assert json.loads(loose.evidence or "")[0]["loosely"] is True
    assert judged("Well,\nsure!\n{}", json_only, mode="loose").outcome == "incorrect"


def test_loose_accepts_all_that_strict_accepts() -> None:
    for text in ("a b c", "a\nb\nc", "*a* b c"):
        assert judged(text, *TWO, mode="loose").outcome == judged(text, *TWO).outcome == "correct"
        assert "loosely" not in (judged(text, *TWO, mode="loose").evidence or "")


def test_the_seven_loose_forms() -> None:
    assert list(variants("*a*\nb\nc")) == ["b\nc", "*a*\nb", "b", "a\nb\nc", "b\nc", "a\nb", "b"]
    assert list(variants("one")) == ["one"]


@pytest.mark.parametrize("name", sorted(IFEVAL))
def test_every_instruction_of_ifeval_is_understood(name: str) -> None:
    arguments, good, bad = IFEVAL[name]
    row = {"instruction_id_list": [name], "kwargs": [{**arguments, "unused": None}]}
    assert judged(good, row).outcome == "correct"
    assert judged(bad, row).outcome == "incorrect"


def test_there_are_twenty_five_of_them() -> None:
    assert len(IFEVAL) == 25


@settings(max_examples=200)
@given(st.text(max_size=300), st.sampled_from(["strict", "loose"]))
def test_any_text_is_a_verdict(text: str, mode: str) -> None:
    verdict = judged(text, *EVERY, mode=mode)
    assert verdict.outcome in OUTCOMES
    assert (verdict.outcome == "unparsed") == (not text.strip())


@settings(max_examples=200)
@given(st.text(alphabet='*[]<>{}#-+•.!?",\n\t 1aA\u200b\ud800', max_size=200), st.sampled_from(["strict", "loose"]))
def test_any_marks_are_a_verdict(text: str, mode: str) -> None:
    assert judged(text, *EVERY, mode=mode).outcome in ("incorrect", "unparsed")


@pytest.mark.parametrize(
    "unit",
    [
        "*",
        "* ",
        "[",
        "<<",
        ".",
        ". a",
        "a. ",
        "1",
        "1,234",
        ",",
        "\n",
        "\n ",
        "- ",
        '"',
        "```\n",
        "Dr. ",
        "a'",
        "x-",
        "\ud800",
    ],
)
def test_a_long_text_of_one_mark_costs_little(unit: str) -> None:
    assert judged(unit * (100_000 // len(unit)) + "x", *EVERY, mode="loose").outcome == "incorrect"


def test_the_mode_is_part_of_the_version() -> None:
    assert ConstraintsVerifier().version != ConstraintsVerifier(mode="loose").version
    with pytest.raises(SetupError, match="Valid: loose, strict"):
        ConstraintsVerifier(mode="lenient")  # type: ignore[arg-type]
