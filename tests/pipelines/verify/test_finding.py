"""What verifiers share: the text that is judged, the size of a verdict, versions."""

import json

from pipelines.verify.exact import ExactVerifier
from pipelines.verify.finding import EVIDENCE_BYTES, Finding, evidence_text, spoken, verdict_of, version_of
from storage.records import Completion, Message, Problem


def said(text: str, *turns: Message) -> Completion:
    return Completion("c", "p", "e", "m", "", "curate", 0, None, text, "stop", messages=turns or None)


def test_the_last_turn_without_its_thought_is_judged() -> None:
    assert spoken(said("a")) == "a"
    assert spoken(said("<think>a</think>b</think>c")) == "c"
    assert spoken(said("thought without a beginning</think>c")) == "c"
    assert spoken(said(" <think>never closed")) == ""
    assert spoken(said("I use <think> as a word")) == "I use <think> as a word"
    assert spoken(said("x", Message("assistant", "a"), Message("assistant", "<think>b</think>c"))) == "c"
    assert spoken(said("x", Message("tool", "3", "tool_result"))) == ""


def test_long_texts_are_cut_and_long_evidence_says_its_size() -> None:
    found = Finding("correct", "equal", None, None, "a" * 5_000, "b" * 5_000, "c" * 5_000, {"x": "d" * 70_000})
    verdict = verdict_of(ExactVerifier(), (Problem("?", "x"), said("x")), found, 0.5)
    assert [len(text or "") for text in (verdict.extracted, verdict.normal_form, verdict.reference_form)] == [1_000] * 3
    assert json.loads(verdict.evidence or "") == {"left_out": f"70008 bytes, more than {EVIDENCE_BYTES}"}
    assert verdict.seconds == 0.5


def test_evidence_is_canonical_json() -> None:
    assert evidence_text(None) is None
    assert evidence_text({"b": 1, "a": ["é"]}) == '{"a":["é"],"b":1}'


def test_a_version_follows_rules_and_options() -> None:
    rules = (("first", "1"), ("second", "2"))
    assert version_of(rules, mode="strict") == "first.1+second.2+mode=strict"
