"""Processes on texts whose worth is known."""

import math

import pytest

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Problem
from rollmill.pipelines.search.partial import Partial
from rollmill.pipelines.search.processes.lines import Lines, consistent, truths
from rollmill.pipelines.search.processes.log_prob import LogProb
from rollmill.pipelines.search.processes.rollouts import Rollouts
from rollmill.pipelines.search.processes.votes import Votes

PROBLEM = Problem(prompt="A shop sells 3 bags of 17 apples in boxes of 5. How many are left over?", reference="1")


def score(text: str, *, strict: bool = False, finished: bool = False) -> float:
    (one,) = Lines(strict=strict).scores(PROBLEM, [Partial(text, finished, 10, -3.0)])
    return one


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("3 * 17 = 51", True),
        ("3 * 17 = 41", False),
        ("3 * 17 = 51\n51 % 5 = 1", True),
        ("3 * 17 = 51\n51 % 5 = 2", False),
        ("51 % 0 = 1", False),
        ("So 3 times 17 is much", True),
        ("", True),
    ],
)
def test_a_false_line_anywhere_gives_doubt(text: str, right: bool) -> None:
    assert score(text) == (0.98 if right else 0.02)


def test_remainders_are_no_percentages() -> None:
    assert truths("51 % 5 = 1\n10 % of 50 = 5") == [True]
    assert truths("7 % 4 = 4") == [False]


@pytest.mark.parametrize(
    ("text", "finished", "right"),
    [
        ("3 * 17 = 51", False, True),
        ("3 * 18 = 54", False, False),
        ("3 * 17 = 51\n51 % 5 = 1\n#### 1", True, True),
        ("3 * 17 = 51\n51 % 5 = 1\n#### 51", True, False),
        ("3 * 17 = 51\n#### 51", True, False),
        ("3 * 17 = 51\n51 % 5 = 1", True, False),
        ("3 - 17 = -14\n-14 + 5 = -9", False, True),
        ("3 * 17 = 51 = 51\n51 % 5 = 1\n#### 1", True, True),
        ("3 * 17 = 51 = 51\n51 % 6 = 3", False, False),
    ],
    ids=[
        "known",
        "unknown operand",
        "whole",
        "another answer",
        "a number unused",
        "no answer",
        "below zero",
        "chain",
        "unknown operand after a chain",
    ],
)
def test_strict_lines_use_what_is_known_and_all_of_it(text: str, finished: bool, right: bool) -> None:
    assert consistent(PROBLEM, Partial(text, finished, 9)) is right
    assert score(text, strict=True, finished=finished) == (0.98 if right else 0.02)


def test_log_probabilities_are_per_token_or_of_the_whole_text() -> None:
    texts = [Partial("a", False, 4, -2.0), Partial("ab", True, 8, -4.0)]
    assert LogProb().scores(PROBLEM, texts) == [math.exp(-0.5), math.exp(-0.5)]
    assert LogProb(by="text").scores(PROBLEM, texts) == [math.exp(-2.0), math.exp(-4.0)]
    with pytest.raises(SetupError, match="option 'by' is 'word'"):
        LogProb(by="word")
    with pytest.raises(SetupError, match="gives no log-probabilities"):
        LogProb().scores(PROBLEM, [Partial("a", False, 4)])


def test_doubt_is_a_small_share() -> None:
    with pytest.raises(SetupError, match=r"doubt is 0\.5"):
        Lines(doubt=0.5)


def test_a_text_is_worth_how_many_known_answers_agree_with_its_rollouts() -> None:
    known = ("7", "7", "7", "9", None, "9", "7", "8")
    texts = [
        Partial("a", False, 1, said=("7", "7"), known=known),
        Partial("b", False, 1, said=("9", "7"), known=known),
        Partial("c", True, 1, said=("8",), known=known),
        Partial("d", False, 1, said=(None, "9"), known=known),
    ]
    assert list(Rollouts(count=2).scores(PROBLEM, texts)) == [0.5, 0.375, 0.125, 0.125]


def test_a_text_that_is_sure_of_a_wrong_answer_is_not_worth_more_than_one_that_wavers() -> None:
    known = ("7",) * 6 + ("9",) * 3
    texts = [Partial("a", False, 1, said=said, known=known) for said in (("9", "9", "9"), ("9", "7", "7"))]
    sure, wavering = Rollouts().scores(PROBLEM, texts)
    assert sure < wavering


def test_rollouts_agree_where_they_say_the_same_number() -> None:
    read = Rollouts().read
    assert read("6 * 3 = 18\n#### 18") == read("The answer is 18.0") == read("#### 1,8".replace(",", ""))
    assert read("#### 18") != read("#### 19")
    assert read("#### 18 kg") != read("#### 18")
    assert read("6 * 3") is None or read("6 * 3") != read("#### 18")
    assert read("") is None


def test_a_process_draws_at_least_once() -> None:
    with pytest.raises(SetupError, match="process 'rollouts': option 'count' is 0"):
        Rollouts(count=0)


def test_votes_are_the_share_that_says_yes_of_those_that_can_be_read() -> None:
    votes = Votes()
    said = [votes.read(text) for text in ("Yes.", "no: line 2", "First no, then YES", "I cannot tell", "nobody")]
    assert said == ["yes", "no", "yes", None, None]
    texts = [
        Partial("a", False, 1, said=said),
        Partial("b", False, 1, said=(None, None)),
        Partial("c", True, 1, said=("no",)),
    ]
    assert list(votes.scores(PROBLEM, texts)) == [2 / 3, 0.5, 0.0]
    assert votes.draws.count == 4
    marks = Votes(pattern=r"MARK (\d)", yes="1")
    assert list(marks.scores(PROBLEM, [Partial("a", False, 1, said=(marks.read("MARK 0, no: MARK 1"),))])) == [1.0]


@pytest.mark.parametrize(
    "template", ["{prompt}", "{piece} right?", "{prompt}{piece}{reference}", "{prompt} {piece} {solution}"]
)
def test_voters_are_shown_the_problem_and_the_piece_and_no_label(template: str) -> None:
    with pytest.raises(SetupError, match=r"must name only \{prompt\} and \{piece\}"):
        Votes(template=template)
