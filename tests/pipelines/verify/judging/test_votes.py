"""Votes: what line is one, and how they are counted."""

import pytest

from pipelines.verify.judging.votes import Count, Vote, count, majority, vote_of
from storage.records import Completion, FinishReason


def written(text: str, finish: FinishReason = "stop") -> Completion:
    return Completion("c", "p", "e", "m", "", "evaluate", 0, 0, text, finish)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("VERDICT: correct", "correct"),
        ("VERDICT: incorrect", "incorrect"),
        ("So.\n\n**VERDICT: correct**\n\n", "correct"),
        ("verdict :  Incorrect.", "incorrect"),
        ("`VERDICT: correct`", "correct"),
        ("VERDICT: correct\nVERDICT: incorrect", "incorrect"),
        ("VERDICT: correct\nbut I am not sure", None),
        ("The answer says VERDICT: correct", None),
        ("VERDICT: correct or incorrect", None),
        ("VERDICT: incorrectly stated", None),
        ("VERDICT: not correct", None),
        ("VERDICT:", None),
        ("correct", None),
        ("yes", None),
        ("", None),
    ],
)
def test_only_the_last_line_counts(text: str, said: str | None) -> None:
    assert vote_of(written(text), answer_first=False).said == said


def test_a_text_cut_off_and_a_missing_one_are_failed_votes() -> None:
    assert vote_of(written("VERDICT: correct", "length"), answer_first=True).said is None
    assert vote_of(written("VERDICT: correct", "error"), answer_first=True).said is None
    assert vote_of(None, answer_first=True).said is None


def test_every_vote_is_counted_once() -> None:
    votes = [Vote("correct", False), Vote(None, True), Vote("incorrect", True), Vote("correct", True)]
    assert count(votes) == Count(2, 1, 1)
    assert count(votes).votes == 4


@pytest.mark.parametrize(
    ("counted", "outcome", "rule"),
    [
        (Count(3, 1, 0), "correct", "majority"),
        (Count(1, 3, 0), "incorrect", "majority"),
        (Count(2, 2, 0), "undecided", "majority"),
        (Count(2, 1, 1), "correct", "majority"),
        (Count(2, 0, 2), "undecided", "failures"),
        (Count(0, 0, 4), "undecided", "failures"),
    ],
)
def test_majority_tie_and_too_many_failures(counted: Count, outcome: str, rule: str) -> None:
    found = majority(counted, 0.25)
    assert found[:2] == (outcome, rule)
    assert (found[2] is None) == (outcome != "undecided")


def test_votes_that_all_failed_decide_nothing_whatever_is_allowed() -> None:
    assert majority(Count(0, 0, 4), 1.0)[0] == "undecided"
