"""The block "Every day" of the README line by line, and a second clone at its end.

The recipe is a toy's, so that a night of it takes seconds; Prefect's server, git and DVC are real.
"""

import json
import re
import shlex
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.flows.conftest import RECIPE, ROOT, finish, start
from tests.repositories import git, run_dvc

pytestmark = [pytest.mark.services, pytest.mark.timeout(400)]


def lines() -> Iterator[list[str]]:
    """The commands of the block as words, for the toy recipe."""
    section = (ROOT / "README.md").read_text().partition("## Every day")[2]
    block = re.findall(r"^```sh\n(.*?)^```$", section, flags=re.MULTILINE | re.DOTALL)[0]
    for line in block.splitlines():
        words = shlex.split(line, comments=True)
        for_toy = [word.replace("recipes/arithmetic", "toy").replace("arithmetic", "toy") for word in words[1:]]
        yield [Path(words[0]).name, *for_toy]


def rollmill(folder: Path, *words: str) -> str:
    ended = finish(start(*words, cwd=folder))
    assert ended.status == 0, (words, ended.out, ended.err)
    return ended.out


def hashes(folder: Path) -> dict[str, str]:
    return {row["version"]: row["content_hash"] for row in json.loads(rollmill(folder, "dataset", "list", "--json"))}


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Path]:
    """A workspace in git and DVC with one version, as `make run` leaves it."""
    folder = tmp_path / "ws"
    rollmill(tmp_path, "init", str(folder))
    (folder / "toys.py").write_text((ROOT / "tests" / "toys.py").read_text())
    (folder / "toy.yaml").write_text(RECIPE)
    rollmill(folder, "curate", "toy.yaml")
    yield folder
    rollmill(folder, "down")


def test_every_line_works_and_another_clone_pulls_the_versions(workspace: Path, tmp_path: Path) -> None:
    ran = []
    for program, *words in lines():
        if program == "dvc":
            run_dvc(workspace, *words)
            continue
        rollmill(workspace, *words, *(["--port", "0", "--dashboard", "0"] if words == ["up"] else []))
        ran.append(" ".join(words[:2]))
        if words[:2] == ["dataset", "yank"]:
            assert json.loads(rollmill(workspace, "dataset", "show", "toy", "--json"))["version"] == "toy@v1"
            _fire(workspace)
    assert ran == [
        "schedule add", "up", "audit verifier", "curate toy.yaml", "dataset diff", "dataset yank", "dataset push",
    ]  # fmt: skip
    git(workspace, "add", ".")
    git(workspace, "commit", "-q", "-m", "three versions")
    git(tmp_path, "clone", "-q", str(workspace), "clone")
    rollmill(tmp_path / "clone", "dataset", "pull")
    assert hashes(tmp_path / "clone") == hashes(workspace)
    assert list(hashes(workspace)) == ["toy@v1", "toy@v2", "toy@v3"]


def _fire(workspace: Path) -> None:
    """Tonight's run, now: it draws afresh and makes a version."""
    rollmill(workspace, "schedule", "run-now", "nightly")
    deadline = time.monotonic() + 180
    while "toy@v3" not in hashes(workspace):
        assert time.monotonic() < deadline
        time.sleep(1)
