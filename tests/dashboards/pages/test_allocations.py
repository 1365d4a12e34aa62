"""The tab Allocations of the page Compare: its numbers are those that `rollmill replay --allocator` stored."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from rollmill.dashboards.pages.compare.allocations import allocator_table, arm_table
from rollmill.dashboards.parts.charts import PALETTE, most_drawn, spending_chart
from rollmill.storage.queries import Reader, run_scope
from rollmill.storage.queries.comparisons.allocations import SpendingPoint, allocations, spending_points, step_points
from rollmill.storage.workspace import Workspace
from tests.dashboards.conftest import opened, run_in
from tests.dashboards.evaluated import evaluate
from tests.flows.conftest import RECIPE
from tests.flows.sweeps.test_sweep import SWEEP
from tests.json_lines import write_lines


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two models with forty problems of two levels and two completions each."""
    folder = tmp_path_factory.mktemp("allocations") / "ws"
    problems = [{"id": f"p{n}", "prompt": f"{n} + 1?", "reference": str(n + 1), "level": n % 2} for n in range(40)]
    rows = [
        {"problem_id": f"p{n}", "model": model, "text": f"#### {n + 1 if (n + at) % every else 0}"}
        for n in range(40)
        for model, every in (("strong", 8), ("weak", 2))
        for at in range(2)
    ]
    evaluate(folder, problems, rows)
    return folder


@pytest.fixture
def page(asked: Path, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    monkeypatch.setenv("ROLLMILL_WORKSPACE", str(asked))
    return opened("compare", more="Allocations")


@pytest.mark.integration
def test_the_button_stores_an_allocation_and_its_spending_is_drawn(page: AppTest, asked: Path) -> None:
    assert not page.exception
    assert any("No allocation of these completions is stored" in block.value for block in page.info)
    box = next(box for box in page.selectbox if box.label == "Arms")
    assert box.options == ["model of asked", "level of asked:strong", "level of asked:weak"]
    words = ["replay", "asked", "--allocator", "ucb c=0.5", "--allocator", "halving", "--repeats", "5"]
    run_in(asked, [*words, "--out", "replays/asked-arms-1"])
    page.run()
    assert not page.exception
    report = json.loads((asked / "replays" / "asked-arms-1" / "allocation.json").read_text())
    tables = [frame.value for frame in page.dataframe]
    spent = next(table for table in tables if "winner's curse" in table.columns)
    assert set(spent["mostly chosen"]) == {"strong"}
    assert list(spent["allocator"]) == ["ucb c=0.5", "halving", "uniform"]
    assert list(spent["regret"]) == [f"{r['regret']['value']:+.3f} ± {r['regret']['error']:.3f}" for r in report["rows"]]
    shares = next(table for table in tables if "halving: share" in table.columns)
    assert shares["halving: share"].sum() == pytest.approx(1.0)
    assert list(shares["arm"]) == [arm["arm"] for arm in report["arms"]]
    curves = next(table for table in tables if {"round", "95%"} <= set(table.columns))
    last = curves.groupby(["allocator", "arm"])["completions"].last()
    for row in report["rows"]:
        assert {arm: last[row["allocator"], arm] for arm in row["pulls"]} == pytest.approx(row["pulls"])
    assert '"title": "completions"' in page.get("vega_lite_chart")[-1].proto.spec
    left = next(box for box in page.selectbox if box.label == "Arms")
    assert left.options == ["level of asked:strong", "level of asked:weak"]
    assert page.button(key="compare-allocate").label == "Replay allocators"


def stored(folder: Path, name: str, report: dict[str, Any]) -> None:
    (folder / "replays" / name).mkdir(parents=True)
    (folder / "replays" / name / "allocation.json").write_text(json.dumps(report))


def test_only_allocations_of_these_completions_are_listed(tmp_path: Path) -> None:
    for name, scopes in (("a", ["x@v1"]), ("b", ["x@v1", "y@v1"]), ("c", ["z@v1"]), ("old", [])):
        stored(tmp_path, name, {"name": name, "scopes": scopes})
    assert [report["name"] for report in allocations(tmp_path, {"x@v1", "y@v1"})] == ["a", "b"]


def test_many_arms_show_those_with_most_completions() -> None:
    points = [
        SpendingPoint("ucb", f"arm{n:02}", at, float(n * at), 0.0, float(2 * n * at)) for n in range(12) for at in (1, 2)
    ]
    shown = most_drawn(points)
    assert shown == [f"arm{n:02}" for n in range(12 - len(PALETTE), 12)]
    chart = spending_chart(points, shown).to_dict()
    assert [layer["mark"]["type"] for layer in chart["layer"]] == ["area", "line", "point"]
    two = spending_chart([*points, SpendingPoint("halving", "arm11", 1, 1.0, 1.0, 1.0)], shown).to_dict()
    assert two["facet"]["sort"] == ["ucb", "halving"]


def test_points_and_shares_are_those_of_the_report() -> None:
    part = {"mean": [1.0, 3.0], "low": [0.0, 2.0], "high": [2.0, 4.0]}
    row = {
        "allocator": "ucb", "pulls": {"a": 3.0, "b": 1.0}, "winners": {"a": 0.2, "b": 0.8},
        "spending": {"rounds": [1, 2], "arms": {"a": part, "b": part}},
    }  # fmt: skip
    report = {"rows": [row], "arms": [{"arm": arm, "problems": 4, "value": 0.5} for arm in ("a", "b")]}
    assert spending_points(report)[1] == SpendingPoint("ucb", "a", 2, 3.0, 2.0, 4.0)
    table = arm_table(report)
    assert list(table["ucb: share"]) == [0.75, 0.25]
    assert list(table["ucb: chosen"]) == [0.2, 0.8]
    none = {"value": 0.0, "error": None}
    spent = {"spent": 4.0, "rounds": 2.0, "seen": 0.5, "reported": 0.5, "curse": none, "regret": none}
    assert list(allocator_table({"unit": "tokens", "rows": [row | spent]})["mostly chosen"]) == ["b"]


@pytest.mark.integration
def test_a_sweep_shows_the_completions_of_its_arms_over_the_rounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "ws"
    Workspace.init(folder).close()
    shutil.copyfile(Path(__file__).parents[2] / "toys.py", folder / "toys.py")
    (folder / "toy.yaml").write_text(RECIPE)
    (folder / "sweep.yaml").write_text(json.dumps(SWEEP))
    rows = [{"id": f"{n}", "prompt": f"What is {n} + {n}?", "reference": f"{2 * n}"} for n in range(48)]
    write_lines(folder / "sums.jsonl", rows)
    run_in(folder, ["import", "problems", "sums.jsonl", "--name", "sums"], ["sweep", "sweep.yaml"])
    monkeypatch.setenv("ROLLMILL_WORKSPACE", str(folder))
    with Reader.open(folder) as reader:
        run = next(run for run in reader.runs.list() if run.name == "chances")
        points = step_points(run_scope(reader, run.id))
        plans = [row for plan in reader.runs.plans(run.id) for row in plan]
    for point in points:
        assert point.completions == sum(row.step == point.arm and row.round < point.round for row in plans)
    assert {point.arm for point in points} == {"default", "worse", "better"}
    page = opened("difficulty", of=f"run {run.id}", view="Budget", **{"step-numbers": "true"})
    assert not page.exception
    assert "Completions of each step over the rounds" in [block.value for block in page.subheader]
    table = next(frame.value for frame in page.dataframe if "better" in frame.value.columns)
    assert table["better"].iloc[-1] == sum(row.step == "better" for row in plans)
