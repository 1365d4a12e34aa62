"""The wheel: the checkout's own files below `rollmill`, and one name in site-packages, so that everybody keeps his."""

import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("flows", "pipelines", "storage", "dashboards")


def test_a_package_of_ours_has_one_name(tmp_path: Path) -> None:
    """In a checkout too: a module that was imported under two names would have two classes of each name."""
    for name in PACKAGES:
        done = subprocess.run([sys.executable, "-c", f"import {name}"], cwd=ROOT, capture_output=True, text=True)
        assert f"ImportError: import rollmill.{name}" in done.stderr


def test_the_modules_of_the_package_itself_are_named_for_wheel_and_sdist() -> None:
    """The links beside them lead to folders of the checkout, so the package cannot be named as a whole."""
    listed = subprocess.run(["git", "ls-files", "rollmill/*.py"], cwd=ROOT, capture_output=True, text=True, check=True)
    targets = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]
    assert "rollmill/methods.py" in listed.stdout.split()
    for name in ("wheel", "sdist"):
        included = set(targets[name]["only-include"])
        assert [
            module for module in listed.stdout.split() if not {module, *map(str, Path(module).parents)} & {*included}
        ] == []


@pytest.mark.services
def test_the_wheel_has_the_files_of_the_checkout(tmp_path: Path) -> None:
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    subprocess.run([*pip, "wheel", str(ROOT), "--no-deps", "--no-build-isolation", "-w", str(tmp_path)], check=True)
    (wheel,) = tmp_path.glob("rollmill-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        files = {name: archive.read(name) for name in archive.namelist() if ".dist-info/" not in name}
        archive.extractall(tmp_path / "site")
    assert {name.partition("/")[0] for name in files} == {"rollmill"}
    files.pop("rollmill/COMMIT", None)
    assert [name for name, content in files.items() if _in_checkout(name).read_bytes() != content] == []
    listed = subprocess.run(
        ["git", "ls-files", *PACKAGES, "rollmill"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    mine = {name if name.startswith("rollmill/") else f"rollmill/{name}" for name in listed}
    assert {name for name in mine if not (ROOT / name).is_symlink()} - files.keys() == set()
    for name in PACKAGES:
        (tmp_path / "mine" / name).mkdir(parents=True)
        (tmp_path / "mine" / name / "__init__.py").write_text("MINE = True\n")
    code = """
import rollmill, pipelines, storage, flows, dashboards
assert pipelines.MINE and storage.MINE and flows.MINE and dashboards.MINE
from rollmill.methods import Finding, OneByOne
assert rollmill.verify([("1/2 + 1/4?", "3/4", "#### 0.75")])[0].outcome == "correct"
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path / "site"), str(tmp_path / "mine")])}
    subprocess.run([sys.executable, "-P", "-c", code], cwd=tmp_path, env=environment, check=True)


def _in_checkout(name: str) -> Path:
    """The file of the checkout that a file of the wheel is."""
    beside = ROOT / name
    return beside if beside.is_file() else ROOT / name.removeprefix("rollmill/")
