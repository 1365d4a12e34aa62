"""The project as an installed application: its names stay its own, its pins name no index, its extras stay extras."""

import json
import os
import re
import subprocess
import sys
import sysconfig
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

import rollmill
from flows.cli.workspace import shipped

ROOT = Path(__file__).resolve().parent.parent
SMALL = """\
recipe_schema: 1
name: small
problems: {synthesize: templates, count: 16}
generate: {engine: embedded, model: models/rollmill-tiny}
verify: [{method: number}, {method: math}]
budget: {method: fixed, options: {initial: 4}}
select: {method: all_correct}
gate: {min_kept: 1, max_undecided: 1.0}
"""
PINS = sorted([*ROOT.glob("requirements*.txt"), *ROOT.glob("benchmarks/requirements*.txt")])


@pytest.mark.parametrize("name", ["dashboards", "flows", "pipelines", "rollmill", "storage"])
def test_no_dependency_claims_our_import_names(name: str) -> None:
    assert set(packages_distributions().get(name, [])) <= {"rollmill"}


@pytest.mark.parametrize("path", PINS, ids=lambda path: path.name)
def test_pins_are_exact_and_name_no_index(path: Path) -> None:
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    assert lines
    for line in lines:
        assert "://" not in line
        assert not line.startswith("-") or line == "-r requirements.txt"
        assert line.startswith("-r") or re.match(r"^[A-Za-z0-9._\[\]-]+==[^ ]+( ;.*)?$", line), line


def test_torch_and_vllm_are_extras_only() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = {re.split(r"[<>=\[ ]", item)[0] for item in project["dependencies"]}
    assert names.isdisjoint({"torch", "vllm", "reasoning-gym"})
    assert {"train", "vllm"} <= set(project["optional-dependencies"])
    core = (ROOT / "requirements.txt").read_text()
    assert "\ntorch==" not in core
    assert "\nvllm==" not in core


@pytest.mark.parametrize("module", ["storage.queries", "pipelines.verify", "pipelines.stats", "flows.rounds", "flows.cli"])
def test_importing_a_layer_loads_nothing_heavy(module: str) -> None:
    heavy = "{'prefect', 'torch', 'vllm', 'onnxruntime', 'great_expectations', 'sympy', 'streamlit', 'dvc'}"
    code = f"import sys, {module}; print(sorted({heavy} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert result.stdout.strip() == "[]"


def test_every_module_says_what_it_is() -> None:
    silent = []
    for folder in ("storage", "pipelines", "flows", "dashboards", "benchmarks"):
        for path in (ROOT / folder).rglob("*.py"):
            first = path.read_text().lstrip()
            if not first.startswith(('"""', 'r"""', "#!")):
                silent.append(str(path.relative_to(ROOT)))
    assert silent == []


def test_importing_the_package_loads_nothing() -> None:
    code = "import sys, rollmill; print(sorted({'flows', 'pipelines', 'storage', 'duckdb', 'pandas'} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert result.stdout.strip() == "[]"


def test_every_public_name_is_there_and_documented() -> None:
    assert {name: bool(getattr(rollmill, name).__doc__) for name in rollmill.__all__} == dict.fromkeys(
        rollmill.__all__, True
    )
    assert set(dir(rollmill)) == {*rollmill.__all__, "__doc__"}
    with pytest.raises(AttributeError, match="has no attribute 'verfy'; it has Completion"):
        rollmill.verfy  # noqa: B018


@pytest.mark.services
def test_an_installed_wheel_runs_outside_of_a_checkout(tmp_path: Path) -> None:
    """The dependencies are those of this environment; `.ci/as-a-wheel` installs them anew."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    subprocess.run([*pip, "wheel", ROOT, "--no-deps", "--no-build-isolation", "-w", tmp_path], check=True)
    [wheel] = tmp_path.glob("rollmill-*.whl")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "bare"], check=True)
    bare = tmp_path / "bare" / "bin" / "python"
    subprocess.run([*pip, "--python", bare, "install", "--no-deps", "--no-index", wheel], check=True)
    [packages] = (bare.parents[1] / "lib").glob("python*/site-packages")
    assert {path.name for path in packages.iterdir() if not path.name.startswith("rollmill-")} == {"rollmill"}
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"))

    def run(*command: str | Path, cwd: Path = tmp_path) -> str:
        said = subprocess.run(command, capture_output=True, text=True, cwd=cwd, env={**os.environ, "PATH": path})
        assert said.returncode == 0, said.stderr
        return said.stdout

    path = os.pathsep.join([str(bare.parent), os.environ["PATH"]])
    assert re.fullmatch(r"rollmill 0\.1\.0( \([0-9a-f]{7,}(\+changes)?\))?\n", run("rollmill", "--version"))
    (tmp_path / "flows").mkdir()  # a user's own folder of that name
    (tmp_path / "flows" / "__init__.py").write_text("raise ImportError('not this one')")
    assert ", under git and dvc." in run("rollmill", "init", "ws")
    ws = tmp_path / "ws"
    assert [name for name in shipped() if not (ws / name).is_file()] == []
    (ws / "small.yaml").write_text(SMALL)
    outcome = json.loads(run("rollmill", "curate", "small.yaml", "--json", cwd=ws))  # with its Prefect server
    assert (outcome["created"], outcome["spent"]["drawn"]) == (True, 64)
    assert [message for message in outcome["messages"] if message.startswith("git add datasets/small")]
    again = "import rollmill; print(rollmill.curate('small.yaml')['content_hash'])"
    assert run(bare, "-c", again, cwd=ws).strip() == outcome["content_hash"]
    shown = "import rollmill; print(len(rollmill.open().rollouts(dataset='small').df()))"
    assert run(bare, "-c", shown, cwd=ws).strip() == "64"
    judged = "import rollmill; print(rollmill.verify([('1/2 + 1/4?', '3/4', '#### 0.75')])[0].outcome)"
    assert run(bare, "-c", judged).strip() == "correct"  # beside that folder
    assert "verdicts   all the same" in run("rollmill", "dataset", "verify", "small", cwd=ws)
    assert "Running stage 'synthesize'" in run(bare, "-m", "dvc", "repro", "--dry", "synthesize", cwd=ws)
