"""Home: each of its cards in each of its states, and each line of "Needs you" with the place that it opens."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from pyarrow.ipc import open_stream
from streamlit.testing.v1 import AppTest

from rollmill.dashboards.pages.home.tasks import task_line
from rollmill.dashboards.session.commands import WRITES
from rollmill.ground.money import UNITS
from rollmill.storage.queries import Reader, version_manifest
from rollmill.storage.queries.open_tasks import OpenTask
from rollmill.storage.schedules import Schedule, Schedules
from rollmill.storage.spending import Charge, Sums
from rollmill.storage.standing import standing_file, write_standing
from rollmill.storage.workspace import Workspace
from tests.dashboards.conftest import opened
from tests.dashboards.test_pages import texts
from tests.storage.healthy import answering

pytestmark = pytest.mark.integration

LIVE = "live-00000000"


@pytest.fixture
def workspace(curated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the workspace, in which nothing works and nothing is scheduled."""
    folder = tmp_path / "ws"
    shutil.copytree(curated, folder)
    monkeypatch.setenv("ROLLMILL_WORKSPACE", str(folder))
    return folder


@pytest.fixture
def port() -> Iterator[int]:
    """Where something answers like a Prefect server."""
    with answering() as answers:
        yield answers


def plain(label: str) -> str:
    """A label without what makes it literal."""
    return label.replace("\\", "").replace("\u2060", "")


def links(shown: AppTest) -> dict[str, tuple[str, dict[str, str]]]:
    """Page and parameters of every link by its plain label."""
    found: Any = shown.get("page_link")
    return {
        plain(link.label): (link.proto.page, dict(parse_qsl(link.proto.query_string)))
        for link in found
        if not link.label.startswith(":")
    }


def squares(shown: AppTest) -> list[tuple[str, str, dict[str, str]]]:
    """Label, page and parameters of every square of the strip."""
    found: Any = shown.get("page_link")
    return [
        (plain(one.label), one.proto.page, dict(parse_qsl(one.proto.query_string)))
        for one in found
        if one.label.startswith(":")
    ]


def charts(shown: AppTest) -> list[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Specification and rows of every chart."""
    found: Any = shown.get("vega_lite_chart")
    return [
        (json.loads(one.proto.spec), open_stream(one.proto.datasets[0].data.data).read_all().to_pylist()) for one in found
    ]


def test_an_empty_workspace_shows_the_tour_and_what_to_type(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Workspace.init(tmp_path).close()
    monkeypatch.setenv("ROLLMILL_WORKSPACE", str(tmp_path))
    shown = opened("home")
    assert not shown.exception
    assert links(shown) == {
        "New run": ("new", {}),
        "Start a run here": ("new", {"what": "Curate"}),
        "**1. Start a run**": ("new", {}),
        "**2. Watch it**": ("runs", {}),
        "**3. Read rollouts**": ("explore", {}),
        "**4. Publish and compare**": ("datasets", {}),
    }
    assert shown.info[0].value.startswith("No run yet.")
    assert [block.value for block in shown.code] == ["rollmill curate recipes/arithmetic.yaml"]


def test_the_tour_is_closed_and_opened_again_also_without_the_right_to_write(workspace: Path) -> None:
    shown = opened("home")
    shown.session_state[WRITES] = False
    assert "tour-open" not in [button.key for button in shown.button]
    shown.button(key="tour-close").click().run()
    assert "**1. Start a run**" not in links(shown)
    shown.run()
    assert "**1. Start a run**" not in links(shown)
    shown.button(key="tour-open").click().run()
    assert "**1. Start a run**" in links(shown)


@pytest.mark.parametrize(
    ("task", "text", "page", "query"),
    [
        (OpenTask("ended", "toy-1", "failed"), "toy-1 crashed", "Runs", {"run": "toy-1"}),
        (OpenTask("ended", "toy-1", "stopped"), "toy-1 reached a limit", "Runs", {"run": "toy-1"}),
        (
            OpenTask("refused", "toy-1", "failed"),
            "toy-1 was refused by its gate",
            "Runs",
            {"run": "toy-1", "tab": "Gate"},
        ),
        (
            OpenTask("fired", "nightly", "failed", firing=7),
            "Schedule nightly failed",
            "Schedules",
            {"schedule": "nightly", "firing": "7"},
        ),
        (OpenTask("paused", "nightly"), "Schedule nightly is paused", "Schedules", {"schedule": "nightly"}),
        (
            OpenTask("audit", "math on toy-1 (natural-a)", left=30, drawn=300),
            "30 of 300 rollouts wait in the audit math on toy-1 (natural-a)",
            "Review",
            {"queue": "math on toy-1 (natural-a)"},
        ),
        (
            OpenTask("undecided", "toy-1", left=1, drawn=1),
            "1 rollout of toy-1 is undecided",
            "Review",
            {"queue": "undecided rollouts of toy-1"},
        ),
        (
            OpenTask("undecided", "toy-1", left=1_000, drawn=1_200),
            "1,200 rollouts of toy-1 are undecided, 200 judged",
            "Review",
            {"queue": "undecided rollouts of toy-1"},
        ),
        (
            OpenTask("undecided", "toy-1", left=0, drawn=2),
            "2 rollouts of toy-1 judged by people: apply the judgements",
            "Review",
            {"queue": "undecided rollouts of toy-1"},
        ),
        (
            OpenTask("sign-off", "toy@v3", "toy@v2"),
            "toy@v3 has no sign-off; toy@v2 has one",
            "Datasets",
            {"dataset": "toy", "version": "toy@v3", "tab": "Tags and sign-off"},
        ),
    ],
)
def test_a_line_says_the_task_and_leads_to_its_place(task: OpenTask, text: str, page: str, query: dict[str, str]) -> None:
    line = task_line(task)
    assert (plain(line.text), line.page, line.query) == (text, page, query)


def test_what_needs_nobody_says_so_and_more_than_eight_lines_are_folded(workspace: Path) -> None:
    assert "Nothing: every recipe's newest run ended well" in texts(opened("home"))
    with Workspace.open(workspace) as ws:
        for number in range(9):
            ws.runs.open(f"bad{number}-1", name=f"bad{number}", recipe={}, recipe_hash="0" * 64)
            ws.runs.finish(f"bad{number}-1", "failed", {})
    shown = opened("home")
    assert [expander.label for expander in shown.expander] == ["1 more"]
    assert {f"bad{number}-1 crashed" for number in range(9)} <= links(shown).keys()


def test_the_strip_has_a_marked_square_for_each_of_the_last_runs(workspace: Path) -> None:
    with Reader.open(workspace) as reader:
        toy = next(run.id for run in reader.runs.list() if run.name == "toy")
        reader.runs.finish(toy, "failed", {"funnel": {"kept": 3}})
        for number in range(28):
            reader.runs.open(f"more-{number:02d}", name="more", recipe={}, recipe_hash="0" * 64)
            reader.runs.finish(f"more-{number:02d}", "done" if number else "stopped", {})
    shown = opened("home")
    strip = squares(shown)
    assert len(strip) == 30
    assert [query["run"] for _, _, query in strip[-2:]] == ["more-26", "more-27"]  # the newest is the last
    first = next(label for label, _, query in strip if query["run"] == toy)
    assert first.startswith(f":violet-badge[:material/block:] *{toy}: refused, begun ")
    assert {page for _, page, _ in strip} == {"runs"}
    legend = next(block.value for block in shown.caption if "material/front_hand" in block.value)
    assert legend == (
        ":green-badge[:material/check:] done 28 · :violet-badge[:material/block:] refused 1 · "
        ":orange-badge[:material/front_hand:] stopped 1"
    )


def test_a_running_run_shows_its_progress(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rollmill.storage.commands.with_killed_status", lambda _runs, _state, listed: listed)
    assert "No run works now." in texts(opened("home"))
    with Reader.open(workspace) as reader:
        reader.runs.open(LIVE, name="live", recipe={}, recipe_hash="0" * 64)
        whole = {"median": 600.0, "low": 500.0, "high": 800.0}
        detail = {"round": 0, "made": 40, "arrived": 10, "whole": whole}
        reader.runs.progress(LIVE, "draw", done=50, total=60, tokens=300, seconds=5.0, detail=detail)
    shown = opened("home")
    assert links(shown)[f"**{LIVE}**"] == ("runs", {"run": LIVE})
    text = shown.get("progress")[0].proto.text.replace("\\", "")
    assert text == "draw 50 of about 600 · about 55 s left (45 s to 75 s)"
    assert squares(shown)[-1][0].startswith(f":blue-badge[:material/play_arrow:] *{LIVE}: running")


def test_tokens_and_money_are_bars_by_day_with_what_took_most(workspace: Path) -> None:
    with Workspace.open(workspace) as ws:
        toy = next(run for run in ws.runs.list() if run.name == "toy" and run.summary["spent"]["drawn"])
        ws.runs.finish(toy.id, "done", {**toy.summary, "currency": "EUR"})
        with ws.ledger.write() as session:
            priced = Sums(completions=1, tokens_in=200, tokens_out=40, units=UNITS // 4)
            ws.spending.pay(session, toy.id, Charge("more", 0, 0, "1", priced), redundant=False)
    shown = opened("home")
    assert links(shown)[f"{toy.id}: 1,000 tokens, 0.2500 EUR+?"] == ("runs", {"run": toy.id, "tab": "Cost and forecast"})
    assert "In total 1,000 tokens, 0.2500 EUR+?. Most:" in texts(shown).replace("\\", "")
    (tokens, counted), (money, amounts) = charts(shown)[:2]
    assert [chart["encoding"]["y"]["title"] for chart in (tokens, money)] == ["tokens", "EUR"]
    assert ([row["value"] for row in counted], counted[-1]["exact"]) == ([0] * 13 + [1000], "1,000")
    assert ([row["value"] for row in amounts], amounts[-1]["exact"]) == ([0.0] * 13 + [0.25], "0.2500 EUR+?")
    assert len(charts(opened("home", days="30 days"))[0][1]) == 30


def test_the_rates_are_those_of_the_manifests(workspace: Path) -> None:
    with Reader.open(workspace) as reader:
        rate = version_manifest(reader, "toy@v2")["metrics"]["overall"]
        other = version_manifest(reader, "toy@v1")["metrics"]["overall"]
    shown = opened("home")
    words = f"**toy@v2** {rate['pass_rate']:.3f} [{rate['low']:.3f}, {rate['high']:.3f}]"
    assert links(shown)[words] == ("datasets", {"dataset": "toy", "version": "toy@v2"})
    chart, rows = next((chart, rows) for chart, rows in charts(shown) if "layer" in chart and rows[0]["name"] == "toy@v2")
    assert [param["name"] for param in chart["params"]] == ["version"]
    names = ("name", "pass_rate", "low", "high")
    assert [tuple(row[name] for name in names) for row in rows] == [
        (ref, *(values[name] for name in names[1:])) for ref, values in (("toy@v2", rate), ("toy@v1", other))
    ]


def test_without_a_version_and_without_a_draw_the_cards_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Workspace.init(tmp_path) as ws:
        ws.runs.open("toy-1", name="toy", recipe={}, recipe_hash="0" * 64)
        ws.runs.finish("toy-1", "done", {})
    monkeypatch.setenv("ROLLMILL_WORKSPACE", str(tmp_path))
    shown = texts(opened("home"))
    assert "Nothing was drawn in the last 14 days." in shown
    assert "No dataset version with a measured pass rate yet." in shown
    assert "No dataset version yet: a run publishes one when its gate passes." in shown
    assert "No schedule yet." in shown


def test_schedules_that_nothing_serves_would_fire_and_can_be_started(workspace: Path) -> None:
    Schedules(workspace / ".rollmill").add(Schedule("nightly", "0 2 * * *", str(workspace / "toy.yaml")))
    shown = opened("home")
    assert shown.warning[0].value == "Schedules are not served: one schedule waits for the server."
    start = shown.button(key="service-start")
    assert (start.label, start.disabled) == ("Start", False)
    assert start.help.endswith("`rollmill up --dashboard 0`")
    [(text, place)] = [(label, place) for label, place in links(shown).items() if label.startswith("nightly")]
    assert text.startswith("nightly: would fire ")
    assert place == ("schedules", {"schedule": "nightly"})
    shown.session_state[WRITES] = False
    shown.run()
    assert shown.button(key="service-start").disabled


def test_a_server_that_was_killed_says_so(workspace: Path) -> None:
    state = workspace / ".rollmill"
    Schedules(state).add(Schedule("nightly", "0 2 * * *", str(workspace / "toy.yaml")))
    write_standing(state, 4200, state / "prefect")
    row = json.loads(standing_file(state).read_text())
    standing_file(state).write_text(json.dumps({**row, "process": {**row["process"], "started": 1.0}}))
    warning = opened("home").warning[0].value.replace("\\", "")
    assert warning.startswith(
        "Schedules are not served: one schedule waits for the server. NOT SERVED: rollmill up was killed"
    )


def test_schedules_that_are_served_fire_and_the_server_ends_after_a_question(
    workspace: Path, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = workspace / ".rollmill"
    Schedules(state).add(Schedule("nightly", "0 2 * * *", str(workspace / "toy.yaml")))
    write_standing(state, port, state / "prefect")
    shown = opened("home")
    assert not shown.warning
    assert any(label.startswith("nightly: ") and "would" not in label for label in links(shown))
    stop = shown.button(key="service-stop")
    assert (stop.label, stop.help.endswith("`rollmill down`")) == ("Yes, stop", True)
    monkeypatch.setattr("os.getppid", os.getpid)  # as if it had started this dashboard
    assert opened("home").button(key="service-stop").label == "Yes, stop, with this dashboard"
