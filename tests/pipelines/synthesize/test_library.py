"""The contract of every template, over the registry: a new template is tested the day it is added."""

import random
import re
from functools import cache
from typing import Any

import pytest

from rollmill.pipelines.synthesize.library import TEMPLATES
from rollmill.pipelines.synthesize.splits import EVALUATION_TEMPLATES
from rollmill.pipelines.synthesize.template import LEVELS, Params, Solution, solution_text
from rollmill.pipelines.synthesize.validation import check_steps, numbers_in, parameter_numbers, validate

# Every word that a template may write, so that a word-level tokenizer stays small; numbers are written in digits.
_TEXT = """
A After All Anna At Ben Dan Each Eva Find How In Ivy Leo Lily Machines Max Mia No Now One Pumps Sam Start The
Then There They Tom We What Which Zoe a add adds after age ages all and apples are art as at away back bags
balls before between blue books both box boxes buys by cards centimetres chess choose class classes coats
coins come common cookies cooking cost counter dance day days difference discount divide divides divisor do
does dollars door drives each eggs empty end every far feet finds foot for from get gets give gives goes
groups has hats have hour hours how if in inches is it keys know larger largest leaks learn left like litres
lose machine makes many metre metres miles minute minutes months more morning much multiplies multiply music
next none now number numbers of off old older on one or ounces out over pay pays pens people per percent
person piece pieces pound pounds pump puts ratio red result rides rope same seconds sell sells share shares
shells shirts shop sport stamps start starts stones subtract subtracts sum take takes tank than that the them
then there they this times to travel travels trip unit walks was water ways week weeks with writes x years you
younger
"""

WORDS = tuple(_TEXT.split())
PUNCTUATION = tuple("().,?=+*-/%#")

SEEDS = range(60)
EVERY = pytest.mark.parametrize("name", sorted(TEMPLATES))
SKILLS = [
    "ages",
    "chained arithmetic",
    "counting",
    "linear equations",
    "number theory",
    "rates",
    "ratios and percent",
    "unit conversion",
]


@cache
def instances(name: str, level: int) -> list[tuple[Params, list[str], Solution]]:
    template = TEMPLATES[name]()
    made = []
    for seed in SEEDS:
        params = template.sample(level, random.Random(seed))
        texts = [template.render(params, phrasing) for phrasing in range(template.phrasings)]
        made.append((params, texts, template.solve(params)))
    return made


def test_twenty_one_templates_over_eight_skills() -> None:
    assert len(TEMPLATES) == 21
    assert sorted({template().skill for template in TEMPLATES.values()}) == SKILLS


@EVERY
def test_passes_its_own_validation(name: str) -> None:
    assert [check.detail for check in validate(TEMPLATES[name]).checks if not check.passed] == []


@EVERY
def test_steps_lead_from_the_text_to_the_answer_at_every_level(name: str) -> None:
    constants = getattr(TEMPLATES[name], "constants", ())
    for level in LEVELS:
        for _, texts, solution in instances(name, level):
            for text in texts:
                assert check_steps(solution.steps, solution.answer, {*numbers_in(text), *constants}) is None


@EVERY
def test_a_second_way_of_solving_gives_the_same_answer(name: str) -> None:
    template: Any = TEMPLATES[name]()
    for level in LEVELS:
        for params, _, solution in instances(name, level):
            assert template.answer_check(params) == solution.answer


@EVERY
def test_each_level_has_one_step_more(name: str) -> None:
    more = 1 if name in EVALUATION_TEMPLATES else 0
    for level in LEVELS:
        assert {len(solution.steps) for _, _, solution in instances(name, level)} == {level + more}


@EVERY
def test_numbers_grow_with_the_level(name: str) -> None:
    def mean_digits(level: int) -> float:
        numbers = [n for _, _, solution in instances(name, level) for n in re.findall(r"\d+", " ".join(solution.steps))]
        return sum(map(len, numbers)) / len(numbers)

    assert mean_digits(1) < mean_digits(4) < mean_digits(8)


@EVERY
def test_answers_are_whole_and_never_negative_on_the_way(name: str) -> None:
    for level in LEVELS:
        for _, _, solution in instances(name, level):
            numbers = [part for step in solution.steps for part in step.split()[::2]]
            assert all(number.isdigit() for number in [*numbers, solution.answer])


@EVERY
def test_the_text_states_every_parameter(name: str) -> None:
    for level in LEVELS:
        for params, texts, _ in instances(name, level):
            for text in texts:
                assert {abs(number) for number in parameter_numbers(params)} <= numbers_in(text)


@EVERY
def test_texts_are_short_english_in_a_closed_vocabulary(name: str) -> None:
    known = {*WORDS, *PUNCTUATION}
    for level in LEVELS:
        for _, texts, solution in instances(name, level):
            for text in texts:
                tokens = re.findall(r"[A-Za-z]+|\d+|[^\w\s]", text)
                assert [token for token in tokens if not token.isdigit() and token not in known] == []
                assert "\n" not in text
                assert "  " not in text
                assert len(tokens) <= 100
            assert set(solution_text(solution)) <= set("0123456789 \n+-*/%=#")


def test_every_word_of_the_vocabulary_is_used() -> None:
    used: set[str] = set()
    for name in TEMPLATES:
        for level in LEVELS:
            for seed in range(120):
                template = TEMPLATES[name]()
                params = template.sample(level, random.Random(seed))
                for phrasing in range(template.phrasings):
                    used |= set(re.findall(r"[A-Za-z]+", template.render(params, phrasing)))
    assert sorted(set(WORDS) - used) == []
    assert len(WORDS) == 218


@EVERY
def test_phrasings_differ_and_instances_are_distinct(name: str) -> None:
    for level in LEVELS:
        made = instances(name, level)
        assert all(len(set(texts)) == 3 for _, texts, _ in made)
        assert len({texts[0] for _, texts, _ in made}) >= 40


def test_no_two_templates_ever_write_the_same_text() -> None:
    owner: dict[str, str] = {}
    for name in TEMPLATES:
        for level in LEVELS:
            for _, texts, _ in instances(name, level):
                for text in texts:
                    assert owner.setdefault(text, name) == name


def test_a_level_eight_problem_word_for_word() -> None:
    template = TEMPLATES["shop"]()
    params = template.sample(8, random.Random(3))
    assert template.render(params, 0) == SHOP_TEXT
    assert solution_text(template.solve(params)) == SHOP_SOLUTION


SHOP_TEXT = (
    "Sam buys 8 apples for 42 dollars each, 12 shells for 87 dollars each, 10 coins for 81 dollars each and 12 cards for 28"
    " dollars each. Sam pays with 2543 dollars. How many dollars does Sam get back?"
)
SHOP_SOLUTION = """42 * 8 = 336
87 * 12 = 1044
81 * 10 = 810
28 * 12 = 336
336 + 1044 = 1380
1380 + 810 = 2190
2190 + 336 = 2526
2543 - 2526 = 17
#### 17"""
