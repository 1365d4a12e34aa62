"""The tab Mixture of the page Datasets: its numbers are those of the manifest, and only a mixture has it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from rollmill.dashboards.pages.datasets.mixture import MOST_REASONS, count_table, missed_table, rows_chart, share_chart
from rollmill.storage.queries import Reader, version_manifest
from tests.dashboards.conftest import HOSTILE, run_in

Page = Callable[..., AppTest]
MIXTURE = json.dumps(
    {
        "mix_schema": 1, "name": "blend", "seed": 7,
        "sources": {"easy": {"version": "toy@v1", "share": 0.25, "where": {"level": {"max": 1}}},
                    "hard": {"version": "toy@v1", "share": 0.75, "where": {"level": {"min": 2}}}},
    }
)  # fmt: skip
SOURCE: dict[str, Any] = {
    "source": "a", "ref": "x@v1", "declared": 30, "declared_share": 0.3, "rows": 100, "kept": 20, "share": 0.4,
    "dropped": {"signal:level": 70, "not_chosen": 10}, "missed": {"level": 75}, "licences": ["MIT"],
}  # fmt: skip
OTHER = {
    **SOURCE, "source": "b", "declared": None, "declared_share": None, "rows": 30, "kept": 30, "share": 0.6, "dropped": {},
    "missed": {},
}  # fmt: skip


@pytest.mark.integration
def test_declared_and_actual_shares_are_those_of_the_manifest(page: Page, curated: Path) -> None:
    (curated / "mix.yaml").write_text(MIXTURE)
    run_in(curated, ["mix", "mix.yaml"])
    with Reader.open(curated) as reader:
        mixture = version_manifest(reader, "blend@v1")["mixture"]
    shown = page("datasets", dataset="blend", tab="Mixture")
    assert not shown.exception
    assert "Mixture" in [tab.label for tab in shown.tabs]
    table = next(frame.value for frame in shown.dataframe if "declared share" in frame.value.columns)
    assert list(table["source"]) == ["easy", "hard", "all"]
    for place, source in enumerate(mixture["sources"]):
        row = table.iloc[place]
        assert (row["rows"], row["kept"], row["actual share"]) == (source["rows"], source["kept"], source["share"])
        assert row["declared rows"] == source["declared"]
        assert row["declared share"] == pytest.approx(source["declared_share"])
        dropped = {name.removeprefix("dropped: "): row[name] for name in table.columns if name.startswith("dropped: ")}
        assert {reason: count for reason, count in dropped.items() if count} == source["dropped"]
        assert row["rows"] == row["kept"] + sum(dropped.values())
    assert table.iloc[2]["kept"] == mixture["kept"]
    missed = next(frame.value for frame in shown.dataframe if list(frame.value.columns) == ["source", "level"])
    assert list(missed["level"]) == [source["missed"]["level"] for source in mixture["sources"]]
    alone = page("datasets", dataset="toy", tab="Mixture")
    assert not alone.exception
    assert "Mixture" not in [tab.label for tab in alone.tabs]


def test_a_source_without_a_declared_share_has_no_mark() -> None:
    bars, marks = share_chart([SOURCE, OTHER]).to_dict()["layer"]
    assert (bars["mark"]["type"], marks["mark"]["type"]) == ("bar", "tick")
    assert len(share_chart([OTHER]).to_dict()["layer"]) == 1
    table = count_table([SOURCE, OTHER])
    assert list(table["kept"]) == [20, 30, 50]
    assert list(table["dropped: not_chosen"]) == [10, 0, 10]
    assert missed_table([OTHER]).empty


def test_rare_reasons_share_a_colour() -> None:
    many = {f"signal:{n}": 100 - n for n in range(MOST_REASONS + 3)}
    chart = rows_chart([{**SOURCE, "dropped": many}]).to_dict()
    [rows] = chart["datasets"].values()
    assert [row["fate"] for row in sorted(rows, key=lambda row: row["place"])] == [
        "kept", *(f"signal:{n}" for n in range(MOST_REASONS)), "other reasons",
    ]  # fmt: skip
    assert sum(row["rows"] for row in rows) == 20 + sum(many.values())
    assert len(chart["encoding"]["color"]["scale"]["range"]) == MOST_REASONS + 2


def test_hostile_names_stay_text() -> None:
    hostile = [{**SOURCE, "source": HOSTILE, "ref": HOSTILE, "dropped": {HOSTILE: 80}, "licences": [HOSTILE]}]
    assert share_chart(hostile).to_dict()
    assert rows_chart(hostile).to_dict()
    assert "\u202e" not in count_table(hostile).to_json(force_ascii=False)
