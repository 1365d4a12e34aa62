"""The stages that `init` makes, run by real DVC: they draw what is missing, for any recipe, and show their values."""

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from rollmill.flows.cli.operate.workspace import STAGES
from rollmill.storage import dvc
from tests.flows.conftest import RECIPE, ROOT, Run
from tests.flows.evaluation.test_evaluate import EVALUATION
from tests.repositories import git, run_dvc

pytestmark = pytest.mark.services


def test_repro_draws_nothing_after_the_evaluation_and_metrics_are_shown(
    toy: Path, rollmill: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    (toy / "sums.yaml").write_text(EVALUATION)
    file = toy / "recipes" / "evaluations" / "dvc.yaml"
    text = STAGES["recipes/evaluations/dvc.yaml"].replace("recipes/evaluations/arithmetic.yaml", "sums.yaml")
    stage = yaml.safe_load(text.replace("arithmetic-eval", "sums"))["stages"]["evaluate"]
    command = f"{sys.executable} -m rollmill.flows.cli evaluate sums.yaml --direct"
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


def shown_commands() -> list[list[str]]:
    """The commands of the how-to page's section, for the recipe second.yaml."""
    section = (ROOT / "docs/how-to/share-versions-through-dvc.md").read_text().partition("## Run recipes with DVC")[2]
    block = section.partition("```sh\n")[2].partition("```")[0]
    lines = [shlex.split(line, comments=True) for line in block.splitlines()]
    return [
        [word.replace("recipes/arithmetic", "second").replace("arithmetic", "second") for word in line[1:]]
        for line in lines
    ]


def test_the_stages_run_any_recipe_and_an_experiment(toy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    for variable in ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"):
        monkeypatch.setenv(variable, "t@t")
    (toy / "second.yaml").write_text(RECIPE.replace("name: toy", "name: second").replace("seed: 3", "seed: 4"))
    (toy / "params.yaml").write_text("recipes: {toy: toy.yaml, second: second.yaml}\n")
    stages = STAGES["dvc.yaml"].replace("cmd: rollmill", f"cmd: {sys.executable} -m rollmill.flows.cli")
    (toy / "dvc.yaml").write_text(stages)
    git(toy, "init", "-q")
    run_dvc(toy, "init", "-q")
    git(toy, "add", "-A")
    git(toy, "commit", "-qm", "begin")

    run_dvc(toy, "repro")
    git(toy, "add", "-A")
    committed = git(toy, "ls-files").split()
    assert "reports/second/metrics.json" in committed
    assert not [name for name in committed if name.endswith((".duckdb", ".parquet"))]
    git(toy, "commit", "-qm", "first")
    assert "curate@toy" not in run_dvc(toy, "status")
    assert run_dvc(toy, "repro").count("didn't change, skipping") == 4

    (toy / "toys.py").write_text((toy / "toys.py").read_text() + "\n# changed\n")
    assert "Running stage 'curate@toy'" in run_dvc(toy, "repro")
    git(toy, "commit", "-qam", "a changed method")

    for words in shown_commands():
        run_dvc(toy, *words)
    rows = json.loads(run_dvc(toy, "exp", "show", "--json"))
    assert [row["experiments"] for row in rows if row.get("experiments")]
    change = json.loads(run_dvc(toy, "metrics", "diff", "--json"))
    assert change["reports/second/metrics.json"]["kept"]["diff"] < 0
    assert "reports/toy/metrics.json" not in change
    assert (toy / "dvc_plots" / "index.html").stat().st_size
