"""The project as an installed application: its names stay its own, its pins name no index, its extras stay extras."""

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml

import rollmill
from rollmill.ground.errors import refusal
from rollmill.roles.registries import SHELF

ROOT = Path(__file__).resolve().parents[2]
PINS = sorted([ROOT / "requirements.txt", *ROOT.glob(".ci/requirements/*.txt"), *ROOT.glob("benchmarks/requirements*.txt")])


@pytest.mark.parametrize("name", ["dashboards", "flows", "pipelines", "rollmill", "storage"])
def test_no_dependency_claims_our_import_names(name: str) -> None:
    assert set(packages_distributions().get(name, [])) <= {"rollmill"}


@pytest.mark.parametrize("path", PINS, ids=lambda path: path.name)
def test_pins_are_exact_and_name_no_index(path: Path) -> None:
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    assert lines
    for line in lines:
        assert "://" not in line
        assert not line.startswith("-") or line == "-r ../../requirements.txt"
        assert line.startswith("-r") or re.match(r"^[A-Za-z0-9._\[\]-]+==[^ ]+( ;.*)?$", line), line


def declared() -> dict[str, set[str]]:
    """Names of the distributions of the base, under "", and of each extra."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    parts = {"": project["dependencies"], **project["optional-dependencies"]}
    return {part: {re.split(r"[<>=\[ ]", line)[0] for line in lines} - {"rollmill"} for part, lines in parts.items()}


def test_torch_and_vllm_are_extras_only() -> None:
    parts = declared()
    assert {"torch", "reasoning-gym"}.isdisjoint(parts[""] | parts["run"])
    assert "vllm" not in set().union(*parts.values())
    core = (ROOT / "requirements.txt").read_text()
    assert "\ntorch==" not in core
    assert "\nstreamlit==" not in core


def test_every_import_is_declared_under_the_name_by_which_its_absence_is_told() -> None:
    """In guests, the interpreters of other environments, are vLLM, and trainers with what they need."""
    guests = {"datasets", "peft", "skyrl_gym", "transformers", "trl", "verifiers", "vllm"}
    known = {"yaml" if name == "pyyaml" else name.replace("-", "_") for names in declared().values() for name in names}
    spaces = {"opentelemetry"}  # of several distributions; flows/telemetry.py tells its absence
    assert imported() - known == guests | spaces


def imported() -> set[str]:
    """Top-level modules of others that the product imports anywhere."""
    found: set[str] = set()
    ours = {"rollmill", "flows", "pipelines", "storage", "dashboards"}
    for path in (path for folder in ours for path in (ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found |= {name.name.partition(".")[0] for name in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.partition(".")[0])
    return found - ours - sys.stdlib_module_names


def test_the_absence_of_a_part_is_told_with_the_extra_that_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = ["duckdb==2.0.0", *(f"{name}>=3; extra == 'all'" for name in ("dvc-data", "streamlit", "torch"))]
    lines += ["dvc-data>=3; extra == 'run'", 'dvc-data; extra == "dashboard"', 'streamlit; extra == "dashboard"']
    monkeypatch.setattr("importlib.metadata.requires", lambda _: lines)
    for module, extra in (("dvc_data.index", "run"), ("streamlit", "dashboard")):
        name = module.partition(".")[0]
        error = refusal(ModuleNotFoundError("none", name=module))
        assert str(error) == f"this needs {name}, which is not installed. Next: pip install 'rollmill[{extra}]'"
    assert [refusal(ModuleNotFoundError("none", name=name)) for name in ("duckdb", "sklearn")] == [None, None]


@pytest.mark.parametrize(
    "module",
    [
        "rollmill.storage.queries",
        "rollmill.pipelines.verify",
        "rollmill.stats",
        "rollmill.flows.rounds",
        "rollmill.flows.cli",
    ],
)
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
    [repository] = yaml.safe_load((ROOT / ".ci/pre-commit.yaml").read_text())["repos"]
    assert [hook["entry"] for hook in repository["hooks"]] == checks


def test_mypy_reads_every_module() -> None:
    overrides = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mypy"]["overrides"]
    assert [part["module"] for part in overrides if part.get("ignore_errors") or part.get("disable_error_code")] == []


def test_every_list_of_the_packages_of_methods_has_all_of_them() -> None:
    """What identifies their methods, what `make run` and the image install, and the extra of the wheel."""
    files = sorted((ROOT / "methods").glob("*/pyproject.toml"))
    assert {tomllib.loads(file.read_text())["project"]["name"] for file in files} == SHELF
    folders = [f"./methods/{file.parent.name}" for file in files]
    assert f"SHELF := {' '.join(folders)}\n" in (ROOT / "Makefile").read_text()
    image = (ROOT / "docs/examples/compose/Dockerfile").read_text()
    assert [folder for folder in folders if f"-e {folder}" not in image] == []
    ours = tomllib.loads((ROOT / "pyproject.toml").read_text())
    extra = ours["project"]["optional-dependencies"]["methods"]
    assert {re.split("[>=[]", name)[0] for name in extra} - {"rollmill"} == SHELF
    packages = {name.replace("-", "_") for name in SHELF}
    assert packages <= set(ours["tool"]["importlinter"]["root_packages"])
    assert packages <= set(ours["tool"]["mypy"]["packages"])
