"""Forms of a prompt: where the problem goes, and that nothing else in form or problem is touched."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.generate.prompts import asked, check_template, fill_template, plain_text
from storage.errors import SetupError
from storage.records import Message

SHORT = "Answer with the number only.\n{prompt}"


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
    shown = [("2 + 2?", "4")]
    assert asked("1 + 1?", SHORT) == fill_template("1 + 1?", SHORT)
    assert asked("1 + 1?", SHORT, shown) == (
        Message("user", "Answer with the number only.\n2 + 2?"),
        Message("assistant", "4"),
        Message("user", "Answer with the number only.\n1 + 1?"),
    )
    assert plain_text(asked("1 + 1?", "{prompt}", shown)) == "2 + 2?\n\n4\n\n1 + 1?"


def test_worked_examples_stand_behind_system_messages() -> None:
    talk = (Message("system", "Be brief."), Message("user", "1 + 1?"))
    turns = asked(talk, "{prompt}", [("2 + 2?", "4"), ("3 + 3?", "6")])
    assert isinstance(turns, tuple)
    assert [message.role for message in turns] == ["system", "user", "assistant", "user", "assistant", "user"]
    assert turns[-1].content == "1 + 1?"
