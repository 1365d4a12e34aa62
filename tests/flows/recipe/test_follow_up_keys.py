"""Keys of steps that follow others: those that change what is asked count, and one that would change nothing is refused."""

from pathlib import Path

import pytest

from rollmill.flows.recipe.load import LoadedRecipe, load_recipe
from rollmill.ground.errors import SetupError

HEAD = "recipe_schema: 1\nname: tiny\nproblems: {synthesize: templates, count: 8}\nsteps:\n  - {name: solve}\n"
SHOWN = "examples: [{prompt: 'What is 1 + 1?', answer: '#### 2'}]"


def loaded(folder: Path, *steps: str) -> LoadedRecipe:
    path = folder / "r.yaml"
    path.write_text(HEAD + "".join(f"  - {{{step}}}\n" for step in steps))
    return load_recipe(path)


def test_a_follow_up_shows_examples_of_its_own_and_none_of_generate(tmp_path: Path) -> None:
    again = 'name: again, template: "{prompt} {solve}"'
    recipe = loaded(tmp_path, f"{again}, {SHOWN}", 'name: plain, template: "{prompt} {solve}"')
    shown = {step.name: [example.answer for example in step.generate.examples] for step in recipe.steps}
    assert shown == {"solve": [], "again": ["#### 2"], "plain": []}
    (tmp_path / "r.yaml").write_text(f"{HEAD}  - {{{again}}}\ngenerate: {{{SHOWN}}}\n")
    assert [len(step.generate.examples) for step in load_recipe(tmp_path / "r.yaml").steps] == [1, 0]


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (f'name: more, turn: continue, template: "{{solve}}", {SHOWN}', "examples changes none of its words"),
        ('name: made, engine: compose, template: "{solve}", system_prompt: "Be brief."', "system_prompt changes none"),
    ],
)
def test_a_key_that_changes_no_word_of_a_follow_up_is_refused(tmp_path: Path, step: str, message: str) -> None:
    with pytest.raises(SetupError, match=message):
        loaded(tmp_path, step)


def test_follow_ups_that_repeat_one_another_are_refused(tmp_path: Path) -> None:
    """They would be one completion under two names."""
    follow = 'template: "{prompt} {solve}", when: {solve: incorrect}'
    with pytest.raises(SetupError, match="steps 'one' and 'two' differ in max_tokens and stop at most"):
        loaded(tmp_path, f"name: one, {follow}", f"name: two, {follow}, max_tokens: 9")
    loaded(tmp_path, f"name: one, {follow}", f"name: two, {follow.replace('incorrect', 'correct')}")
