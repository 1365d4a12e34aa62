"""Forms of a prompt: where the problem goes, and that nothing else in form or problem is touched."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.generate.prompts import check_template, fill_template
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
    asked = fill_template(said, SHORT)
    assert asked[:3] == said[:3]
    assert asked[3] == Message("user", "Answer with the number only.\n3?")


def test_a_conversation_without_a_user_has_no_place_for_a_form() -> None:
    with pytest.raises(SetupError, match="without a user's message"):
        fill_template((Message("system", "Hello."),), SHORT)


def test_a_form_without_a_place_is_refused() -> None:
    check_template(SHORT)
    with pytest.raises(SetupError, match="every problem would be the same prompt"):
        check_template("Think.")
