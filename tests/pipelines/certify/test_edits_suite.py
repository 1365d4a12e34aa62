"""The suite of edits: its forms, what is made of a rollout, the count of flips, and what our verifiers do on it."""

import json
from fractions import Fraction
from pathlib import Path

import pytest

from rollmill.ground.records import Completion, Problem
from rollmill.pipelines.certify.edits_suite import EditedRollout, EditFlips, flip_rates, flips_by_form, forms, kind_rates
from rollmill.pipelines.certify.suites import edits
from rollmill.pipelines.certify.tables.number_spellings import in_chinese, in_words
from rollmill.pipelines.verify import VERIFIERS
from tests.shared_data import shared_data

SUM = EditedRollout("15 + 2?", "17", "15 + 2 = 17\n#### 17")


def flips(name: str, rollouts: list[EditedRollout]) -> list[EditFlips]:
    rows = edits("choice" if name == "choice" else "math", rollouts).rows
    items = [
        (Problem(row.prompt, row.reference), Completion(str(n), "p", "e", "m", "", "curate", 0, None, row.text, "stop"))
        for n, row in enumerate(rows)
    ]
    verifier = VERIFIERS[name]()
    outcomes = [verdict.outcome for verdict in verifier.verify_many(items)]
    verifier.close()
    return flips_by_form((row.name, row.expected == "correct", out) for row, out in zip(rows, outcomes, strict=True))


def test_there_are_enough_forms_and_a_third_is_held_out() -> None:
    assert len(forms()) >= 60
    assert {form.name.partition(".")[0] for form in forms()} == {"en", "es", "fr", "de", "pt", "ru", "zh", "ja"}
    assert 0.25 < sum(form.is_held_out for form in forms()) / len(forms()) < 0.42
    assert {"negated", "attributed", "withdrawn", "second_box", "corrected", "quoted"} < {form.kind for form in forms()}


def test_a_rollout_is_split_at_its_answer() -> None:
    texts = {(row.name, row.expected): row.text for row in edits("math", [SUM]).rows}
    assert texts["en.corrected.wait_no", "wrong"] == "15 + 2 = 17\nThe answer is 17. Wait, no: 20."
    assert texts["en.corrected.wait_no", "correct"] == "15 + 2 = 17\nThe answer is 20. Wait, no: 17."
    assert texts["en.digits.words", "correct"] == "15 + 2 = 17\nThe answer is seventeen."


def test_what_is_not_provably_right_is_left_out() -> None:
    assert edits("math", [EditedRollout("15 + 2?", "18", "15 + 2 = 17\n#### 17")]).rows == ()
    assert edits("math", [EditedRollout("?", "17", "The answer is 3 so far.\n#### 17")]).rows == ()


def test_flips_are_counted_by_form_with_an_interval_over_forms() -> None:
    held = next(form.name for form in forms() if form.is_held_out)
    tuned = next(form.name for form in forms() if not form.is_held_out)
    counted = flips_by_form([(held, False, "correct"), (held, False, "unparsed"), (tuned, True, "incorrect")])
    assert [(form.name, form.accept_flips, form.given_up, form.reject_flips) for form in counted] == [
        (held, 1, 2, 0),
        (tuned, 0, 0, 1),
    ]
    rates = {(row["forms"], row["flip"]): (row["rows"], row["of_rows"]) for row in flip_rates(counted)}
    assert rates == {("mended on", "reject"): (1, 1), ("held out", "accept"): (1, 2)}


def test_flips_are_counted_by_kind() -> None:
    names = ("en.negated.doubt", "de.negated.sondern", "de.attributed.laut")
    counted = flips_by_form([(names[0], False, "correct"), (names[1], False, "unparsed"), (names[2], True, "incorrect")])
    assert [(row["forms"], row["flip"], row["rows"], row["of_rows"], row["of_forms"]) for row in kind_rates(counted)] == [
        ("negated", "accept", 1, 2, 2),
        ("attributed", "reject", 1, 1, 1),
    ]


def test_forms_of_options_are_for_letters_alone() -> None:
    option = EditedRollout("Which?\nA) x\nB) y", "B", "y is right.\n#### B")
    texts = {row.name: row.text for row in edits("choice", [option]).rows}
    assert texts["zh.option.guxuan"] == "y is right.\n故选B。"
    assert "en.digits.words" not in texts
    assert "zh.option.guxuan" not in {row.name for row in edits("math", [SUM]).rows}


def test_numbers_are_spelled_out() -> None:
    assert [in_words(Fraction(n)) for n in (0, 17, 42, 105, 2_300)] == [
        "zero", "seventeen", "forty-two", "one hundred and five", "two thousand three hundred",
    ]  # fmt: skip
    assert [in_chinese(Fraction(n)) for n in (10, 17, 105, 2_017)] == ["十", "十七", "一百零五", "二千零一十七"]


@pytest.mark.parametrize("name", ["number", "math"])
def test_no_form_that_was_mended_on_is_accepted(name: str) -> None:
    assert [form.name for form in flips(name, [SUM]) if form.accept_flips and not form.held_out] == []


@pytest.mark.data
@pytest.mark.parametrize("name", ["number", "math"])
def test_real_rollouts_with_edits(name: str) -> None:
    """Forms that were mended on flip nothing to accepted; of the held-out ones at most two do."""
    problems = {row["id"]: row for row in lines(shared_data("gsm8k_problems.jsonl"))}
    right = [row for row in lines(shared_data("gsm8k_rollouts.jsonl")) if row["is_correct"]][::40][:25]
    rollouts = [
        EditedRollout(problems[row["problem_id"]]["prompt"], problems[row["problem_id"]]["reference"], row["text"])
        for row in right
    ]
    counted = flips(name, rollouts)
    assert [form.name for form in counted if form.accept_flips and not form.held_out] == []
    assert sum(form.accept_flips > 0 for form in counted if form.held_out) <= 2


def lines(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text().splitlines()]
