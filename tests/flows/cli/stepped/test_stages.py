"""Stages of a recipe, each a call of its own: a run that stops goes on there, and its costs are those of the calls."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from rollmill.storage.workspace import Workspace
from tests.flows.conftest import ROOT, Run, said_as_json
from tests.flows.scripted_models import said_by
from tests.flows.written.published_scripts import modeller
from tests.flows.written.step_recipe_inputs import contests
from tests.pipelines.generate.http.serving import Serving, status

pytestmark = [pytest.mark.integration, pytest.mark.sandbox]

STAGES = ("Do not solve it", "Write an optimization model", "prints the optimum", "Write a report")


def asked_by_stage(bodies: list[dict[str, Any]]) -> dict[str, int]:
    asked = [body["messages"][-1]["content"] for body in bodies]
    return {stage: sum(stage in text for text in asked) for stage in STAGES}


def test_a_stage_that_failed_goes_on_and_no_earlier_call_is_paid_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rollmill: Run
) -> None:
    Workspace.init(tmp_path / "ws").close()
    monkeypatch.chdir(tmp_path / "ws")
    contests(rollmill, 4)
    shutil.copy(ROOT / "recipes/steps/modelling.yaml", ".")
    well = said_by(modeller)

    def broken(number: int, asked: dict[str, Any]) -> Any:
        return status(400) if "prints the optimum" in asked["messages"][-1]["content"] else well(number, asked)

    command = ("curate", "modelling.yaml", "--direct", "--profile", "p.yaml")
    with Serving(broken, models=["Qwen/Qwen2.5-0.5B-Instruct"]) as server:
        Path("p.yaml").write_text(f"profile_schema: 1\nservers: [{{url: '{server.url}'}}]\n")
        assert rollmill(*command).status != 0
        before = asked_by_stage(server.bodies)
    assert (before["Do not solve it"], before["Write a report"]) == (8, 0)
    with Serving(well, models=["Qwen/Qwen2.5-0.5B-Instruct"]) as server:
        Path("p.yaml").write_text(f"profile_schema: 1\nservers: [{{url: '{server.url}'}}]\n")
        outcome = said_as_json(rollmill, *command)
        after = asked_by_stage(server.bodies)
    assert (after["Do not solve it"], after["prints the optimum"]) == (0, 8)
    assert before["Write an optimization model"] + after["Write an optimization model"] == 8
    manifest = json.loads((Path(outcome["path"]) / "manifest.json").read_text())
    stages = {said["name"]: said for said in manifest["steps"]}
    assert {name: said["drawn"] for name, said in stages.items() if name != "computed"} == {
        "analysis": 8,
        "model": 8,
        "program": 8,
        "report": after["Write a report"],
    }
    assert manifest["cost"]["tokens_out"] == sum(said["tokens_out"] for said in stages.values())
