"""What verifiers share: the text that is judged, verdicts in input order, the size of a verdict, versions."""

import json
import time
from collections.abc import Iterator
from itertools import count, islice

import pytest

from rollmill.ground.records import Completion, Message, Problem, Verdict
from rollmill.pipelines.verify.exact import ExactVerifier
from rollmill.pipelines.verify.finding import (
    EVIDENCE_BYTES,
    Finding,
    Item,
    evidence_text,
    in_order,
    verdict_of,
    version_of,
    visible_text,
)


def said(text: str, *turns: Message) -> Completion:
    return Completion("c", "p", "e", "m", "", "curate", 0, None, text, "stop", messages=turns or None)


def test_the_last_turn_without_its_thought_is_judged() -> None:
    assert visible_text(said("a")) == "a"
    assert visible_text(said("<think>a</think>b</think>c")) == "c"
    assert visible_text(said("thought without a beginning</think>c")) == "c"
    assert visible_text(said(" <think>never closed")) == ""
    assert visible_text(said("I use <think> as a word")) == "I use <think> as a word"
    assert visible_text(said("x", Message("assistant", "a"), Message("assistant", "<think>b</think>c"))) == "c"
    assert visible_text(said("x", Message("tool", "3", "tool_result"))) == ""


def judged(item: Item) -> Verdict:
    """As many milliseconds as the text says; a text that is none raises."""
    time.sleep(int(item[1].text) / 1_000)
    return verdict_of(ExactVerifier(), item, Finding("correct", "equal", extracted=item[1].text), 0.0)


def test_slow_verdicts_come_in_input_order_and_errors_at_their_place() -> None:
    problem, texts = Problem("?", "x"), ["30", "0", "20", "10", "0", "x", "0"]
    verdicts = in_order(judged, ((problem, said(text)) for text in texts), threads=4)
    assert [verdict.extracted for verdict in islice(verdicts, 5)] == texts[:5]
    with pytest.raises(ValueError, match="'x'"):
        next(verdicts)


def test_an_endless_stream_of_items_is_held_in_part_and_may_be_abandoned() -> None:
    taken = 0

    def items() -> Iterator[Item]:
        nonlocal taken
        for taken in count(1):
            yield Problem("?", "x"), said("0" if taken > 1 else "100")

    verdicts = in_order(judged, items(), threads=2)
    assert next(verdicts).extracted == "100"
    verdicts.close()  # type: ignore[attr-defined]
    assert taken <= 300


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
