"""The notebook entry: frames in three lines, SQL over everything, and no Prefect."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from rollmill.ground.errors import SetupError
from rollmill.storage.queries import open_workspace

pytestmark = pytest.mark.integration

DONE = "toy-aaaaaaaa"


def test_rollouts_of_a_run_as_a_frame(curated: Any) -> None:
    with open_workspace(curated.ws.root) as ws:
        frame = ws.rollouts(run=DONE).df()
        assert len(frame) == 48
        kept = frame[frame["kept"]]
        assert len(kept) == 9
        assert set(kept["outcome"]) == {"correct"}
        row = ws.rollouts(run=DONE).filter("completion_id = 'c5-0'").fetchall()[0]
        assert row[2:6] == ("correct", True, "kept", 'Ann has 5 "red" apples\nand é more. How many?')


def test_rollouts_of_the_workspace_carry_labels_and_all_verdicts(curated: Any) -> None:
    with open_workspace(curated.ws.root) as ws:
        rows = ws.rollouts().filter("completion_id IN ('c5-0', 'c5-1')").select("label, verdicts").fetchall()
    assert rows == [(True, {"number 1": "correct"}), (False, {"number 1": "correct"})]


def test_problems_and_sql_as_arrow(curated: Any) -> None:
    with open_workspace(curated.ws.root) as ws:
        assert ws.problems().to_arrow_table().num_rows == 6
        assert ws.sql("SELECT kept, count(*) FROM decisions GROUP BY 1 ORDER BY 1").fetchall() == [(False, 39), (True, 9)]


def test_pass_rates_as_a_frame_of_the_latest_run(curated: Any) -> None:
    with open_workspace(curated.ws.root) as ws:
        frame = ws.pass_rates(by="level")
    assert list(frame["level"]) == [1, 2]
    assert list(frame["pass_rate"].round(4)) == [0.5, 0.6667]
    assert list(frame.columns) == [
        "level",
        "pass_rate",
        "low",
        "high",
        "interval",
        "problems",
        "judged",
        "undecided",
        "kept",
    ]


def test_any_metric_as_a_frame_over_the_fixed_prefix(curated: Any) -> None:
    """Problem n of six is right at its first n indices, and four are in the prefix."""
    with open_workspace(curated.ws.root) as ws:
        frame = ws.measure("pass@k", ks=[1, 4], by=["level"])
        assert list(zip(frame["level"], frame["k"], frame["value"].round(4), strict=True)) == [
            (1, 1, 0.5),
            (1, 4, 0.6667),
            (2, 1, 0.6667),
            (2, 4, 1.0),
        ]
        assert set(frame["estimand"]) == {
            "mean pass@1 of problems from these templates",
            "mean pass@4 of problems from these templates",
        }
        assert ws.measure("tokens_per_correct", run=DONE)["value"].tolist() == [24 * 7 / 14]
        assert ws.measure("solved_by", first=2)["attempts"].tolist() == [1, 2]
        odd = ws.measure("pass@k", ks=[1], by=["meta.odd", "meta.kind"])
        assert odd[["meta.odd", "meta.kind", "value"]].to_numpy().tolist() == [
            [0, '["sum"]', 0.5],
            [1, '["sum"]', pytest.approx(2 / 3)],
        ]
        with pytest.raises(SetupError, match=r"unknown group 'meta.topic'.* meta.kind, meta.odd"):
            ws.measure("pass@k", by=["meta.topic"])
        with pytest.raises(SetupError, match="k = 5 is undefined for 6 of 6 problems"):
            ws.measure("pass@k", ks=[5])
        with pytest.raises(SetupError, match="Did you mean 'ks'"):
            ws.measure("pass@k", k=[1])
        with pytest.raises(SetupError, match="these problems"):
            ws.measure("pass@k", of="those problems")
        with pytest.raises(SetupError, match="a list of whole numbers"):
            ws.measure("pass@k", ks=4)


def test_mistakes_of_a_caller(tmp_path: Path, curated: Any) -> None:
    with open_workspace(curated.ws.root) as ws, pytest.raises(SetupError, match="name a run or a dataset, not both"):
        ws.rollouts(run=DONE, dataset="apples")
    with pytest.raises(SetupError, match="is not in a Rollmill workspace"):
        open_workspace(tmp_path)


def test_no_prefect_and_no_engine_is_imported() -> None:
    code = (
        "import sys; from rollmill.storage.queries import open_workspace; import rollmill.stats\n"
        "heavy = {'prefect', 'torch', 'onnxruntime', 'great_expectations', 'math_verify', 'streamlit'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[3], check=True)
