"""Forms of a prompt: where the problem goes, and that nothing else in form or problem is touched."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollmill.ground.errors import SetupError
from rollmill.ground.formats.prompt_template import check_template, fill_template, plain_text
from rollmill.ground.records import Message, Problem
from rollmill.pipelines.generate.example_choice import Example
from rollmill.pipelines.generate.prompts import PromptForm

SHORT = "Answer with the number only.\n{prompt}"
SUM = Problem("1 + 1?", "2", skill="sums")


def test_the_problem_stands_where_the_form_says() -> None:
    assert fill_template("1 + 1?", SHORT) == "Answer with the number only.\n1 + 1?"
    assert fill_template("1 + 1?", "{prompt} {x} {prompt}") == "1 + 1? {x} 1 + 1?"


@given(st.text())
def test_braces_of_a_problem_mean_themselves(prompt: str) -> None:
    assert fill_template(prompt, "{prompt}") == prompt
    assert fill_template(prompt, "a {prompt} b") == f"a {prompt} b"


def test_in_a_conversation_the_form_is_put_around_the_users_last_words() -> None:
    said = (Message("system", "Be brief."), Message("user", "2?"), Message("assistant", "2"), Message("user", "3?"))
    filled = fill_template(said, SHORT)
    assert filled[:3] == said[:3]
    assert filled[3] == Message("user", "Answer with the number only.\n3?")


def test_a_conversation_without_a_user_has_no_place_for_a_form() -> None:
    with pytest.raises(SetupError, match="without a user's message"):
        fill_template((Message("system", "Hello."),), SHORT)


def test_a_form_without_a_place_is_refused() -> None:
    check_template(SHORT)
    with pytest.raises(SetupError, match="every problem would be the same prompt"):
        check_template("Think.")


def test_worked_examples_stand_before_the_problem_in_the_same_words() -> None:
    shown = (Example("2 + 2?", "4"),)
    assert PromptForm(SHORT).prompt_for(SUM) == fill_template("1 + 1?", SHORT)
    assert PromptForm(SHORT, examples=shown).prompt_for(SUM) == (
        Message("user", "Answer with the number only.\n2 + 2?"),
        Message("assistant", "4"),
        Message("user", "Answer with the number only.\n1 + 1?"),
    )
    assert plain_text(PromptForm(examples=shown).prompt_for(SUM)) == "2 + 2?\n\n4\n\n1 + 1?"


def test_worked_examples_stand_behind_system_messages() -> None:
    talk = (Message("system", "Be brief."), Message("user", "1 + 1?"))
    turns = PromptForm(examples=(Example("2 + 2?", "4"), Example("3 + 3?", "6"))).prompt_for(Problem(talk, "2"))
    assert isinstance(turns, tuple)
    assert [message.role for message in turns] == ["system", "user", "assistant", "user", "assistant", "user"]
    assert turns[-1].content == "1 + 1?"


def test_one_text_has_the_answers_behind_their_questions_and_ends_where_the_model_goes_on() -> None:
    shown = (Example("2 + 2?", "4"), Example("3 + 3?", "6"))
    form = PromptForm("Q: {prompt}\nA:", "Sums.", shown, one_text=True)
    assert form.prompt_for(SUM) == "Sums.\n\nQ: 2 + 2?\nA: 4\n\nQ: 3 + 3?\nA: 6\n\nQ: 1 + 1?\nA:"
    lines = PromptForm("{prompt}\n", examples=shown[:1], one_text=True)
    assert lines.prompt_for(SUM) == "2 + 2?\n4\n\n1 + 1?\n"
    assert PromptForm(examples=(Example("", "4"),), one_text=True).prompt_for(SUM) == "4\n\n1 + 1?"


def test_examples_of_a_skill_stand_before_its_problems_only() -> None:
    form = PromptForm(examples=(Example("2 + 2?", "4", "sums"), Example("2 * 3?", "6", "products"), Example("1?", "1")))
    assert [one.question for one in form.shown_before(SUM)] == ["2 + 2?", "1?"]


def test_there_is_one_system_message() -> None:
    assert PromptForm(system="Be kind.").prompt_for(SUM) == (Message("system", "Be kind."), Message("user", "1 + 1?"))
    talk = Problem((Message("system", "Be brief."), Message("user", "1 + 1?")), "2")
    turns = PromptForm(system="Be kind.").prompt_for(talk)
    assert turns == (Message("system", "Be kind.\n\nBe brief."), Message("user", "1 + 1?"))
