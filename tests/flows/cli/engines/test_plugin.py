"""The package under docs/examples/plugin: built, installed, named in a recipe, and recorded with its version."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from rollmill.installed import entry_points
from rollmill.roles import registries
from tests.flows.conftest import RECIPE, ROOT, Run

pytestmark = pytest.mark.integration
METHODS = """\
verify: [{method: number}, {method: word_limit, options: {most: 50}}]
accept: {method: all_of}
budget: {method: fixed, options: {initial: 2}}
select: {method: all_correct}
gate: {min_kept: 1}
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that pip installed the example into, offline."""
    folder = tmp_path_factory.mktemp("plugin")
    shutil.copytree(ROOT / "docs/examples/plugin", folder / "source")
    assert len(list((folder / "source").iterdir())) == 2
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-index"]
    subprocess.run([*pip, "--no-build-isolation", "--no-deps", "--target", folder / "site", folder / "source"], check=True)
    return folder / "site"


@pytest.fixture(autouse=True)
def _installed(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setattr(registries, "entry_points", entry_points.__wrapped__)


def test_the_example_is_listed_used_by_name_and_recorded(toy: Path, rollmill: Run, site: Path) -> None:
    listed = json.loads(rollmill("methods", "verifiers", "--json").out)[-1]
    assert listed == {
        "kind": "verifiers",
        "method": "word_limit",
        "source": "rollmill-word-limit 1.0",
        "line": "A completion is right if it has words, and no more of them than allowed.",
    }
    (toy / "toy.yaml").write_text(RECIPE[: RECIPE.index("verify:")] + METHODS)
    assert rollmill("recipe", "check", "toy.yaml").status == 0
    curated = rollmill("curate", "toy.yaml", "--direct")
    assert curated.status == 0, curated.err
    manifest = json.loads(next((toy / "datasets/toy").glob("v1-*/manifest.json")).read_text())
    assert manifest["user_packages"] == ["rollmill-word-limit 1.0"]
    assert manifest["recipe"]["verify"][1]["source_package"] == "rollmill-word-limit 1.0"
    version = manifest["verifiers"][1]["version"]
    assert version.startswith("1 most=50+rollmill-word-limit-1.0+file.")
    assert "word_limit" not in json.dumps(manifest["user_files"])
    verified = rollmill("dataset", "verify", "toy", "--all")
    assert verified.status == 0, verified.out + verified.err
    # A newer release of the package is another method: the version is judged again by the recorded one alone.
    [info] = site.glob("*.dist-info")
    (info / "METADATA").write_text((info / "METADATA").read_text().replace("\nVersion: 1.0\n", "\nVersion: 1.1\n"))
    changed = rollmill("dataset", "verify", "toy", "--all")
    assert changed.status == 0  # nothing was found wanting
    assert "it is of the package rollmill-word-limit 1.0, and rollmill-word-limit 1.1 is installed" in changed.out
    again = json.loads(rollmill("recipe", "show", "toy.yaml", "--json").out)
    assert again["recipe_hash"] != manifest["recipe_hash"]
    shutil.rmtree(info)
    gone = rollmill("dataset", "verify", "toy", "--all")
    assert "it is of the package rollmill-word-limit 1.0. unknown verifier 'word_limit'." in gone.out
