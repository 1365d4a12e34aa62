"""The page for people who know Prefect: its commands, its Python, Prefect's own command, and the file for work pools."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml

from rollmill.storage.schedules import Schedules
from rollmill.storage.standing import find_standing
from rollmill.storage.workspace import Workspace
from tests.documentation.test_docs import ROOT, SMALL, blocks, commands, initialised
from tests.flows.conftest import Said, finish, start
from tests.waiting import until

PAGE, PREFECT = "prefect.md", ("-m", "prefect")
FILE = yaml.safe_load((ROOT / "docs/examples/prefect/prefect.yaml").read_text())


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A workspace with the page's recipe, which is down at the end."""
    made = initialised(tmp_path / "ws", recipe=SMALL)
    (made / "rollmill.toml").write_text("[up]\nport = 0\n")
    yield made
    finish(start("down", cwd=made))


def command(folder: Path, line: str) -> Said:
    """What a command of the page prints."""
    words = line.split(" #", maxsplit=1)[0].replace('"', "").split()[1:]
    if "--cron" in words:
        place = words.index("--cron")
        words[place + 1 : place + 6] = [" ".join(words[place + 1 : place + 6])]
    said = finish(start(*words, *(["--dashboard", "0"] if words[0] == "up" else []), cwd=folder))
    assert said.status == 0, said.err
    return said


def python(folder: Path, variables: dict[str, str], *words: str) -> str:
    """Output of an interpreter of a person who set these variables."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("PREFECT_")}
    environment = {**inherited, "PYTHONPATH": str(ROOT), "DO_NOT_TRACK": "1", **variables}
    called = subprocess.run(
        [sys.executable, *words], cwd=folder, env=environment, capture_output=True, text=True, timeout=240
    )
    assert called.returncode == 0, called.stdout + called.stderr
    return called.stdout


@pytest.mark.services
@pytest.mark.timeout(600)
def test_the_page_is_right(folder: Path) -> None:
    up, add, *_, exports = commands(PAGE)
    command(folder, up)
    command(folder, add)
    assert until(lambda: finish(start("schedule", "run-now", "nightly", cwd=folder)).status == 0, 60)
    assert until(lambda: ends(folder) == ["done"], 240), ends(folder)
    printed = command(folder, exports).out
    standing = find_standing(folder / ".rollmill")
    assert standing is not None
    variables = dict(line.removeprefix("export ").split("=", 1) for line in printed.splitlines())
    variables = {name: text.strip("'") for name, text in variables.items()}
    assert variables == standing.variables

    said = python(
        folder, variables, "-m", "prefect", "deployment", "run", "curate/nightly", "--param", "recipe=/etc/passwd"
    )
    assert "Created flow run" in said
    assert until(lambda: ends(folder) == ["done", "done"], 240), ends(folder)
    [(_, block)] = [shown for shown in blocks(PAGE) if shown[0] == "python"]
    script = f"if __name__ == '__main__':\n    import json\n    {block.strip().replace(chr(10), chr(10) + '    ')}\n"
    (folder / "page.py").write_text(f"{script}    print(json.dumps(outcome['dataset']))\n")
    assert json.loads(python(folder, variables, "page.py").splitlines()[-1]) == "arithmetic"
    listed = python(folder, variables, *PREFECT, "flow-run", "ls", "--state-type", "COMPLETED", "-o", "json")
    assert [run["name"].split()[0] for run in json.loads(listed)] == ["arithmetic"] * 3


def ends(folder: Path) -> list[str]:
    """How the firings of the page's schedule ended."""
    assert [item.name for item in Schedules(folder / ".rollmill").own()] == ["nightly"]
    with Workspace.open(folder) as workspace:
        return [firing.status for firing in workspace.firings.recent("nightly")]


def test_the_file_for_work_pools_fits_prefects_models_and_its_workers_variables() -> None:
    from prefect.cli.deploy._models import DeploymentConfig, PrefectYamlModel

    import rollmill.flows.prefect  # noqa: F401 - before Prefect, which would read the settings of the current folder

    project = PrefectYamlModel.model_validate(FILE)
    metadata = files("prefect.server.api.collections_data") / "views/aggregate-worker-metadata.json"
    workers = {kind: row for rows in json.loads(metadata.read_text()).values() for kind, row in rows.items()}
    assert [deployment.name for deployment in project.deployments] == ["process", "docker", "kubernetes", "slurm"]
    for row, deployment in zip(FILE["deployments"], project.deployments, strict=True):
        assert set(row) <= set(DeploymentConfig.model_fields)
        module, _, name = str(deployment.entrypoint).rpartition(".")
        flow: Any = getattr(import_module(module), name)
        flow.validate_parameters(deployment.parameters)
        assert deployment.work_pool is not None
        kind = {"slurm": "process"}.get(row["name"], row["name"])
        known = workers[kind]["default_base_job_configuration"]["variables"]["properties"]
        assert set(deployment.work_pool.job_variables) <= set(known)
