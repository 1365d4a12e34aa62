"""Sizes of folders, files and pages: a reader finds a concept by its name, and reads it in one sitting."""

import subprocess
from collections import Counter
from pathlib import Path

from docs.generate import GENERATED

ROOT = Path(__file__).resolve().parents[2]
MODULES = 15  # in a folder, beside its `__init__`
LINES = 400  # of a file
HOW_TO, BY_HAND = 600, 42_000  # words of a how-to page, and of all pages together
WRITTEN_BY_A_COMMAND = {"docs/reference/claims.md", "docs/reference/latency.md", *(f"docs/{place}" for place in GENERATED)}


AT_THE_TOP = 25  # files and folders
OF_THE_PROJECT = {"docs/CODE_OF_CONDUCT.md", "docs/CONTRIBUTING.md", "docs/SECURITY.md", "docs/examples/README.md"}
ASKED_FOR = {"README.md", "pyproject.toml", "dvc.yaml", "flows", "pipelines", "storage", "dashboards", "tests"}


def tracked(pattern: str) -> list[str]:
    """Files of the project under a pattern of git."""
    listed = subprocess.run(["git", "ls-files", pattern], cwd=ROOT, capture_output=True, text=True, check=True)
    return [name for name in listed.stdout.splitlines() if (ROOT / name).exists()]


def words(name: str) -> int:
    return len((ROOT / name).read_text(encoding="utf-8").split())


def test_a_folder_has_at_most_fifteen_modules() -> None:
    rooms = Counter(str(Path(name).parent) for name in tracked("*.py") if Path(name).name != "__init__.py")
    assert rooms["flows/rounds"] > 5
    assert {room: count for room, count in rooms.items() if count > MODULES} == {}


def test_the_top_of_the_tree_is_seen_at_a_glance() -> None:
    entries = {name.partition("/")[0] for name in tracked("*")}
    assert entries >= ASKED_FOR
    assert len(entries) <= AT_THE_TOP, sorted(entries)


def test_a_file_has_at_most_four_hundred_lines() -> None:
    lengths = {name: (ROOT / name).read_text(encoding="utf-8").count("\n") for name in tracked("*.py")}
    assert len(lengths) > 1_000
    assert {name: lines for name, lines in lengths.items() if lines > LINES} == {}


def test_pages_are_short_and_few() -> None:
    pages = {name: words(name) for name in tracked("docs/*.md") if name not in OF_THE_PROJECT}
    assert {name: count for name, count in pages.items() if name.startswith("docs/how-to/") and count > HOW_TO} == {}
    assert sum(count for name, count in pages.items() if name not in WRITTEN_BY_A_COMMAND) <= BY_HAND
