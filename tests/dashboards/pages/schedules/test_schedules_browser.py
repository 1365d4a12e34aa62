"""A schedule in the browser, with a real Prefect server: it is started, fires and fails, is retried, and is stopped."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from rollmill.storage.schedules import Schedule, Schedules
from rollmill.storage.workspace import Workspace
from tests.chromium import PATIENCE, settled
from tests.dashboards.conftest import serving
from tests.dashboards.test_browser import shoot, visit
from tests.flows.conftest import RECIPE, ROOT, finish, start
from tests.prefect_home import migrated_home

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

ONCE = """\
from pathlib import Path

from rollmill.ground.errors import SetupError
from toys import ToyEngine

MARK = Path(__file__).with_name("failed-once")


class FailsOnce(ToyEngine):
    def generate(self, requests):
        if not MARK.exists():
            MARK.touch()
            raise SetupError("the model is not there.", next_command="start it")
        return super().generate(requests)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A workspace with a schedule whose first firing fails."""
    folder = tmp_path / "ws"
    Workspace.init(folder).close()
    (folder / "rollmill.toml").write_text("[up]\nport = 0\n")
    (folder / "toys.py").write_text((ROOT / "tests" / "toys.py").read_text())
    (folder / "once.py").write_text(ONCE)
    (folder / "toy.yaml").write_text(RECIPE.replace("toys.py:ToyEngine", "once.py:FailsOnce"))
    Schedules(folder / ".rollmill").add(Schedule("nightly", "0 2 * * *", str(folder / "toy.yaml"), fresh="redraw"))
    migrated_home(folder / ".rollmill")
    yield folder
    ended = finish(start("down", "--json", cwd=folder))
    assert json.loads(ended.out) == {"ended": None}  # the button had ended it


def pressed(page: Page, name: str) -> None:
    """Click a button once the page has settled: until then the button may be exchanged for its successor."""
    button = page.get_by_role("button", name=name, exact=True)
    expect(button).to_be_enabled()
    settled(page)
    button.click()


def test_a_schedule_is_started_fires_fails_and_is_retried(chromium: Browser, folder: Path) -> None:
    with serving(folder) as printed:
        page = chromium.new_page(viewport={"width": 1400, "height": 1500})
        page.set_default_timeout(PATIENCE)
        page.goto(printed)
        visit(page, f"{printed.partition('/?')[0]}/schedules?schedule=nightly", "Schedules")
        expect(page.get_by_text("Schedules are not served: one schedule waits", exact=False)).to_be_visible()
        expect(page.get_by_role("button", name="Run now")).to_be_disabled()
        shoot(page, "schedules-not-served")
        pressed(page, "Start")
        expect(page.get_by_text("Served: this workspace is up", exact=False)).to_be_visible(timeout=2 * PATIENCE)
        pressed(page, "Run now")
        expect(page.get_by_text("Started nightly.", exact=False)).to_be_visible()
        page.get_by_role("link", name="close icon").click(timeout=2 * PATIENCE)  # the page shows it by itself
        expect(page.get_by_text("the model is not there.", exact=False).first).to_be_visible()
        page.wait_for_url("**firing=1*")
        with Workspace.open(folder) as workspace:
            [failed] = workspace.firings.recent("nightly")
        expect(page.get_by_role("link", name=f"Its run {failed.run}")).to_be_visible()
        shoot(page, "schedules-failed")
        pressed(page, "Retry")
        expect(page.get_by_role("link", name="check icon")).to_be_visible(timeout=2 * PATIENCE)
        expect(page.get_by_text("toy@v1 published", exact=False).first).to_be_visible()
        expect(page.get_by_role("button", name="Retry")).to_have_count(0)
        shoot(page, "schedules-retried")
        with Workspace.open(folder) as workspace:
            fired = [(firing.status, firing.number, firing.run) for firing in workspace.firings.recent("nightly")]
        assert fired == [("done", 1, failed.run), ("failed", 1, failed.run)]
        page.get_by_role("button", name="Stop").click()
        pressed(page, "Yes, stop")
        expect(page.get_by_text("Schedules are not served", exact=False).first).to_be_visible()
        expect(page.get_by_role("button", name="Run now")).to_be_disabled()
        page.close()
