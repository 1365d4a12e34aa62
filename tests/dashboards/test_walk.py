"""A new user's day: the block "Every day" of the README line by line, the pages beside it, and a second clone at its end.

The recipe is a toy's, so that a night of it takes seconds; Prefect's server, the browser, git and DVC are real.
"""

import json
import re
import shlex
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from tests.dashboards.test_browser import CHROMIUM, FLAGS, PATIENCE, shoot, visit
from tests.flows.conftest import RECIPE, ROOT, finish, start
from tests.repositories import git, run_dvc

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]


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


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_day(workspace: Path, tmp_path: Path) -> None:
    ran = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1400, "height": 1100})
        page.set_default_timeout(PATIENCE)
        for program, *words in lines():
            if program == "dvc":
                run_dvc(workspace, *words)
                continue
            if words == ["up"]:
                output = rollmill(workspace, "up", "--port", "0", "--dashboard", str(free_port()))
                printed = re.search(r"^Dashboard: (\S+)$", output, flags=re.MULTILINE)
                assert printed is not None, output
                address = printed[1].partition("/?")[0]
                page.goto(printed[1])
            else:
                rollmill(workspace, *words)
            ran.append(" ".join(words[:2]))
            if words[:2] == ["audit", "verifier"]:
                _review(page, address)
            elif words[:2] == ["dataset", "diff"]:
                _browse(page, address)
            elif words[:2] == ["dataset", "yank"]:
                assert json.loads(rollmill(workspace, "dataset", "show", "toy", "--json"))["version"] == "toy@v1"
                _fire(page, address)
    assert ran == [
        "schedule add", "up", "audit verifier", "curate toy.yaml", "dataset diff", "dataset yank", "dataset push",
    ]  # fmt: skip
    git(workspace, "add", ".")
    git(workspace, "commit", "-q", "-m", "three versions")
    git(tmp_path, "clone", "-q", str(workspace), "clone")
    rollmill(tmp_path / "clone", "dataset", "pull")
    assert hashes(tmp_path / "clone") == hashes(workspace)
    assert list(hashes(workspace)) == ["toy@v1", "toy@v2", "toy@v3"]


def _review(page: Page, address: str) -> None:
    """A judgement by key."""
    visit(page, f"{address}/review", "Review")
    page.get_by_label("Your name").fill("ann")
    page.get_by_label("Your name").press("Enter")
    expect(page.get_by_text("0 of 20 judged by ann", exact=False)).to_be_visible(timeout=PATIENCE)
    page.get_by_role("heading", name="Review", exact=True).click()  # a key in a text field is text
    page.keyboard.press("1")
    expect(page.get_by_text("1 of 20 judged by ann", exact=False)).to_be_visible(timeout=PATIENCE)
    shoot(page, "walk-review")


def _browse(page: Page, address: str) -> None:
    """The newest version at home, its rows in Explore, what changed since the first."""
    visit(page, address, "Home")
    expect(page.get_by_text("toy@v2", exact=False).first).to_be_visible()
    shoot(page, "walk-home")
    visit(page, f"{address}/explore?of=version+toy%40v2", "Explore")
    shoot(page, "walk-explore")
    visit(page, f"{address}/diff?dataset=toy&before=toy%40v1&after=toy%40v2", "Diff")
    expect(page.get_by_text("dropped: over_quota", exact=False).first).to_be_visible()
    shoot(page, "walk-diff")


def _fire(page: Page, address: str) -> None:
    """Tonight's run, now: it draws afresh and makes a version."""
    visit(page, f"{address}/schedules", "Schedules")
    page.get_by_role("button", name="Run now").click()
    expect(page.get_by_text("Started nightly.", exact=False)).to_be_visible()
    deadline = time.monotonic() + 180
    while "toy@v3" not in page.content():
        assert time.monotonic() < deadline
        visit(page, f"{address}/datasets?dataset=toy", "Datasets")
        page.wait_for_timeout(1000)
    shoot(page, "walk-datasets")
    visit(page, f"{address}/schedules", "Schedules")
    expect(page.get_by_text("Its last run", exact=False)).to_be_visible()
    shoot(page, "walk-schedules")
