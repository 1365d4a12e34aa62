"""What a person looks at is in the address: a link reopens it, and an unknown name in one is said."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from rollmill.dashboards.server.menu import OWN_PAGES
from rollmill.dashboards.session.address import explore_link, explore_parameters
from rollmill.dashboards.session.parameters import PARAMETERS
from rollmill.storage.queries import Reader
from tests.dashboards.conftest import explore_table, opened

pytestmark = pytest.mark.integration

Page = Callable[..., AppTest]


def test_a_link_reopens_version_filters_order_and_problem(page: Page) -> None:
    first = page("explore", of="version toy@v1", level="2", sort="id", down="yes", text="What")
    table = explore_table(first)
    assert list(table["level"]) == [2, 2, 2, 2]
    assert list(table["problem_id"]) == sorted(table["problem_id"], reverse=True)
    chosen = table["problem_id"][2]
    again = page("explore", of="version toy@v1", level="2", problem=chosen)
    assert any(f"id {chosen[:8]}" in block.value for block in again.markdown)
    shown = again.query_params["rollout"]  # the link is to the rollout that is shown
    assert dict(again.query_params) == {"of": "version toy@v1", "level": "2", "problem": chosen, "rollout": shown}


@pytest.mark.parametrize(
    ("name", "address", "message"),
    [
        ("explore", {"of": "version toy@v9"}, "unknown run or version 'version toy@v9'"),
        ("difficulty", {"of": "run toy-gone"}, "unknown run or version 'run toy-gone'"),
        ("datasets", {"dataset": "toi"}, "unknown dataset 'toi'. Did you mean 'toy'?"),
        ("datasets", {"dataset": "toy", "version": "toy@v9"}, "unknown version 'toy@v9'"),
        ("runs", {"run": "toy-gone"}, "unknown run 'toy-gone'"),
        ("review", {"queue": "nobody's"}, 'unknown queue "nobody\'s"'),
    ],
)
def test_an_unknown_name_is_said_and_nothing_else_opened(
    page: Page, name: str, address: dict[str, str], message: str
) -> None:
    shown = page(name, **address)
    assert not shown.exception
    assert any(block.value.startswith(message) for block in shown.code)
    key = list(address)[-1]
    box = shown.selectbox(key=f"{key}-instead")
    assert box.value is None
    first = box.options[0]
    box.set_value(first).run()
    assert shown.query_params[key] == first


def test_another_dataset_forgets_the_problem(page: Page) -> None:
    shown = page("explore", of="version toy@v1")
    shown.query_params["problem"] = explore_table(shown)["problem_id"][0]
    shown.run()
    shown.selectbox(key="of-choice").set_value("version hostile@v1").run()
    assert not shown.error
    assert "problem" not in shown.query_params


def test_a_run_that_begins_does_not_take_the_page_over(
    curated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "ws"
    shutil.copytree(curated, folder)
    monkeypatch.setenv("ROLLMILL_WORKSPACE", str(folder))
    shown = opened("runs")
    with Reader.open(folder) as reader:
        read = reader.runs.list()[0]
        assert shown.selectbox(key="run-choice").value == read.id
        reader.runs.open("newer-00000000", name="newer", recipe={}, recipe_hash="0" * 64)
    shown.run()
    assert shown.selectbox(key="run-choice").options[0] == "newer-00000000"
    assert shown.selectbox(key="run-choice").value == read.id
    assert opened("runs").selectbox(key="run-choice").value == "newer-00000000"  # whoever comes anew sees the newest


def test_a_browser_that_missed_the_first_draw_shows_what_the_address_names(page: Page) -> None:
    named = page("explore").selectbox(key="of-choice").options[-1]
    shown = page("explore", of=named)
    shown.run()
    proto = shown.selectbox(key="of-choice").proto
    assert (proto.set_value, proto.raw_value) == (True, named)  # else the browser sends its first option back


def test_a_number_links_to_the_rollouts_that_it_counts() -> None:
    link = explore_link("run toy-1", rows="rollouts", level=[7, 8], outcome="incorrect", source=None, model="a&b/c")
    assert link == "/explore?of=run+toy-1&rows=rollouts&level=7&level=8&outcome=incorrect&source=none&model=a%26b%2Fc"
    assert explore_parameters("version toy@v1", problem="3f9a") == {"of": ["version toy@v1"], "problem": ["3f9a"]}


def test_an_unknown_facet_is_our_mistake() -> None:
    with pytest.raises(ValueError, match="no facets of Explore: \\['colour'\\]"):
        explore_link("run toy-1", colour="red")


def test_every_page_says_what_parameters_its_address_has(page: Page) -> None:
    assert set(PARAMETERS) <= set(OWN_PAGES)
    shown = page("diff", datset="toy", befor="toy@v1")
    assert [block.value.replace("\\", "").partition(" Valid")[0] for block in shown.warning] == [
        "Unknown parameter of Diff's address 'datset'. Did you mean 'dataset'?",
        "Unknown parameter of Diff's address 'befor'. Did you mean 'before'?",
    ]
    shown.button(key="unknown-datset").click().run()
    assert "datset" not in shown.query_params
    assert len(shown.warning) == 1
