"""`rollmill harden`: a file that an import takes, whose composed problems name their parts by the ids they then have."""

import json
from pathlib import Path

import pytest

from rollmill.storage.import_records import producer_of
from rollmill.storage.imports.problems import import_problems
from rollmill.storage.imports.spec import ImportSpec
from rollmill.storage.segments.schema import from_table
from rollmill.storage.workspace import Workspace
from tests.flows.conftest import Run

pytestmark = pytest.mark.integration

BENCHMARK = """\
benchmark_schema: 1
name: held
about: Templates that train nothing.
origin: this program
licence: Apache-2.0
synthesize: templates
count: 48
options: {split: evaluation}
"""


def test_composed_problems_name_their_parts_after_an_import(toy: Path, rollmill: Run) -> None:
    (toy / "held.yaml").write_text(BENCHMARK)
    said = rollmill("harden", "held.yaml", "--with", "chains", "--out", "chains.jsonl", "--seed", "3", "--json")
    result = json.loads(said.out)
    assert (said.status, result["problems"]) == (0, 48)
    assert result["made"] >= 30
    with Workspace.open(toy) as workspace:
        import_problems(workspace, ImportSpec(Path("chains.jsonl"), "chained"))
        stored = from_table("problems", workspace.segments.read("problems", producer=producer_of("chained")))
    ids = {problem.id for problem in stored}
    composed = [problem for problem in stored if problem.meta.get("parts")]
    assert len(ids) == result["made"] == 3 * len(composed)
    assert all(set(problem.meta["parts"]) < ids for problem in composed)


def test_what_a_transform_cannot_do_is_said(toy: Path, rollmill: Run) -> None:
    (toy / "held.yaml").write_text(BENCHMARK)
    result = rollmill("harden", "held.yaml", "--with", "none_of_the_above", "--out", "x.jsonl")
    assert (result.status, "none_of_the_above can do nothing with the problems of held" in result.err) == (1, True)
    assert not (toy / "x.jsonl").exists()
    result = rollmill("harden", "held.yaml", "--with", "chain", "--out", "x.jsonl")
    assert (result.status, "chains" in result.err) == (2, True)
