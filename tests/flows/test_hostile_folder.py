"""Commands in a folder whose own packages and modules have the names of ours, of DVC's and of the standard library."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.flows.conftest import ROOT

pytestmark = pytest.mark.services
PACKAGES = ("flows", "pipelines", "storage", "dashboards", "tests", "benchmarks", "datasets", "dvc", "prefect", "streamlit")
MODULES = (
    "random",
    "types",
    "json",
    "yaml",
    "typing",
    "statistics",
    "queue",
    "duckdb",
    "numpy",
    "pyarrow",
    "sympy",
    "mpmath",
)
RECIPE = """\
recipe_schema: 1
name: small
seed: 7
problems: {synthesize: templates, count: 16, options: {split: train}}
generate: {engine: embedded, model: %s, max_tokens: 120}
verify: [{method: number}, {method: math}]
budget: {method: fixed, options: {initial: 8}}
select: {method: quota, options: {per_problem: 2}}
gate: {min_kept: 1}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A workspace with git, DVC and modules that raise when they are imported."""
    place = tmp_path / "mine"
    run(tmp_path, "init", str(place), "--bare")
    trap = "raise SystemExit('a module of the folder was imported: ' + __file__)\n"
    for name in PACKAGES:
        (place / name).mkdir(exist_ok=True)
        (place / name / "__init__.py").write_text(trap)
    for name in MODULES:
        (place / f"{name}.py").write_text(trap)
    subprocess.run(["git", "init", "-q"], cwd=place, check=True)
    subprocess.run([sys.executable, "-P", "-m", "dvc", "init", "-q"], cwd=place, check=True)
    (place / "small.yaml").write_text(RECIPE % (ROOT / "models" / "rollmill-tiny"))
    return place


def run(place: Path, *arguments: str) -> str:
    program = Path(sys.executable).with_name("rollmill")
    environment = {**os.environ, "DVC_NO_ANALYTICS": "1"}
    done = subprocess.run([program, *arguments], cwd=place, env=environment, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "a module of the folder was imported" not in done.stdout + done.stderr
    return done.stdout + done.stderr


def test_nothing_of_the_folder_is_imported_by_any_process(folder: Path) -> None:
    assert "small@v1" in run(folder, "curate", "small.yaml")
    assert (folder / "datasets" / "small" / "latest" / "dataset.duckdb").exists()
    assert list((folder / "datasets" / "small").glob("v1-*.dvc"))
    assert "all the same" in run(folder, "dataset", "verify", "small")
    assert "suite number" in run(folder, "certify", "number")
    run(folder, "dataset", "export", "small", "--out", "small.jsonl")
    run(folder, "up", "--port", "0")
    try:
        assert "127.0.0.1" in run(folder, "doctor", "--quick")
    finally:
        run(folder, "down")
