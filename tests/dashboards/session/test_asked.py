"""Questions in the background: asked once for each state, the last of a slot alone, and by nobody without the token."""

import time
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from rollmill.dashboards.session import asked
from rollmill.dashboards.session.asked import _sentence
from rollmill.dashboards.session.commands import WRITES

pytestmark = pytest.mark.integration
PAGE = """
import streamlit as st
from rollmill.dashboards.session.asked import ask, awaited_result, seconds_asked

first = awaited_result("first", ["recipe", "check", "toy.yaml", "--json"], "a")
st.write("none" if first is None else f"{first.status} {first.row['ok']} {first.sentence!r}")
bad = awaited_result("second", ["recipe", "check", "toy.yaml", "--set", "seed=x", "--json"], "a")
st.write("none" if bad is None else f"{bad.status} {bad.row} {bad.sentence}")
ask("third", ["plan", "toy.yaml", "--dry-run"], 1)
ask("third", ["plan", "toy.yaml", "--dry-run"], 2)
st.write(f"{seconds_asked('third') is not None} {seconds_asked('first')}")
"""


def test_an_answer_is_kept_and_a_later_question_ends_an_earlier_one(curated: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLLMILL_WORKSPACE", str(curated))
    before = set(asked._questions)
    page = AppTest.from_string(PAGE, default_timeout=120)
    page.session_state[WRITES] = True
    page.run()
    assert page.markdown[0].value == "0 True ''"
    assert page.markdown[1].value.startswith("2 None toy.yaml (--set): seed: input should be a valid integer")
    assert page.markdown[2].value == "True None"
    mine = [key for key in asked._questions if key not in before]
    assert [key[2] for key in mine if key[1][0] == "plan"] == [2]
    children = {key: asked._questions[key].child.pid for key in mine if key[1][0] == "recipe"}
    page.run()
    assert {key: asked._questions[key].child.pid for key in children} == children  # nothing was asked again
    while asked._questions[next(key for key in mine if key[1][0] == "plan")].answer is None:
        time.sleep(0.1)


def test_without_the_token_nothing_is_asked(curated: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLLMILL_WORKSPACE", str(curated))
    before = set(asked._questions)
    page = AppTest.from_string(PAGE.replace('"a"', '"b"'), default_timeout=60).run()
    assert [block.value for block in page.markdown] == ["none", "none", "False None"]
    assert set(asked._questions) == before


@pytest.mark.parametrize(
    ("printed", "sentence"),
    [
        ("a warning\nrollmill: toy.yaml: no such key.\nNext: mend it\n", "toy.yaml: no such key.\nNext: mend it"),
        ("Traceback\n  a\n  b\nValueError: c\n", "  a\n  b\nValueError: c"),
        ("", ""),
    ],
)
def test_the_sentence_of_a_refusal(printed: str, sentence: str) -> None:
    assert _sentence(printed) == sentence
