"""Texts of the three operators of augmentation become problems: each reaches the problem that it came from."""

import shutil
from pathlib import Path

import pytest

from rollmill.ground.records import CARRIED, ROUND_TRIP
from rollmill.pipelines.synthesize.derived.lineage import lineage_of
from rollmill.storage.segments.schema import from_table
from rollmill.storage.workspace import Workspace
from tests.flows.conftest import ROOT, Run, said_as_json
from tests.flows.scripted_models import numbers_in, said_by
from tests.flows.written.published_scripts import augmenter
from tests.flows.written.step_recipe_inputs import sums
from tests.pipelines.generate.http.serving import Serving

pytestmark = pytest.mark.integration

SMALL = ("--set", "problems.count=12", "--set", "problems.synthesize=toys.py:ToyProblems")


def test_every_augmented_problem_reaches_a_seed_and_a_wrong_answer_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rollmill: Run
) -> None:
    Workspace.init(tmp_path / "ws").close()
    monkeypatch.chdir(tmp_path / "ws")
    sums(rollmill)
    shutil.copy(ROOT / "recipes/steps/augment.yaml", ".")
    comments = [line.removeprefix("# ") for line in Path("augment.yaml").read_text().splitlines()]
    further = [line for line in comments if line.startswith("problems: {synthesize: rewritten")]
    made = {}
    with Serving(said_by(augmenter), models=["Qwen/Qwen2.5-0.5B-Instruct"]) as server:
        Path("p.yaml").write_text(f"profile_schema: 1\nservers: [{{url: '{server.url}'}}]\n")
        said_as_json(rollmill, "curate", "augment.yaml", "--direct", "--profile", "p.yaml", *SMALL)
        for name, text in zip(("reworded", "paired"), further, strict=True):
            asked = text.replace("solver: {", "votes: 3, solver: {engine: openai, max_tokens: 64, ")
            engine = "generate: {engine: openai, model: Qwen/Qwen2.5-0.5B-Instruct, max_tokens: 64}"
            Path(f"{name}.yaml").write_text(
                f"recipe_schema: 1\nname: {name}\nseed: 3\n{asked}\n{engine}\nverify: [{{method: number}}]\n"
            )
            made[name] = said_as_json(rollmill, "synthesize", f"{name}.yaml", "--profile", "p.yaml")
    with Workspace.open(Path()) as workspace:
        rows = from_table("problems", workspace.segments.read("problems"))
    seeds = {row.id for row in rows if not lineage_of(row)}
    derived = [row for row in rows if lineage_of(row)]
    assert {source for row in derived for source in lineage_of(row)["sources"]} <= seeds
    origins = {CARRIED: "Add", ROUND_TRIP: "Walk"}
    assert {(lineage_of(row)["reference"], str(row.prompt).split()[0]) for row in derived} == set(origins.items())
    assert all(row.reference == str(sum(numbers_in(str(row.prompt)))) for row in derived)
    assert made["paired"]["dropped"]["refused_no_reference"] > 0, "the solver does not find a wrong answer again"
    assert made["reworded"]["problems"] + made["paired"]["problems"] == len(derived)
