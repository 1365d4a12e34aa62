"""The synthesizer over templates: balance, distinctness, purity, regeneration, and what it refuses."""

import json
from collections import Counter
from itertools import islice
from typing import Any

import pytest

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Problem
from rollmill.pipelines.synthesize import SYNTHESIZERS
from rollmill.pipelines.synthesize.splits import TRAIN_TEMPLATES
from rollmill.pipelines.synthesize.templates import Templates, regenerate
from rollmill.storage.segments.schema import from_table, to_table


def made(count: int, seed: int = 7, **options: Any) -> list[Problem]:
    return list(Templates(**options).synthesize(count, seed))


def test_it_is_registered_and_needs_no_arguments() -> None:
    assert SYNTHESIZERS["templates"]().name == "templates"
    assert SYNTHESIZERS["templates"]().version == "1"


def test_balanced_over_levels_and_then_templates() -> None:
    problems = made(8 * 18 * 2)
    assert Counter(problem.level for problem in problems) == dict.fromkeys(range(1, 9), 36)
    assert Counter(problem.template for problem in problems) == dict.fromkeys(TRAIN_TEMPLATES, 16)
    pairs = Counter((problem.level, problem.template) for problem in problems)
    assert set(pairs.values()) == {2}


def test_prompts_are_distinct() -> None:
    problems = made(2000)
    assert len({problem.prompt for problem in problems}) == 2000
    assert len({problem.id for problem in problems}) == 2000


def test_a_pure_function_of_options_budget_and_seed_and_prefix_of_a_larger_budget() -> None:
    assert made(50) == made(50)
    assert made(80)[:50] == made(50)
    assert {problem.id for problem in made(50)} != {problem.id for problem in made(50, seed=8)}


def test_the_fields_of_a_problem() -> None:
    problem = made(1, levels=[3], templates=["shop"])[0]
    assert (problem.kind, problem.source, problem.licence) == ("number", "rollmill-templates", "Apache-2.0")
    assert (problem.level, problem.skill, problem.template, problem.split) == (3, "chained arithmetic", "shop", "train")
    assert sorted(problem.meta) == ["graph", "params", "phrasing", "seed", "steps"]
    assert problem.meta["graph"] == "+(*(n,n),*(n,n))"
    assert problem.meta["steps"] == 3
    assert problem.reference.isdigit()


@pytest.mark.parametrize("split", ["train", "heldout", "evaluation"])
def test_any_row_is_regenerated_byte_for_byte_even_after_storage(split: str) -> None:
    problems = made(120, split=split)
    assert [regenerate(problem) for problem in problems] == problems
    stored = from_table("problems", to_table("problems", problems))
    assert [regenerate(problem) for problem in stored] == problems
    assert json.loads(json.dumps(problems[0].meta)) == problems[0].meta


def test_options_choose_levels_templates_and_skills() -> None:
    problems = made(24, levels=[8, 2], skills=["ages", "rates"])
    assert {problem.level for problem in problems} == {2, 8}
    assert {problem.template for problem in problems} == {"age_chain", "age_sum", "tank", "trips"}
    assert {problem.template for problem in made(10, templates=["rope", "clubs"])} == {"rope", "clubs"}


def test_it_is_lazy() -> None:
    assert len(list(islice(Templates().synthesize(10**9, 1), 20))) == 20


def test_more_distinct_problems_than_exist_is_a_setup_error() -> None:
    with pytest.raises(SetupError, match=r"only \d+ distinct problems were found at level 1 of split 'heldout'") as caught:
        made(100_000, levels=[1], templates=["outfits"], split="heldout")
    assert caught.value.next_command == "ask for fewer problems, or for more levels or templates"


def test_a_template_without_more_problems_leaves_its_place_to_the_others() -> None:
    problems = made(700, levels=[1], templates=["linear", "basket"], split="heldout")
    counts = Counter(problem.template for problem in problems)
    assert 100 < counts["linear"] < 350 < counts["basket"]
    assert sum(counts.values()) == 700


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"levels": []}, "levels is empty. Valid: 1, 2, 3, 4, 5, 6, 7, 8."),
        ({"levels": [0]}, "there is no level 0. Valid: 1, 2, 3, 4, 5, 6, 7, 8."),
        ({"levels": ["hard"]}, "there is no level 'hard'. Valid: 1, 2, 3, 4, 5, 6, 7, 8."),
        ({"levels": [True]}, "there is no level True. Valid: 1, 2, 3, 4, 5, 6, 7, 8."),
        ({"split": "evalaution"}, "Did you mean 'evaluation'"),
        ({"templates": ["shopp"]}, "unknown template 'shopp'. Did you mean 'shop'"),
        ({"templates": ["age_gap"]}, "template 'age_gap' is not in split 'train'"),
        (
            {"templates": ["shop"], "split": "evaluation"},
            "template 'shop' is not in split 'evaluation'. Valid: catch_up, age_gap",
        ),
        ({"templates": []}, "no template is left with these options"),
        ({"skills": ["age"]}, "unknown skill 'age'. Did you mean 'ages'"),
        ({"skills": []}, "no template is left with these options"),
    ],
)
def test_wrong_options_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(SetupError) as caught:
        Templates(**options)
    assert message in str(caught.value)


@pytest.mark.parametrize("budget", [0, -3])
def test_a_budget_below_one_is_refused_at_once(budget: int) -> None:
    with pytest.raises(SetupError, match="a budget of"):
        Templates().synthesize(budget, 1)


def test_a_problem_that_no_template_made_cannot_be_regenerated() -> None:
    with pytest.raises(SetupError, match="unknown template 'None'"):
        regenerate(Problem(prompt="What is 1 + 1?", reference="2"))
    with pytest.raises(SetupError, match="was not made by a template"):
        regenerate(Problem(prompt="What is 1 + 1?", reference="2", template="shop"))
