"""The wheel: its packages are inside `rollmill`, so that everybody else keeps his names."""

import importlib.util
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SPEC = importlib.util.spec_from_file_location("wheel_hook", ROOT / ".ci/wheel_hook.py")
assert SPEC is not None
assert SPEC.loader is not None
wheel_hook = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(wheel_hook)


@pytest.mark.parametrize(
    ("written", "installed"),
    [
        ("from pipelines.verify import verify", "from rollmill.pipelines.verify import verify"),
        ("from flows import cli", "from rollmill.flows import cli"),
        ("if True:\n    import storage.runs", "if True:\n    import rollmill.storage.runs"),
        ("place = 'pipelines.verify.number:NumberVerifier'", "place = 'rollmill.pipelines.verify.number:NumberVerifier'"),
        ("f'flows.cli.{module}'", "f'rollmill.flows.cli.{module}'"),
        ('"""A.\n\nB storage.runs,\n  flows.cli."""', '"""A.\n\nB rollmill.storage.runs,\n  rollmill.flows.cli."""'),
        ("'flows.a', 'storage.b'", "'rollmill.flows.a', 'rollmill.storage.b'"),
    ],
)
def test_names_of_packages_are_those_of_subpackages(written: str, installed: str) -> None:
    assert wheel_hook.as_subpackage(written) == installed


@pytest.mark.parametrize(
    "source",
    [
        "storage.root",
        "x.pipelines.y",
        "'docs/flows.md'",
        "'pipelines/verify/number.py'",
        "'my.storage.x'",
        "storage = flows",
    ],
)
def test_other_words_stay(source: str) -> None:
    assert wheel_hook.as_subpackage(source) == source


@pytest.mark.services
def test_a_users_own_packages_stay_his(tmp_path: Path) -> None:
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    subprocess.run([*pip, "wheel", str(ROOT), "--no-deps", "--no-build-isolation", "-w", str(tmp_path)], check=True)
    (wheel,) = tmp_path.glob("rollmill-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    tops = {path.name for path in (tmp_path / "site").iterdir() if not path.name.endswith(".dist-info")}
    assert tops == {"rollmill"}
    for name in ("flows", "pipelines", "storage", "dashboards"):
        (tmp_path / "mine" / name).mkdir(parents=True)
        (tmp_path / "mine" / name / "__init__.py").write_text("MINE = True\n")
    code = """
import rollmill, pipelines, storage, flows, dashboards
assert pipelines.MINE and storage.MINE and flows.MINE and dashboards.MINE
assert rollmill.verify([("1/2 + 1/4?", "3/4", "#### 0.75")])[0].outcome == "correct"
from rollmill.pipelines.verify import VERIFIERS
assert VERIFIERS["math"].__module__ == "rollmill.pipelines.verify.mathematics"
import sys
assert not [name for name in sys.modules if name.partition(".")[0] in ("flows", "pipelines", "storage") and "." in name]
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path / "site"), str(tmp_path / "mine")])}
    subprocess.run([sys.executable, "-P", "-c", code], cwd=tmp_path, env=environment, check=True)
