"""The project as an installed application: its names stay its own, its pins name no index, its extras stay extras."""

import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PINS = sorted([*ROOT.glob("requirements*.txt"), *ROOT.glob("benchmarks/requirements*.txt")])


@pytest.mark.parametrize("name", ["dashboards", "flows", "pipelines", "storage"])
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


@pytest.mark.parametrize("module", ["storage.queries", "pipelines.verify", "pipelines.stats", "flows.mill", "flows.cli"])
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


@pytest.mark.services
def test_the_wheels_command_says_how_to_install(tmp_path: Path) -> None:
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    subprocess.run([*pip, "wheel", ROOT, "--no-deps", "--no-build-isolation", "-w", tmp_path], check=True)
    [wheel] = tmp_path.glob("rollmill-*.whl")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "bare"], check=True)
    bare = tmp_path / "bare" / "bin" / "python"
    subprocess.run([*pip, "--python", bare, "install", "--no-deps", "--no-index", wheel], check=True)
    for command in ([bare.with_name("rollmill"), "--help"], [bare, "-P", "-m", "rollmill", "curate"]):
        said = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
        assert (said.returncode, said.stdout) == (2, "")
        assert said.stderr == (
            "rollmill: the wheel holds no program; Rollmill runs from its checkout. "
            "Next: clone its repository, run `make run` there, then .venv/bin/rollmill\n"
        )
    packages = (bare.parents[1] / "lib").glob("python*/site-packages/*")
    assert {path.name for path in packages if not path.name.startswith("rollmill-")} == {"rollmill.py", "__pycache__"}


def test_the_command_is_the_checkouts_command_line() -> None:
    said = subprocess.run([sys.executable, ROOT / "rollmill.py", "--version"], capture_output=True, text=True, check=True)
    assert said.stdout.startswith("rollmill 0.1.0")
