"""Transforms of benchmarks: keys stay right, sources stay as they are, every problem says where it comes from."""

import copy
import re
from typing import Any

import pytest

from rollmill.ground.records import Problem
from rollmill.pipelines.synthesize import SYNTHESIZERS, TRANSFORMS
from rollmill.pipelines.synthesize.derived.chains import chains
from rollmill.pipelines.synthesize.derived.new_numbers import new_numbers
from rollmill.pipelines.synthesize.derived.none_of_the_above import NONE, none_of_the_above
from rollmill.pipelines.synthesize.library import TEMPLATES
from rollmill.pipelines.verify.choice import options_of

MADE = tuple(SYNTHESIZERS["templates"]().synthesize(160, 3))


def item(number: int, *, question: str = "What colour has item", right: str = "B") -> Problem:
    texts = {letter: f"shade {letter.lower()}{number}" for letter in "ABCD"}
    listed = "\n".join(f"{letter}) {text}" for letter, text in texts.items())
    return Problem(f"{question} {number}?\n{listed}", right, kind="choice", meta={"options": texts})


@pytest.mark.parametrize("name", TRANSFORMS)
def test_a_transform_is_deterministic_says_its_sources_and_changes_none_of_them(name: str) -> None:
    problems = [*MADE[:40], *(item(number) for number in range(5))]
    before = copy.deepcopy(problems)
    made = TRANSFORMS[name](problems, 5)
    assert made == TRANSFORMS[name](list(problems), 5)
    assert problems == before
    assert made != TRANSFORMS[name](problems, 6)
    known = {problem.id for problem in problems}
    for problem in made:
        assert problem.meta["made"]["by"] == name
        assert problem.meta["made"]["seed"] == 5
        assert set(problem.meta["made"]["sources"]) <= known


def test_the_new_option_is_right_where_it_replaced_the_right_one_and_the_key_is_right_elsewhere() -> None:
    problems = [item(number) for number in range(2_000)]
    made = none_of_the_above(problems, 1)
    flipped = 0
    for source, problem in zip(problems, made, strict=True):
        options = options_of(problem.meta, str(problem.prompt))
        assert dict(options) == dict(options_of({}, str(problem.prompt)))  # what is stored is what is shown
        assert options["D"] == NONE
        hidden, right = problem.meta["made"]["hidden"], source.meta["options"]["B"]
        assert hidden not in options.values()
        assert options[problem.reference] == (NONE if hidden == right else right)
        flipped += hidden == right
    assert 438 <= flipped <= 562  # 1 in 4 of 2,000, within 3.2 standard errors


def test_the_source_keeps_its_options_and_its_key() -> None:
    """Trap: a shallow copy of a plain dict gives the source another right option."""
    source = item(1)
    none_of_the_above([source], 3)
    assert (source.reference, source.meta["options"]["B"]) == ("B", "shade b1")


def test_items_that_would_make_no_sense_are_left_and_say_why() -> None:
    best = item(1, question="Which is the best name of item")
    about = Problem("Pick one.\nA) red\nB) blue\nC) All of the above", "C", kind="choice")
    made = none_of_the_above([best, about, Problem("What is 2 + 2?", "4")], 1)
    assert [problem.meta["made"]["left"] for problem in made] == [
        "the question compares options (best)",
        "an option speaks of the others",
    ]
    assert [(problem.prompt, problem.reference) for problem in made] == [
        (best.prompt, best.reference),
        (about.prompt, about.reference),
    ]


def test_new_numbers_keep_the_graph_and_the_people_and_have_the_answer_of_the_program() -> None:
    made = new_numbers([*MADE, Problem("What is 2 + 2?", "4")], 1)
    by_id = {problem.id: problem for problem in MADE}
    assert len(made) > 100
    for problem in made:
        source = by_id[problem.meta["made"]["sources"][0]]
        assert (problem.meta["graph"], problem.template, problem.level) == (
            source.meta["graph"],
            source.template,
            source.level,
        )
        assert problem.meta["params"].get("who") == source.meta["params"].get("who")
        assert problem.reference != source.reference == problem.meta["made"]["old_answer"]
        assert TEMPLATES[str(problem.template)]().solve(problem.meta["params"]).answer == problem.reference


def test_a_chain_is_two_problems_joined_by_the_first_answer() -> None:
    made = chains(MADE, 1)
    groups = [made[start : start + 3] for start in range(0, len(made), 3)]
    assert len(groups) > 40
    by_id = {problem.id: problem for problem in MADE}
    sources: list[str] = []
    for first, second, whole in groups:
        assert first.id in by_id
        assert whole.meta["parts"] == [first.id, second.id]
        assert second.reference == whole.reference
        asked = str(whole.prompt).rpartition("Now solve this one: ")[2]
        assert re.sub(r"\bX\b", first.reference, asked) == second.prompt
        assert str(first.prompt) in str(whole.prompt)
        assert len(re.findall(r"\bX\b", asked)) == 1
        sources += whole.meta["made"]["sources"]
        assert set(whole.meta["made"]["sources"]) <= by_id.keys()
    assert len(sources) == len(set(sources))


def test_the_answer_of_a_chain_follows_when_the_second_problem_is_solved_with_the_number() -> None:
    """Solved by reading the text: a changing stock, whose every number stands in it."""
    stocks = list(SYNTHESIZERS["templates"](templates=["basket"], levels=[1, 2, 3]).synthesize(90, 5))
    solved = 0
    for _, second, _ in _groups(chains(stocks, 2)):
        start, changes = str(second.prompt).split(". Then ", 1)
        total = int(re.findall(r"\d+", start)[0])
        for deed, number in re.findall(r"(finds|gives away|puts in|takes out|buys|sells) (\d+)", changes):
            total += int(number) * (1 if deed in ("finds", "puts in", "buys") else -1)
            assert total >= 0
        assert str(total) == second.reference
        solved += 1
    assert solved > 15


def _groups(made: list[Problem]) -> list[list[Any]]:
    return [made[start : start + 3] for start in range(0, len(made), 3)]


def passage(answer: str, kind: str, other: str = "", **meta: Any) -> Problem:
    told = f"The prize went to {answer}. {other}{answer}'s friends were glad."
    return Problem(f"{told}\nWho or what got the prize?", answer, meta={"answer_type": kind, **meta})


def test_an_answer_in_the_text_becomes_another_of_its_type_everywhere() -> None:
    asked = [
        passage("Ada Byron", "person", "Lovelace smiled. ", aliases=["Lovelace", "Ada"]),
        passage("Alan Turing", "person"),
        passage("Paris", "place"),
        passage("Rome", "place"),
        passage("1984", "year"),
    ]
    made = TRANSFORMS["other_answer"](asked, 1)
    by_source = {problem.meta["made"]["sources"][0]: problem for problem in made}
    assert len(made) == 4  # a year has no other year
    ada = by_source[asked[0].id]
    assert (ada.reference, ada.meta["made"]["old_answer"]) == ("Alan Turing", "Ada Byron")
    assert not re.search("Ada|Byron|Lovelace", str(ada.prompt))  # trap: an alias would tell the old answer
    assert str(ada.prompt).count("Alan Turing") == 3
    assert {by_source[asked[at].id].reference for at in (2, 3)} == {"Rome", "Paris"}
    assert by_source[asked[1].id].reference == "Ada Byron"


def test_a_text_without_its_answer_or_with_every_other_one_is_left_out() -> None:
    hidden = Problem("Who wrote it?", "Ada", meta={"answer_type": "person"})
    both = passage("Alan", "person", "Ada was there. ")
    part = passage("Rome", "place", "Romeo and Romes are no places. ")
    made = TRANSFORMS["other_answer"]([hidden, both, part, passage("Oslo", "place")], 1)
    assert [problem.meta["made"]["old_answer"] for problem in made] == ["Rome", "Oslo"]
    assert "Romeo and Romes" in str(made[0].prompt)  # a part of another word stays
