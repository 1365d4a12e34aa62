"""Problems of choice out of open ones: one key, no option twice in other words, wrong options that models gave."""

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Outcome, Problem
from rollmill.pipelines.synthesize import SYNTHESIZERS
from rollmill.pipelines.synthesize.derived.distractors import Distractors, near, wrong_answers
from rollmill.pipelines.synthesize.derived.none_of_the_above import NONE
from rollmill.pipelines.synthesize.derived.recomputed import contradicted
from rollmill.pipelines.synthesize.sources import Source, SourceRollout
from rollmill.pipelines.verify.choice import options_of

PROBLEM = Problem("How many apples?", "1/2", kind="math")


def rollout(problem: Problem, answer: str | None, outcome: Outcome = "incorrect", number: int = 0) -> SourceRollout:
    return SourceRollout(problem.id, f"c{number}", "", f"#### {answer}", outcome, answer, False, True)


def made(
    problems: Sequence[Problem], rollouts: Sequence[SourceRollout], budget: int = 1_000, **options: object
) -> list[Problem]:
    source = Source("toy@v1", "0" * 64, tuple(problems), lambda: iter(rollouts))
    return list(Distractors(source=source, **options).synthesize(budget, 5))  # type: ignore[arg-type]


def test_the_most_frequent_wrong_answers_are_the_options_and_the_key_is_the_reference() -> None:
    answers = ["7"] * 3 + ["8"] * 2 + ["9", "10"]
    [new] = made([PROBLEM], [rollout(PROBLEM, answer) for answer in answers], options=3)
    assert set(new.meta["options"].values()) == {"1/2", "7", "8"}
    assert new.meta["options"][new.reference] == "1/2"
    assert dict(options_of({}, str(new.prompt))) == new.meta["options"]
    lineage = new.meta["made"]
    assert (lineage["reference"], lineage["wrong"], lineage["sources"]) == ("carried", {"7": 3, "8": 2}, [PROBLEM.id])
    assert (new.kind, new.tests) == ("choice", ())


@pytest.mark.parametrize("spelling", ["0.5", "1/2", "\\frac{1}{2}", "50%", "$\\frac12$", " .5 "])
def test_the_key_in_other_words_is_no_distractor(spelling: str) -> None:
    """Trap: a verifier that called a right answer wrong would give the problem two keys."""
    answers = [spelling] * 5 + ["7", "8", "9"]
    [new] = made([PROBLEM], [rollout(PROBLEM, answer) for answer in answers])
    assert sorted(new.meta["options"].values()) == ["1/2", "7", "8", "9"]


def test_no_option_stands_twice_in_other_words() -> None:
    answers = ["1,000", "1000", "1000.0", "7", "8"]
    [new] = made([PROBLEM], [rollout(PROBLEM, answer) for answer in answers])
    assert len(new.meta["options"]) == 4
    assert {"7", "8"} < set(new.meta["options"].values())
    assert not made([PROBLEM], [rollout(PROBLEM, answer) for answer in answers[:3]])


def test_what_was_ever_called_right_is_no_distractor() -> None:
    rollouts = [rollout(PROBLEM, "7"), rollout(PROBLEM, "7.0", "correct"), rollout(PROBLEM, "8"), rollout(PROBLEM, None)]
    assert wrong_answers(rollouts) == {PROBLEM.id: {"8": 1}}


def test_the_key_stands_in_every_place_alike() -> None:
    problems = [Problem(f"How many apples in basket {number}?", "5") for number in range(2_000)]
    new = made(problems, [rollout(problem, answer) for problem in problems for answer in ("1", "2", "3")], budget=2_000)
    for letter in "ABCD":
        assert 438 <= sum(problem.reference == letter for problem in new) <= 562  # 1 in 4, within 3.2 standard errors


def test_too_few_wrong_answers_are_filled_up_only_when_asked() -> None:
    five = Problem("How many?", "5")
    assert made([five], [rollout(five, "7")]) == []
    [new] = made([five], [rollout(five, "7")], fill=True)
    assert len(set(new.meta["options"].values())) == 4
    assert new.meta["made"]["wrong"]["7"] == 1
    assert sorted(new.meta["made"]["wrong"].values()) == [0, 0, 1]
    assert made([replace(five, reference="x + 1")], [rollout(five, "7")], fill=True) == []


def test_none_of_the_above_keeps_the_key_right_and_the_lineage_whole() -> None:
    problems = list(SYNTHESIZERS["templates"](levels=(1, 2)).synthesize(120, 3))
    rollouts = [rollout(problem, str(int(problem.reference) + step)) for problem in problems for step in (1, 2, 3)]
    new = made(problems, rollouts, none_of_the_above=True)
    assert len(new) == 120
    hidden_key = 0
    for problem in new:
        lineage = problem.meta["made"]
        assert lineage["by"] == "distractors"
        assert lineage["sources"][0] in {one.id for one in problems}
        if "left" in lineage:
            continue
        right = problem.meta["options"][problem.reference]
        assert right == (NONE if lineage["right"] else lineage["answer"])
        hidden_key += lineage["right"]
        assert contradicted(problem) is False
    assert 15 <= hidden_key <= 45
    wrong = replace(new[0], reference=next(letter for letter in "ABCD" if letter != new[0].reference))
    assert contradicted(wrong) is True


def test_what_it_cannot_make_is_said() -> None:
    with pytest.raises(SetupError, match="options 1"):
        Distractors(options=1)


def test_no_problem_is_built_beyond_the_budget() -> None:
    unread: Problem = None  # type: ignore[assignment]
    assert len(made([PROBLEM, unread], [rollout(PROBLEM, answer) for answer in "789"], budget=1)) == 1


@pytest.mark.parametrize("reference", ["²", "9" * 5_000, "x", "-3"])
def test_nothing_is_near_what_is_no_whole_number(reference: str) -> None:
    assert near(reference, random.Random(0)) == []
