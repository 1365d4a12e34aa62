"""Pages change the workspace through the command line, in a browser that brought the process's token, and no other way."""

import os
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from rollmill.dashboards.session.commands import WRITES

pytestmark = pytest.mark.integration

PAGE = """
from rollmill.dashboards.session.commands import command_button
command_button("Remove", ["schedule", "remove", "--", "nightly; touch owned $(touch owned)"], key="remove")
command_button("Forget", ["schedule", "remove", "--", "`weekly`"], key="forget", confirm=True)
"""


def test_a_button_runs_the_command_line_and_shows_what_it_said(curated: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLLMILL_WORKSPACE", str(curated))
    page = AppTest.from_string(PAGE, default_timeout=60)
    page.session_state[WRITES] = True
    page.run()
    assert page.button(key="forget").label == "Yes, forget"
    assert page.button(key="remove").help == "`rollmill schedule remove -- 'nightly; touch owned $(touch owned)'`"
    page.button(key="remove").click().run()
    shown = page.code[0].value
    assert shown.startswith(
        "$ rollmill schedule remove -- 'nightly; touch owned $(touch owned)'\nrollmill: unknown schedule"
    )
    assert shown.endswith("[exit status 2]")
    assert not (curated / "owned").exists()
    assert not page.exception


TYPED = """
import streamlit as st
from rollmill.dashboards.session.commands import command_button
name = st.text_input("Schedule", "nightly", key="name")
if name != "hidden":
    command_button("Remove", ["schedule", "remove", "--", name], key="remove")
command_button("Forget", ["schedule", "remove", "--", name], key="forget", confirm=True)
"""


def test_a_text_typed_just_before_the_click_is_in_its_command(curated: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLLMILL_WORKSPACE", str(curated))
    page = AppTest.from_string(TYPED, default_timeout=60)
    page.session_state[WRITES] = True
    page.run()
    page.text_input(key="name").input("weekly")
    page.button(key="remove").click().run()  # the browser sends both at once
    assert page.code[0].value.startswith("$ rollmill schedule remove -- weekly\n")


def test_a_confirmed_command_is_the_one_in_view(curated: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLLMILL_WORKSPACE", str(curated))
    page = AppTest.from_string(TYPED, default_timeout=60)
    page.session_state[WRITES] = True
    page.run()
    assert page.code[0].value == "rollmill schedule remove -- nightly"
    page.text_input(key="name").input("weekly")
    page.button(key="forget").click().run()
    assert page.code[1].value.startswith("$ rollmill schedule remove -- nightly\n")


def test_a_click_is_void_after_a_draw_without_its_button(curated: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLLMILL_WORKSPACE", str(curated))
    page = AppTest.from_string(
        f"{TYPED}\nfrom rollmill.dashboards.session.commands import forget_clicks\nforget_clicks()", default_timeout=60
    )
    page.session_state[WRITES] = True
    page.run()
    page.text_input(key="name").input("hidden")
    page.button(key="remove").click().run()
    page.text_input(key="name").input("weekly").run()
    assert [code.value for code in page.code] == ["rollmill schedule remove -- weekly"]  # the question of Forget alone


def test_a_click_outlasts_a_draw_that_is_interrupted(curated: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLLMILL_WORKSPACE", str(curated))
    page = AppTest.from_string(TYPED, default_timeout=60)  # it never comes to its end, where app.py forgets clicks
    page.session_state[WRITES] = True
    page.run()
    page.text_input(key="name").input("hidden")
    page.button(key="remove").click().run()
    page.text_input(key="name").input("weekly").run()
    assert page.code[0].value.startswith("$ rollmill schedule remove -- weekly\n")


def test_without_the_token_no_button_runs_anything(curated: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLLMILL_WORKSPACE", str(curated))
    page = AppTest.from_string(PAGE, default_timeout=60).run()
    assert [button.disabled for button in page.button] == [True, True]
    assert "Read-only" in page.button(key="remove").help
    page.session_state[WRITES] = True
    page.run()
    page.session_state[WRITES] = False
    page.button(key="remove").click().run()  # a browser may send what its page does not offer
    assert not page.code


def test_a_child_gets_no_token() -> None:
    assert "ROLLMILL_TOKEN" not in os.environ
    assert "ROLLMILL_READ_ONLY" not in os.environ
