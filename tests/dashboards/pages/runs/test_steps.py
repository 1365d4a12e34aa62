"""The tab Steps: counts of each step, attempts as `rollmill runs attempts` counts them, and the outcome of a sweep."""

import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from rollmill.storage.queries import Reader, run_scope
from rollmill.storage.queries.attempts import attempt_table
from rollmill.storage.workspace import Workspace
from tests.dashboards.conftest import opened, run_in
from tests.dashboards.test_pages import texts
from tests.flows.cli.look.test_attempts import CRITIC
from tests.flows.conftest import RECIPE, ROOT
from tests.flows.sweeps.test_sweep import SWEEP
from tests.json_lines import write_lines

pytestmark = pytest.mark.integration

TWICE = """\
recipe_schema: 1
name: twice
problems: {synthesize: toys.py:ToyProblems, count: 40}
generate: {engine: critic.py:Critic, model: critic, max_tokens: 16}
steps:
  - {name: solve, count: 1, template: "SOLVE {prompt}"}
  - {name: second, template: "AGAIN {prompt} {solve}", when: {solve: incorrect}}
  - {name: third, template: "AGAIN {prompt} {second}", when: {second: incorrect}}
verify: [{method: number}]
select: {method: all_correct}
gate: {min_kept: 1}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with two further attempts, and a sweep of three arms."""
    folder = tmp_path_factory.mktemp("steps") / "ws"
    Workspace.init(folder).close()
    shutil.copyfile(ROOT / "tests" / "toys.py", folder / "toys.py")
    (folder / "critic.py").write_text(CRITIC)
    (folder / "twice.yaml").write_text(TWICE)
    (folder / "toy.yaml").write_text(RECIPE)
    (folder / "sweep.yaml").write_text(json.dumps(SWEEP))
    rows = [{"id": f"{n}", "prompt": f"What is {n} + {n}?", "reference": f"{2 * n}"} for n in range(48)]
    write_lines(folder / "sums.jsonl", rows)
    run_in(
        folder,
        ["curate", "twice.yaml", "--direct"],
        ["import", "problems", "sums.jsonl", "--name", "sums"],
        ["sweep", "sweep.yaml"],
    )
    return folder


@pytest.fixture(autouse=True)
def _workspace(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLLMILL_WORKSPACE", str(folder))


def run_of(folder: Path, name: str) -> Any:
    with Reader.open(folder) as reader:
        return next(run for run in reader.runs.list() if run.name == name)


def table(page: AppTest, column: str) -> pd.DataFrame:
    """The table that has the column."""
    return next(frame.value for frame in page.dataframe if column in frame.value.columns)


def test_attempts_are_those_of_the_command_for_the_steps_that_are_chosen(folder: Path) -> None:
    run = run_of(folder, "twice")
    page = opened("runs", run=run.id, tab="Steps")
    assert not page.exception
    steps = table(page, "tokens out")
    assert list(steps["step"]) == ["solve", "second", "third"]
    assert steps["completions"][0] == 40
    assert list(table(page, "gain [95%]")["asked"]) == [40, steps["completions"][1]]
    page.multiselect(key="again").set_value(["second", "third"]).run()
    assert not page.exception
    with Reader.open(folder) as reader:
        counted = attempt_table(run_scope(reader, run.id), ("second", "third"))
    shown = table(page, "gain [95%]")
    assert list(shown["asked"]) == [rate.asked for rate in counted.rates] == [40, *steps["completions"][1:]]
    assert [text.split()[0] for text in shown["right after it [95%]"]] == [
        f"{rate.accuracy.value:.3f}" for rate in counted.rates
    ]
    gain = counted.rates[2].gain
    assert gain is not None
    assert shown["gain [95%]"][2] == f"{gain.value:+.3f} [{gain.low:+.3f}, {gain.high:+.3f}]"
    assert f"rollmill runs attempts {run.id} --step second --step third" in [block.value for block in page.code]


def test_a_sweep_shows_its_choice_and_every_rate_of_its_report(folder: Path) -> None:
    run = run_of(folder, "chances")
    report = json.loads((folder / "reports" / "chances" / "sweep.json").read_text())
    page = opened("runs", run=run.id)
    assert not page.exception
    assert page.success[0].value.startswith(f"**Chosen: {report['chosen']}.**")
    assert f"{report['gain']['value']:+.3f}" in page.success[0].value.replace("\\", "")
    assert "all measured" in [metric.value for metric in page.metric]
    page = opened("runs", run=run.id, tab="Steps")
    assert not page.exception
    halves = [frame.value for frame in page.dataframe if "right per 1,000 tokens" in frame.value.columns]
    for half, rows in zip(halves, (report["reported"], report["arms"]), strict=True):
        assert list(half["arm"]) == [row["arm"] for row in rows]
        rates = [row["rate"] for row in rows]
        wanted = [f"{rate['value']:.3f} [{rate['low']:.3f}, {rate['high']:.3f}]" for rate in rates]
        assert list(half["pass rate [95%]"]) == wanted
    assert "kept" not in table(page, "tokens out").columns
    assert "has not ended" not in texts(page)
