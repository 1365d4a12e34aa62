"""The stage `evaluate` of the dvc.yaml that `init` makes, run by real DVC: it draws what is missing, shows its values."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from flows.cli.workspace import STAGES
from storage import dvc
from tests.flows.conftest import ROOT, Run
from tests.flows.evaluation.test_evaluate import EVALUATION

pytestmark = pytest.mark.services


def test_repro_draws_nothing_after_the_evaluation_and_metrics_are_shown(
    toy: Path, rollmill: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    (toy / "sums.yaml").write_text(EVALUATION)
    (toy / "params.yaml").write_text("evaluation: sums.yaml\n")
    stage = json.dumps(yaml.safe_load(STAGES["dvc.yaml"])["stages"]["evaluate"]).replace("arithmetic-eval", "sums")
    command = f"{sys.executable} -m flows.cli evaluate ${{evaluation}} --direct"
    (toy / "dvc.yaml").write_text(yaml.safe_dump({"stages": {"evaluate": {**json.loads(stage), "cmd": command}}}))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("TOY_CALLS", str(toy / "calls"))
    subprocess.run(["git", "init", "-q"], cwd=toy, check=True)
    assert dvc.run(["init", "-q"], toy).returncode == 0

    [cell] = json.loads(rollmill("evaluate", "sums.yaml", "--json").out)["cells"]
    drawn = (toy / "calls").read_text()
    before = {path.name: path.read_text() for path in (toy / "reports" / "sums").iterdir()}
    done = dvc.run(["repro"], toy)
    assert (done.returncode, "Running stage 'evaluate'" in done.stdout) == (0, True), done.stderr
    assert (toy / "calls").read_text() == drawn
    assert {path.name: path.read_text() for path in (toy / "reports" / "sums").iterdir()} == before
    assert "Stage 'evaluate' didn't change, skipping" in dvc.run(["repro"], toy).stdout
    shown = json.loads(dvc.run(["metrics", "show", "--json"], toy).stdout)
    [table] = shown[""]["data"].values()
    assert table["data"] == {"small": {"good": {"pass@1": cell["metrics"][0]["value"]}}}
