"""Seven models on five benchmarks, from real rollouts to a leaderboard in three commands."""

import json
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from tests.flows.conftest import Run
from tests.shared_data import shared_data

pytestmark = [pytest.mark.data, pytest.mark.timeout(300)]
MATHCODER = "mathcoder_rollouts.parquet"
EVALUATION = """\
evaluation_schema: 1
name: mathcoder
benchmarks: [{name: mathcoder, imported: mc, verify: [{method: math}]}]
models: [{name: all, engine: imported}]
metrics: [{metric: pass@k, ks: [1], by: [source]}]
"""


def test_from_a_file_to_a_leaderboard(toy: Path, rollmill: Run) -> None:
    (toy / "mathcoder.yaml").write_text(EVALUATION)
    assert rollmill("import", "rollouts", str(shared_data(MATHCODER)), "--name", "mc").status == 0
    report = json.loads(rollmill("evaluate", "mathcoder.yaml", "--json").out)
    board = json.loads(rollmill("leaderboard", "mathcoder", "--by", "source", "--json").out)

    [cell] = report["cells"]
    assert (cell["problems"], cell["rollouts"], cell["tokens_out"]) == (2_542, 12_748, None)
    measured = {(row["group"]["model"], row["group"]["source"]): row["value"] for row in cell["metrics"]}
    shown = {(row["model"], row["benchmark"]): row["value"] for row in board["cells"]}
    assert shown == measured  # one home for a number
    assert board["models"][0] == "MathCoder-L-70b"

    rows = pq.read_table(shared_data(MATHCODER), columns=["model", "dataset", "problem_id", "sample_index", "is_correct"])
    labels = rows.group_by(["model", "dataset"]).aggregate([("is_correct", "mean")]).to_pylist()
    published = {(row["model"], row["dataset"]): row["is_correct_mean"] for row in labels}
    assert published.keys() == shown.keys()
    # The labels are themselves wrong in places (docs/explanation/math-evidence.md): the rates agree to some points.
    assert max(abs(published[place] - shown[place]) for place in shown if place[1] != "MATH") < 0.06
    assert pc.any(rows["is_correct"]).as_py()


def test_two_of_its_models_differ(toy: Path, rollmill: Run) -> None:
    (toy / "mathcoder.yaml").write_text(EVALUATION)
    rollmill("import", "rollouts", str(shared_data(MATHCODER)), "--name", "mc")
    rollmill("evaluate", "mathcoder.yaml")
    result = rollmill("compare", "mathcoder:MathCoder-L-7b", "mathcoder:MathCoder-L-70b", "--by", "source", "--json")
    [row] = json.loads(result.out)["comparisons"]
    assert (row["problems"], row["only_before"], row["only_after"], row["undecided"]) == (1_945, 582, 0, 15)
    assert row["undecided_bounds"][0] < row["difference"] < row["undecided_bounds"][1]
    assert 0.19 < row["low"] < row["difference"] < row["high"] < 0.25
    assert all(part["p_corrected"] < 0.001 for part in row["strata"]["source"])
