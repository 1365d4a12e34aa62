"""Worked examples chosen for each problem: nearest by hand-computed BM25, random by seed, and as many for each."""

import math
from pathlib import Path

import pytest

from rollmill.flows.recipe.load import load_recipe
from rollmill.ground.errors import SetupError
from rollmill.ground.records import Problem
from rollmill.pipelines.contamination.texts import tokens
from rollmill.pipelines.generate.example_choice import Example, ExampleChoice
from rollmill.pipelines.generate.prompts import PromptForm

SET = tuple(
    Example(text, str(at))
    for at, text in enumerate(
        (
            "Sort a list of words.",
            "Reverse a list.",
            "Add two numbers and print the sum.",
            "Read a file of numbers and sort the numbers.",
            "Say hello.",
        )
    )
)


def score(example: Example, question: str) -> float:
    """Okapi BM25 with k1 1.2 and b .75, by its definition."""
    documents = [tokens(other.question) for other in SET]
    words, mean = tokens(example.question), sum(map(len, documents)) / len(documents)
    total = 0.0
    for word in set(tokens(question)) & set(words):
        having = sum(word in other for other in documents)
        count = words.count(word)
        rarity = math.log(1 + (len(SET) - having + 0.5) / (having + 0.5))
        total += rarity * count * 2.2 / (count + 1.2 * (0.25 + 0.75 * len(words) / mean))
    return total


def shown(choice: ExampleChoice, question: str) -> list[str]:
    return [example.answer for example in choice.of(question, SET)]


@pytest.mark.parametrize("question", ["Sort the numbers of a file.", "Reverse the words.", "Say the sum."])
def test_the_nearest_by_bm25_come_last(question: str) -> None:
    ranked = sorted(range(5), key=lambda at: (-score(SET[at], question), at))
    assert shown(ExampleChoice("nearest", 3), question) == [str(at) for at in reversed(ranked[:3])]


def test_random_ones_depend_on_seed_and_problem_alone() -> None:
    questions = [f"Question {number}?" for number in range(60)]
    first, again, other = (
        [shown(ExampleChoice("random", 2, seed), question) for question in questions] for seed in (1, 1, 2)
    )
    assert first == again != other
    assert len({tuple(pair) for pair in first}) == 20  # every ordered pair: the order varies too
    assert all(len(set(pair)) == 2 for pair in first)


def test_a_prompt_has_the_examples_of_its_problem_and_skill() -> None:
    skilled = (*SET, Example("Sort the numbers of a file in Rust.", "rust", "rust"))
    form = PromptForm("{prompt}", None, skilled, one_text=True, choice=ExampleChoice("nearest", 1))
    asked = "Sort the numbers of a file."
    assert str(form.prompt_for(Problem(asked, ""))).startswith("Read a file of numbers and sort the numbers. 3\n")
    assert str(form.prompt_for(Problem(asked, "", skill="rust"))).startswith("Read a file")
    rusty = str(form.prompt_for(Problem("Sort a file in Rust.", "", skill="rust")))
    assert rusty.startswith("Sort the numbers of a file in Rust. rust\n")
    assert str(form.prompt_for(Problem("Xyz", ""))).startswith("Sort a list of words. 0\n")  # none is near: as many shown


RECIPE = """\
recipe_schema: 1
name: shown
problems: {{imported: set}}
generate: {{model: m, examples_from: {{{0}}}}}
verify: [{{method: number}}]
"""


def test_a_recipe_without_the_choice_keeps_its_form_and_ids_go_without(tmp_path: Path) -> None:
    def canonical(part: str) -> object:
        path = tmp_path / "r.yaml"
        path.write_text(RECIPE.format(part))
        return load_recipe(path).canonical()["generate"]["examples_from"]

    plain = canonical("count: 2")
    assert plain == canonical("count: 2, choose: first")
    assert isinstance(plain, dict)
    assert not {"choose", "seed"} & plain.keys()
    assert canonical("count: 2, choose: nearest") == {**plain, "choose": "nearest"}
    with pytest.raises(SetupError, match="and so does choose"):
        canonical("ids: [a], choose: random")
    with pytest.raises(SetupError, match="choose"):
        canonical("choose: bm25")
