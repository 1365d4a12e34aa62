"""`make release` in a temporary repository with the files of this one."""

import shutil
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).resolve().parents[2]
METADATA = """\
Metadata-Version: 2.4
Name: rollmill
Version: 0.1.0
Summary: Datasets
License-Expression: Apache-2.0
License-File: LICENSE
Keywords: datasets
Classifier: Operating System :: POSIX :: Linux
Requires-Python: >=3.11
Requires-Dist: numpy>=2
Description-Content-Type: text/markdown

# Rollmill
"""


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = spec_from_file_location("release", ROOT / ".ci/release.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def git(tree: Path, *words: str) -> str:
    return subprocess.run(["git", *words], cwd=tree, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with one commit: what git knows here, or would take."""
    folder = tmp_path_factory.mktemp("release") / "tree"
    for name in git(ROOT, "ls-files", "-co", "--exclude-standard").splitlines():
        if (ROOT / name).exists() and not name.startswith(("tests/", "benchmarks/")):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name, follow_symlinks=False)
    git(folder, "init", "-q", "-b", "main")
    git(folder, "config", "user.name", "A")
    git(folder, "config", "user.email", "a@example.org")
    (folder / "CHANGELOG.md").write_text("# Changelog\n\n## Unreleased\n\n## 0.1.0\n\n- The first release.\n")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "first")
    return folder


def release(tree: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, ".ci/release.py", *words], cwd=tree, capture_output=True, text=True)


@pytest.mark.integration
def test_a_release_and_the_next_one(tree: Path) -> None:
    first = release(tree)
    assert first.returncode == 0, first.stderr
    made = {path.name for path in (tree / "dist").iterdir()}
    assert made == {"rollmill-0.1.0-py3-none-any.whl", "rollmill-0.1.0.tar.gz", "release-notes-0.1.0.md"}
    assert (tree / "dist/release-notes-0.1.0.md").read_text().endswith("\n\n- The first release.\n")
    assert git(tree, "cat-file", "-t", "v0.1.0") == "tag"
    assert git(tree, "for-each-ref", "--format=%(contents:subject)", "refs/tags/v0.1.0").startswith("# Rollmill 0.1.0 (")
    with ZipFile(tree / "dist/rollmill-0.1.0-py3-none-any.whl") as wheel:
        assert git(tree, "rev-parse", "v0.1.0^{commit}").startswith(wheel.read("rollmill/COMMIT").decode())
    assert git(tree, "status", "--porcelain") == ""

    refused = release(tree)
    assert (refused.returncode, refused.stderr.partition(".")[0]) == (1, "no release: v0")
    assert "v0.1.0 is tagged already" in refused.stderr
    changelog = tree / "CHANGELOG.md"
    changelog.write_text(changelog.read_text().replace("## Unreleased\n", "## Unreleased\n\n- More.\n"))
    assert "the tree has changes" in release(tree, "0.2.0").stderr
    git(tree, "commit", "-qam", "second")
    assert "has text under Unreleased" in release(tree).stderr

    second = release(tree, "0.2.0")
    assert second.returncode == 0, second.stderr
    assert changelog.read_text().startswith("# Changelog\n\n## Unreleased\n\n## 0.2.0\n\n- More.\n\n## 0.1.0\n")
    assert git(tree, "log", "-1", "--format=%s") == "Release 0.2.0"
    assert git(tree, "describe") == "v0.2.0"


@pytest.mark.integration
def test_a_build_with_a_fault_leaves_no_tag_no_commit_and_no_file(tree: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    git(tree, "clone", "-q", "--no-tags", str(tree), str(other))
    for key in ("user.name", "user.email"):
        git(other, "config", key, "a")
    project = other / "pyproject.toml"
    project.write_text(project.read_text().replace('"pyyaml>=6"', '"pyyaml @ file:///tmp/pyyaml"'))
    project.write_text(
        project.read_text().replace(
            "[tool.hatch.build]\n", "[tool.hatch.metadata]\nallow-direct-references = true\n\n[tool.hatch.build]\n"
        )
    )
    (other / "CHANGELOG.md").write_text("# Changelog\n\n## Unreleased\n\n- Third.\n")
    git(other, "commit", "-qam", "a fault")
    before = git(other, "rev-parse", "HEAD")
    refused = release(other, "0.3.0")
    assert refused.returncode == 1
    assert "pyyaml@ file:///tmp/pyyaml names a place" in refused.stderr.replace("pyyaml @", "pyyaml@")
    assert (git(other, "rev-parse", "HEAD"), git(other, "tag"), (other / "dist").exists()) == (before, "", False)


@pytest.mark.parametrize(
    ("before", "after", "fault"),
    [
        ("", "", ""),
        ("Version: 0.1.0", "Version: 0.1.0.dev3", "it says rollmill 0.1.0.dev3"),
        ("License-Expression: Apache-2.0\n", "", "license_expression is empty"),
        ("Requires-Python: >=3.11\n", "", "requires_python is empty"),
        ("# Rollmill\n", "", "description is empty"),
        ("text/markdown", "text/plain", "the description is text/plain"),
        ("Operating System :: POSIX :: Linux", "Private :: Do Not Upload", "'Private :: Do Not Upload' is not"),
        ("Operating System :: POSIX :: Linux", "Operating System :: Ours", "'Operating System :: Ours' is not"),
        ("numpy>=2", "numpy @ file:///tmp/numpy", "names a place"),
        ("Keywords: datasets\n", "Keywords: datasets\nProject-URL: Source, file:///tmp\n", "is not one of https"),
        ("Keywords: datasets\n", "Keywords: datasets\nFlavour: sweet\n", "fields that no reader knows"),
        ("numpy>=2", "numpy>>2", "numpy>>2"),
    ],
)
def test_metadata_that_are_not_a_public_packages(script: ModuleType, before: str, after: str, fault: str) -> None:
    faults = list(script.metadata_faults(METADATA.replace(before, after).encode(), "0.1.0"))
    assert (fault in " ".join(faults) and len(faults) == 1) if fault else faults == []


@pytest.mark.parametrize(
    ("changelog", "asked", "tagged", "message"),
    [
        ("## Unreleased\n\n- A.\n", None, set(), "VERSION=X.Y.Z"),
        ("## Unreleased\n\n- A.\n", "0.2", set(), "three numbers"),
        ("## Unreleased\n\n- A.\n", "0.1.0", {"0.2.0"}, "lower than"),
        ("## Unreleased\n\n- A.\n\n## 0.1.0\n\n- B.\n", "0.1.0", set(), "beside the section"),
        ("## Unreleased\n\n## 0.1.0\n\n- B.\n", "0.2.0", {"0.1.0"}, "no text for 0.2.0"),
        ("## Unreleased\n", None, set(), "VERSION=X.Y.Z"),
    ],
)
def test_versions_that_cannot_be_released(
    script: ModuleType, changelog: str, asked: str | None, tagged: set[str], message: str
) -> None:
    with pytest.raises(script.ReleaseError, match=message):
        script.chosen_version(changelog, asked, tagged)
