"""The project as an installed application: its names stay its own, its pins name no index, its extras stay extras."""

import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml

import rollmill

ROOT = Path(__file__).resolve().parents[2]
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


def test_the_hooks_before_a_commit_are_those_of_make_check() -> None:
    recipe = re.search(r"(?m)^check: (.*)##.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text())
    assert recipe is not None
    checks = [line.strip().replace("$(BIN)", ".venv/bin") for line in recipe[2].splitlines()]
    checks += [f"make {target}" for target in recipe[1].split() if not target.startswith("$")]
    [repository] = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert [hook["entry"] for hook in repository["hooks"]] == checks


def test_mypy_reads_every_module() -> None:
    overrides = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mypy"]["overrides"]
    assert [part["module"] for part in overrides if part.get("ignore_errors") or part.get("disable_error_code")] == []
