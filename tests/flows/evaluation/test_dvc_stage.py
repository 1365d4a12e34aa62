"""The stage `evaluate` that `init` makes, run by real DVC: it draws what is missing, shows its values."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from flows.cli.operate.workspace import STAGES
from storage import dvc
from tests.flows.conftest import ROOT, Run
from tests.flows.evaluation.test_evaluate import EVALUATION

pytestmark = pytest.mark.services


def test_repro_draws_nothing_after_the_evaluation_and_metrics_are_shown(
    toy: Path, rollmill: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    (toy / "sums.yaml").write_text(EVALUATION)
    file = toy / "recipes" / "evaluations" / "dvc.yaml"
    text = STAGES["recipes/evaluations/dvc.yaml"].replace("recipes/evaluations/arithmetic.yaml", "sums.yaml")
    stage = yaml.safe_load(text.replace("arithmetic-eval", "sums"))["stages"]["evaluate"]
    command = f"{sys.executable} -m flows.cli evaluate sums.yaml --direct"
    file.parent.mkdir(parents=True)
    file.write_text(yaml.safe_dump({"stages": {"evaluate": {**stage, "cmd": command}}}))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("TOY_CALLS", str(toy / "calls"))
    subprocess.run(["git", "init", "-q"], cwd=toy, check=True)
    assert dvc.run(["init", "-q"], toy).returncode == 0

    [cell] = json.loads(rollmill("evaluate", "sums.yaml", "--json").out)["cells"]
    drawn = (toy / "calls").read_text()
    before = {path.name: path.read_text() for path in (toy / "reports" / "sums").iterdir()}
    done = dvc.run(["repro", str(file)], toy)
    assert (done.returncode, "Running stage" in done.stdout) == (0, True), done.stderr
    assert (toy / "calls").read_text() == drawn
    assert {path.name: path.read_text() for path in (toy / "reports" / "sums").iterdir()} == before
    assert "didn't change, skipping" in dvc.run(["repro", str(file)], toy).stdout
    shown = json.loads(dvc.run(["metrics", "show", "--json"], toy).stdout)
    [table] = shown[""]["data"].values()
    assert table["data"] == {"small": {"good": {"pass@1": cell["metrics"][0]["value"]}}}
