"""A run whose recipe has warps, one of them in a user's file: drawn, published, verified, and drawn anew after a change."""

import json
from pathlib import Path

import duckdb
import pytest

from tests.flows.conftest import Run
from tests.flows.recipe.test_warps import MINE

pytestmark = pytest.mark.integration

WARPED = """\
recipe_schema: 1
name: warped
seed: 4
problems: {synthesize: templates, count: 6, options: {split: heldout}}
generate:
  max_tokens: 40
  warp: [{method: "mine.py:Squared"}, {method: min_p, options: {share: 0.05}}]
budget: {method: fixed, options: {initial: 30}}
select: {method: quota, options: {per_problem: 30}}
gate: {min_kept: 0}
"""


def drawn(folder: Path, version: str) -> dict[str, tuple[str, float, float]]:
    """Text and both log-probabilities of each completion of a version."""
    file = next((folder / "datasets/warped").glob(f"{version}-*")) / "dataset.duckdb"
    with duckdb.connect(str(file), read_only=True) as dataset:
        rows = dataset.sql("SELECT id, text, logprob_sum, meta FROM rollouts").fetchall()
    return {row[0]: (row[1], row[2], json.loads(row[3])["logprob_sampled"]) for row in rows}


def test_a_warped_run_keeps_the_file_and_is_drawn_anew_when_that_changes(toy: Path, rollmill: Run) -> None:
    (toy / "mine.py").write_text(MINE)
    (toy / "warped.yaml").write_text(WARPED)
    result = rollmill("curate", "warped.yaml", "--direct")
    assert result.status == 0, result.err
    first = drawn(toy, "v1")
    assert len(first) == 180  # more than 128, so that draw workers had their part
    assert sum(sampled - model for _, model, sampled in first.values()) / 180 > 0.2  # sharper than the model itself
    manifest = json.loads(next((toy / "datasets/warped").glob("v1-*/manifest.json")).read_text())
    assert [file["file"] for file in manifest["user_files"].values()] == ["mine.py"]
    assert [warp["method"] for warp in manifest["recipe"]["generate"]["warp"]] == ["mine.py:Squared", "min_p"]
    again = rollmill("curate", "warped.yaml", "--direct", "--json")
    assert json.loads(again.out)["spent"]["drawn"] == 0
    assert rollmill("dataset", "verify", "warped", "--all").status == 0
    (toy / "mine.py").write_text(MINE.replace("2 *", "0.5 *"))
    result = rollmill("curate", "warped.yaml", "--direct")
    assert result.status == 0, result.err
    second = drawn(toy, "v2")
    assert len(second) == 180
    assert not first.keys() & second.keys()
