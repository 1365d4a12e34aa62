"""A verb and a page of the dashboard that an installed package of one file brings."""

import json
from pathlib import Path

import pytest

from rollmill.dashboards.server.menu import menu
from tests.dashboards.conftest import opened
from tests.flows.conftest import Run
from tests.installed import Install

pytestmark = pytest.mark.integration
MODULE = '''
"""A greeting, as a verb and as a page."""

from rollmill.methods import Page, group, line, reader

verbs = group("greet", "Greet whoever asks.")


@verbs.command("one")
def one(name: str) -> None:
    """Greet one person."""
    line(f"Good morning, {name}")


@verbs.command("all")
def everybody() -> None:
    """Greet everybody."""
    line("Good morning")


def bye(name: str) -> None:
    """Say goodbye to a person."""
    line(f"Goodbye, {name}")


def show() -> None:
    import streamlit as st

    st.title("Greetings")
    st.write(f"From {reader().root.name}")


PAGE = Page(show="greetings:show", about="Who was greeted.", parameters=("to",))
'''
POINTS = {"verbs": "greet = greetings:verbs\nbye = greetings:bye", "pages": "Greetings = greetings:PAGE"}


@pytest.fixture
def greeting(toy: Path, install: Install) -> Path:
    """A workspace beside an installed package with two verbs and a page."""
    install("rollmill-greet", points=POINTS, modules={"greetings": MODULE})
    return toy


@pytest.mark.usefixtures("greeting")
def test_its_verbs_run_and_are_listed(rollmill: Run) -> None:
    assert rollmill("greet", "one", "Ada").out == "Good morning, Ada\n"
    assert rollmill("bye", "Ada").out == "Goodbye, Ada\n"
    assert {"greet", "bye"} <= set(rollmill("--help").out.split())
    assert "Say goodbye to a person." in rollmill("help", "all").out
    assert "Did you mean 'greet'" in rollmill("gret").err
    listed = [
        row for row in json.loads(rollmill("methods", "verbs", "--json").out) if row["source"] == "rollmill-greet 1.0"
    ]
    assert {row["method"]: row["line"] for row in listed} == {
        "bye": "Say goodbye to a person.",
        "greet": "Greet whoever asks.",
    }


def test_its_page_is_in_the_menu(greeting: Path, rollmill: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLLMILL_WORKSPACE", str(greeting))
    page = opened("greetings", two="Ada")
    assert not page.exception
    assert [block.value for block in page.title] == ["Greetings"]
    assert [block.value for block in page.markdown if block.value.startswith("From")] == ["From ws"]
    assert "Unknown parameter of Greetings's address 'two'. Did you mean 'to'?" in page.warning[0].value.replace("\\", "")
    assert "Who was greeted." in rollmill("methods", "pages").out


@pytest.mark.parametrize(
    ("points", "kind", "told"),
    [
        ({"verbs": "greet = greetings:NOTHING"}, "verbs", "module 'greetings' has no attribute 'NOTHING'"),
        ({"verbs": "greet = greetings:PAGE"}, "verbs", "greetings:PAGE is not a function or a group"),
        ({"verbs": "curate = greetings:verbs"}, "verbs", "verb 'curate' is in rollmill and in rollmill-greet 1.0"),
        ({"pages": "Greetings = greetings:show"}, "pages", "greetings:show is not a Page"),
    ],
)
def test_one_that_cannot_be_used_is_named_with_its_package(
    toy: Path, install: Install, rollmill: Run, points: dict[str, str], kind: str, told: str
) -> None:
    install("rollmill-greet", points=points, modules={"greetings": MODULE})
    listed = rollmill("methods", kind)
    assert listed.status == 2
    assert told in listed.err
    assert "pip uninstall rollmill-greet" in listed.err
    assert rollmill("--help").status == 0  # the product's own are as they were


def test_two_packages_with_one_verb_are_both_named(toy: Path, install: Install, rollmill: Run) -> None:
    for name in ("rollmill-greet", "rollmill-other"):
        install(name, points={"verbs": "greet = greetings:verbs"}, modules={"greetings": MODULE})
    refused = rollmill("greet", "all")
    assert refused.status == 2
    assert "verb 'greet' is in rollmill-" in refused.err
    assert "and in rollmill-" in refused.err


def test_a_page_with_the_address_of_another_is_left_out_and_told(toy: Path, install: Install) -> None:
    install("rollmill-greet", points={"pages": "Runs of mine = greetings:PAGE"}, modules={"greetings": MODULE})
    pages, problems = menu()
    assert "Runs of mine" not in pages
    assert [error.message for error in problems] == [
        "page 'Runs of mine' of the package rollmill-greet 1.0 has the address /runs, which another page has."
    ]
