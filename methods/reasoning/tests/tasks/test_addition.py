"""Sums by digits: both orders say the same sum, lengths are buckets, and the text is what the method by hand writes."""

import random

import pytest

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Completion, Problem
from rollmill.pipelines.verify import VERIFIERS
from rollmill_reasoning.tasks.addition import ORDERS, Addition, false_lines, sum_in, worked_sum


def test_the_worked_text_goes_from_the_last_digit_to_the_first() -> None:
    assert worked_sum(97, 8, "lsd_first") == (
        "7 + 8 + 0 = 15, write 5, carry 1\n"
        "9 + 0 + 1 = 10, write 0, carry 1\n"
        "0 + 0 + 1 = 1, write 1, carry 0\n"
        "digits: 5 0 1\n"
        "#### 105"
    )
    assert worked_sum(12, 3, "msd_first").splitlines()[-2:] == ["digits: 1 5", "#### 15"]


@pytest.mark.parametrize("order", ORDERS)
def test_both_orders_are_read_as_the_same_sum_at_every_length(order: str) -> None:
    rng = random.Random(3)
    for length in range(1, 61):
        left, right = rng.randrange(10**length), rng.randrange(10**length)
        text = worked_sum(left, right, order)
        assert sum_in(text, order) == left + right
        assert false_lines(text) == 0
    assert sum_in("no digits here", order) is None


def test_the_order_decides_what_a_line_of_digits_means() -> None:
    """The trap: the same digits in the other order are another number, so the order is stored with the problem."""
    text = worked_sum(250, 171, "lsd_first")
    assert (sum_in(text, "lsd_first"), sum_in(text, "msd_first")) == (421, 124)
    assert false_lines(text.replace("= 12", "= 13")) == 1
    made = list(Addition(order="msd_first").synthesize(8, 1))
    assert {problem.meta["order"] for problem in made} == {"msd_first"}


def test_lengths_take_turns_and_reach_beyond_those_of_training() -> None:
    short = list(Addition(digits=[1, 2, 3, 4]).synthesize(80, 7))
    long = list(Addition(digits=[5, 6, 7, 8], split="evaluation").synthesize(80, 7))
    for length, made in ((3, short), (8, long)):
        of_length = [problem for problem in made if problem.level == length]
        assert len(of_length) == 20
        for problem in of_length:
            numbers = [word for word in str(problem.prompt).split() if word.isdigit()]
            assert max(map(len, numbers)) == length
            assert sum(map(int, numbers)) == int(problem.reference)


def test_no_sum_is_in_two_splits_not_even_with_its_numbers_exchanged() -> None:
    def pairs(split: str) -> set[tuple[str, ...]]:
        made = Addition(digits=[2], split=split).synthesize(300, 5)
        return {tuple(sorted(word for word in str(problem.prompt).split() if word.isdigit())) for problem in made}

    assert not pairs("train") & pairs("heldout")
    assert not pairs("train") & pairs("evaluation")


def test_the_shipped_verifier_accepts_the_worked_text() -> None:
    [problem] = Addition(digits=[30]).synthesize(1, 2)

    def judged(text: str, problem: Problem = problem) -> str:
        completion = Completion("c", problem.id, "e", "m", "", "curate", 0, None, text, "stop")
        return VERIFIERS["number"]().verify(problem, completion).outcome

    assert judged(problem.meta["solution"]) == "correct"
    assert judged(problem.meta["solution"][:-1] + "x") != "correct"


def test_what_it_cannot_make_is_said() -> None:
    with pytest.raises(SetupError, match=r"digits is \[0\]"):
        Addition(digits=[0])
    with pytest.raises(SetupError, match="unknown order"):
        Addition(order="lsd")
    with pytest.raises(SetupError, match="unknown split"):
        Addition(split="tset")
    with pytest.raises(SetupError, match="no more sums of length 1"):
        list(Addition(digits=[1]).synthesize(500, 1))
