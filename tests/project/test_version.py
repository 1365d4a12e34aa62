"""The version comes from git's tags, and no manifest or hash reads it."""

import re
import subprocess
from pathlib import Path

import pytest

from rollmill.version import TREE, UNKNOWN, sections, tree_version

CHANGELOG = "# Changelog\n\n## Unreleased\n\n{}\n\n## 0.2.0\n\nMore.\n\n## 0.1.0\n\nFirst.\n"


def git(tree: Path, *words: str) -> str:
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main"]
    return subprocess.run(["git", *identity, *words], cwd=tree, capture_output=True, text=True, check=True).stdout


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A repository with one commit and the tag v0.3.1."""
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG.format(""))
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "first")
    git(tmp_path, "tag", "-am", "Rollmill 0.3.1", "v0.3.1")
    return tmp_path


def test_a_tagged_commit_has_the_version_of_its_tag(tree: Path) -> None:
    git(tree, "tag", "dataset-v9")  # no version of the program
    assert tree_version(tree) == "0.3.1"


def test_later_commits_and_changes_are_the_next_version_under_development(tree: Path) -> None:
    (tree / "CHANGELOG.md").write_text("changed")
    assert tree_version(tree) == "0.3.2.dev0"
    git(tree, "commit", "-qam", "second")
    assert tree_version(tree) == "0.3.2.dev1"


def test_without_a_tag_the_changelog_has_the_version(tree: Path) -> None:
    git(tree, "tag", "-d", "v0.3.1")
    assert tree_version(tree) == "0.2.0"


@pytest.mark.parametrize(
    ("changelog", "version"),
    [
        (CHANGELOG.format(""), "0.2.0"),
        (CHANGELOG.format("- New."), "0.2.1.dev0"),
        ("# Changelog\n\n## Unreleased\n\n- New.\n", UNKNOWN),
        (None, UNKNOWN),
    ],
)
def test_without_git_the_changelog_has_the_version(tmp_path: Path, changelog: str | None, version: str) -> None:
    if changelog is not None:
        (tmp_path / "CHANGELOG.md").write_text(changelog)
    assert tree_version(tmp_path) == version


def test_the_changelog_has_a_section_for_each_version_and_one_for_what_is_next() -> None:
    texts = sections((TREE / "CHANGELOG.md").read_text())
    assert next(iter(texts)) == "Unreleased"
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", title) for title in list(texts)[1:])
    assert len(texts["0.1.0"].split()) <= 1200


def test_only_the_command_line_reads_the_version() -> None:
    """A hash or a manifest with the version would change with every commit."""
    reads = re.compile(r"(from|import) rollmill\.version|\bversion\(['\"]rollmill")
    folders = ("flows", "pipelines", "storage", "dashboards", "rollmill")
    modules = [path for folder in folders for path in (TREE / folder).rglob("*.py")]
    assert [str(path.relative_to(TREE)) for path in modules if reads.search(path.read_text())] == ["flows/cli/__init__.py"]
