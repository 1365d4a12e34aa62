"""The pages Datasets and Diff over real versions: their numbers are those of the command line."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from rollmill.dashboards.inert import page_sections
from rollmill.dashboards.pages.datasets.charts import drift_chart, gate_chart, gate_numbers, graph_chart
from rollmill.flows import cli
from rollmill.storage.queries import Reader, compare
from rollmill.storage.queries.histories.dataset_history import drift_rows, version_history
from tests.dashboards.conftest import text_of

pytestmark = pytest.mark.integration

Page = Callable[..., AppTest]


def words(page: AppTest) -> str:
    kinds = ("markdown", "caption", "subheader", "info", "code")
    return "\n".join(text_of(block) for kind in kinds for block in page.get(kind))


def test_versions_stand_with_what_changed_as_the_command_says(
    page: Page, curated: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    shown = page("datasets", dataset="toy")
    assert not shown.exception
    assert shown.selectbox(key="version-choice").options == ["toy@v2", "toy@v1"]
    table = shown.dataframe[0].value
    monkeypatch.chdir(curated)
    assert cli.run(["dataset", "log", "toy", "--json"]) == 0
    newest, first = json.loads(capfd.readouterr().out)
    assert list(table["version"]) == ["v2", "v1"]
    assert (table["kept change"][0], table["rate change"][0]) == (newest["kept_change"], newest["pass_rate_change"])
    assert table["kept"][0] - table["kept"][1] == newest["kept_change"] < 0
    assert (first["parent"], first["pass_rate_change"], newest["parent"]) == (None, None, "toy@v1")
    assert table["what changed"][0] == "select.options.per_problem 3 -> 1"
    assert {expander.label for expander in shown.expander} >= {"Difficulty", "Metrics", "Limits"}
    assert "12 problems" in words(shown)  # the card's summary; the rest of it is folded


def test_gates_and_drift_are_read_from_the_manifests(page: Page, curated: Path) -> None:
    with Reader.open(curated) as reader:
        steps = version_history(reader, "toy")
        measured = drift_rows(reader, "toy@v1", "toy@v2")
    assert dict(steps[0].drift) == measured
    assert steps[0].drift_from == steps[1].info
    assert steps[1].drift == {}
    numbers = gate_numbers(steps)
    assert [point["value"] for point in numbers["kept", "rollouts"]] == [step.info.kept for step in reversed(steps)]
    assert {point["least"] for point in numbers["kept", "rollouts"]} == {10}
    assert numbers["undecided", "share of rollouts"][0]["most"] == 0.01
    chart = gate_chart(steps, "kept: rollouts", numbers["kept", "rollouts"]).to_dict()
    assert len(chart["layer"]) == 3  # line, points, and the least number as dashes
    assert len(graph_chart(steps).to_dict()["layer"]) == 3  # edges, versions and labels; nothing is tagged
    assert len(graph_chart(steps[1:]).to_dict()["layer"]) == 1  # a single version has no edge
    assert drift_chart(steps, "level") is not None
    shown = page("datasets", dataset="toy", tab="Gates")
    assert "No row ever failed: " in words(shown)
    shown = page("datasets", dataset="toy", tab="Drift")
    assert not shown.exception
    table = shown.dataframe[1].value
    assert list(table["of"]) == ["level", "length", "source", "duplicates", "pass rate"]
    assert list(table["distance"]) == [row["value"] for row in measured.values()]


def test_a_version_is_exported_and_marked_by_commands(page: Page) -> None:
    shown = page("datasets", dataset="toy", version="toy@v2", tab="Export and load")
    assert "rollmill dataset export toy@v2 --format sft --out toy-v2.jsonl" in words(shown)
    shown.button(key="make-file-toy@v2-sft").click().run()
    file_lines = shown.session_state["file-toy@v2-sft"].splitlines()
    assert len(file_lines) == 12
    assert set(json.loads(file_lines[0])) >= {"messages"}
    shown = page("datasets", dataset="toy", version="toy@v2", tab="Tags and sign-off")
    shown.text_input(key="tag-toy@v2").set_value("release").run()
    assert not shown.button(key="do-tag-toy@v2").disabled


def test_a_diff_goes_from_the_recipe_to_one_row_on_both_sides(page: Page, curated: Path) -> None:
    with Reader.open(curated) as reader:
        changes = compare(reader, "toy@v1", "toy@v2")
        rollouts = version_history(reader, "toy")[0].info.rows
    moved = next(move for move in changes.flow if move.old == "kept" and move.new == "over_quota")
    assert moved.count == changes.kept_to_dropped[0].count > 0
    assert sum(move.count for move in changes.flow) == rollouts
    shown = page("diff", dataset="toy")
    assert not shown.exception
    assert (shown.selectbox(key="before-choice").value, shown.selectbox(key="after-choice").value) == ("toy@v1", "toy@v2")
    assert list(shown.dataframe[0].value["setting"]) == ["select.options.per_problem"]
    shown = page("diff", dataset="toy", was="kept", became="over_quota")
    assert shown.subheader[0].value == f"{moved.count:,} rollouts: kept → over\\_quota"
    rows = shown.dataframe[1].value
    assert len(rows) == min(25, moved.count)
    assert set(rows["toy@v1"]) == {"kept (correct)"}
    assert set(rows["toy@v2"]) == {"over_quota (correct)"}
    shown = page("diff", dataset="toy", was="kept", became="over_quota", row=rows["completion"][1])
    decisions = [block.value for block in shown.code if "decision " in block.value]
    assert [text.splitlines()[-1].split(None, 1)[1] for text in decisions] == ["kept: kept", "dropped: over_quota"]
    assert all(rows["completion"][1] in text for text in decisions)


def test_what_the_address_names_and_is_not_there_is_said(page: Page) -> None:
    shown = page("diff", dataset="toy", before="toy@v9")
    assert shown.code[0].value.startswith("unknown before 'toy@v9'")
    shown = page("diff", dataset="toy", was="kept", became="nonsense")
    assert not shown.exception
    assert shown.warning[0].value == "No rollout went this way:"


def test_a_card_is_cut_at_its_headings_and_not_inside_of_code() -> None:
    page = "# t\n\nshort\n\n## A\n````yaml\n## no heading\n```\n````\n## B\nend"
    assert page_sections(page) == [("", "# t\n\nshort"), ("A", "````yaml\n## no heading\n```\n````"), ("B", "end")]
