"""Planted bad templates: each of the five tests kills its class, and the hole that is left is shown too."""

import itertools
import random
from fractions import Fraction
from typing import Any

import pytest

from rollmill.ground.errors import SetupError
from rollmill.pipelines.synthesize.library.arithmetic import Basket
from rollmill.pipelines.synthesize.template import Params, Solution
from rollmill.pipelines.synthesize.validation import (
    CHECKS,
    check_steps,
    evaluate_line,
    fingerprint,
    numbers_in,
    require_valid,
    validate,
)


class Good:
    """Bags of marbles: the sound template that the bad ones below are mutants of."""

    name = "good"
    skill = "counting"
    phrasings = 2

    def sample(self, level: int, rng: random.Random) -> Params:
        return {"level": level, "bags": rng.randint(2, 9), "each": rng.randint(2, 9 * level), "more": rng.randint(1, 99)}

    def render(self, params: Params, phrasing: int) -> str:
        start = ("Mia has", "There are")[phrasing]
        return f"{start} {params['bags']} bags of {params['each']} marbles and {params['more']} more. How many marbles?"

    def solve(self, params: Params) -> Solution:
        bags = params["bags"] * params["each"]
        total = bags + params["more"]
        steps = (f"{params['bags']} * {params['each']} = {bags}", f"{bags} + {params['more']} = {total}")
        return Solution(steps, str(total))


class NoRender:
    name = "no render"
    skill = "counting"
    phrasings = 1

    def sample(self, level: int, _: random.Random) -> Params:
        return {"level": level}

    def solve(self, _: Params) -> Solution:
        return Solution(("1 + 1 = 2",), "2")


class CrashesAtLevelSix(Good):
    def solve(self, params: Params) -> Solution:
        return super().solve({**params, "each": params["each"] // (6 - params["level"])})


class NoSteps(Good):
    def solve(self, params: Params) -> Solution:
        return Solution((), super().solve(params).answer)


class ParametersNoJsonHolds(Good):
    def sample(self, level: int, rng: random.Random) -> Params:
        return {**super().sample(level, rng), "seen": {1, 2}}


class ZeroDegreesOfFreedom(Good):
    def sample(self, level: int, rng: random.Random) -> Params:
        return {**super().sample(level, rng), "bags": 3, "each": 4, "more": 5}


class ConstantSolver(Good):
    def solve(self, params: Params) -> Solution:
        return super().solve({**params, "bags": 3, "each": 4, "more": 5})


class CountsItsCalls(Good):
    calls = itertools.count()

    def solve(self, params: Params) -> Solution:
        return super().solve({**params, "more": params["more"] + next(self.calls)})


class OwnChance(Good):
    def sample(self, level: int, rng: random.Random) -> Params:
        return super().sample(level, rng.__class__())


class OneTextManyAnswers(Good):
    def render(self, params: Params, phrasing: int) -> str:
        return super().render({**params, "bags": 2, "each": 3, "more": 4}, phrasing)


class TextDropsANumber(Good):
    def render(self, params: Params, phrasing: int) -> str:
        few = "a few" if params["more"] < 50 else "many"
        return f"Mia has {params['bags']} bags of {params['each']} marbles and {few} more. How many? ({phrasing})"


class TextSaysOneMore(Good):
    def render(self, params: Params, phrasing: int) -> str:
        return super().render({**params, "more": params["more"] + 100}, phrasing)


class CodeUsesAnotherNumber(Good):
    def solve(self, params: Params) -> Solution:
        return super().solve({**params, "more": params["more"] + 1000})


class FalseStep(Good):
    def solve(self, params: Params) -> Solution:
        solution = super().solve(params)
        return Solution((solution.steps[0], solution.steps[1] + "0"), solution.answer)


class AnswerNotOfTheSteps(Good):
    def solve(self, params: Params) -> Solution:
        solution = super().solve(params)
        return Solution(solution.steps, str(int(solution.answer) + 1))


class TextSubtractsCodeAdds(Good):
    def render(self, params: Params, phrasing: int) -> str:
        return super().render(params, phrasing).replace("and", "less")


class TextSubtractsAndSaysSo(TextSubtractsCodeAdds):
    def answer_check(self, params: Params) -> str:
        return str(params["bags"] * params["each"] - params["more"])


@pytest.mark.parametrize(
    ("bad", "check", "detail"),
    [
        (NoRender, "is_extractable", "it has no usable render"),
        (object, "is_extractable", "it has no usable name, skill, phrasings, sample, render, solve"),
        (CrashesAtLevelSix, "is_executable", "ZeroDivisionError"),
        (NoSteps, "is_executable", "a solution at level 1 has no steps"),
        (ParametersNoJsonHolds, "is_executable", "TypeError: Object of type set is not JSON serializable"),
        (ZeroDegreesOfFreedom, "has_dof", "12 instances at level 1 have the same parameters"),
        (ConstantSolver, "has_dof", "12 instances at level 1 have the same answers"),
        (OneTextManyAnswers, "has_dof", "have the same texts"),
        (CountsItsCalls, "single_valued", "level 1, seed 0 gives another instance when asked again"),
        (OwnChance, "single_valued", "level 1, seed 0 gives another instance when asked again"),
        (TextDropsANumber, "matches_original", "is not in the text"),
        (TextSaysOneMore, "matches_original", "is not in the text"),
        (CodeUsesAnotherNumber, "matches_original", "which is neither in the text nor an earlier result"),
        (FalseStep, "matches_original", "is not true"),
        (AnswerNotOfTheSteps, "matches_original", "is not what the last step gives"),
        (TextSubtractsAndSaysSo, "matches_original", "answer_check"),
    ],
)
def test_a_planted_bad_template_fails_its_test(bad: type[Any], check: str, detail: str) -> None:
    found = {result.name: result for result in validate(bad).checks}
    assert not found[check].passed
    assert detail in found[check].detail


def test_the_sound_template_passes_all_five() -> None:
    validation = validate(Good)
    assert validation.passed
    assert [check.name for check in validation.checks] == list(CHECKS)
    assert validation.failures == ()


def test_every_test_is_recorded_even_when_an_early_one_fails() -> None:
    validation = validate(NoRender)
    assert [(check.name, check.passed) for check in validation.checks] == [(name, False) for name in CHECKS]
    assert validation.checks[4].detail == "not reached"


def test_one_text_with_two_answers_is_not_single_valued() -> None:
    class FewTexts(Good):
        def render(self, params: Params, phrasing: int) -> str:
            return f"Mia has {params['bags']} bags. How many marbles? ({phrasing})"

    found = {check.name: check for check in validate(FewTexts).checks}
    assert not found["single_valued"].passed
    assert found["single_valued"].detail.startswith("one text has the answers")


def test_the_known_hole_a_text_that_means_something_else_passes_without_a_second_solver() -> None:
    assert validate(TextSubtractsCodeAdds).passed


def test_an_object_is_validated_like_its_class() -> None:
    assert validate(Basket()).passed


def test_require_valid_names_the_first_failed_test() -> None:
    with pytest.raises(SetupError, match=r"template 'mine\.py:T' fails has_dof: 12 instances at level 1"):
        require_valid(ZeroDegreesOfFreedom, "mine.py:T")


def test_the_fingerprint_tells_templates_apart() -> None:
    assert fingerprint(Good) == fingerprint(Good())
    assert fingerprint(Good) != fingerprint(TextSubtractsCodeAdds)


@pytest.mark.parametrize(
    ("line", "result"),
    [
        ("12 + 7 = 19", Fraction(19)),
        ("7 - 12 = -5", Fraction(-5)),
        ("0.5 * 3 = 1.5", Fraction(3, 2)),
        ("3 / 4 = 3/4", Fraction(3, 4)),
        ("17 % 5 = 2", Fraction(2)),
    ],
)
def test_true_lines(line: str, result: Fraction) -> None:
    assert evaluate_line(line)[2] == result


@pytest.mark.parametrize(
    "line", ["12 + 7 = 20", "12 / 0 = 0", "12 % 0 = 0", "12+7=19", "a + 7 = 19", "1 + 2 + 3 = 6", "2 ^ 3 = 8", ""]
)
def test_lines_that_are_not_true_or_no_steps(line: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        evaluate_line(line)


def test_steps_that_lead_from_the_given_numbers_to_the_answer() -> None:
    assert check_steps(["12 + 7 = 19", "19 * 2 = 38"], "38", [12, 7, 2]) is None
    assert check_steps(["10 % 5 = 0"], "5", [10, 5]) is None


def test_a_number_from_nowhere() -> None:
    found = check_steps(["12 + 8 = 20"], "20", [12, 7])
    assert found == "'12 + 8 = 20' uses 8, which is neither in the text nor an earlier result"


def test_an_answer_the_steps_do_not_give() -> None:
    assert check_steps(["12 + 7 = 19"], "20", [12, 7]) == "the answer 20 is not what the last step gives"
    assert check_steps(["12 + 7 = 19"], "many", [12, 7]) == "Invalid literal for Fraction: 'many'"
    assert check_steps([], "19", [19]) == "the answer 19 is not what the last step gives"


def test_numbers_of_a_text() -> None:
    assert numbers_in("Tom has 12 pens, 3 at 2.5 each (x + 7).") == {12, 3, Fraction(5, 2), 7}
