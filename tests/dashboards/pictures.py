"""The pictures of the README: `python -m tests.dashboards.pictures WORKSPACE FOLDER`, for a workspace after `make run`.

Not a test: somebody makes them anew after a page changed, looks at them, and commits them.
"""

import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.chromium import CHROMIUM, FLAGS, PATIENCE
from tests.dashboards.conftest import serving
from tests.dashboards.test_browser import visit

SIZE = (1400, 900)
PAGES = (
    ("dashboard", "Difficulty and budget", "difficulty?of=version+arithmetic%40v1"),
    ("explore", "Explore", "explore?of=version+arithmetic%40v1"),
)


def make(workspace: Path, folder: Path) -> None:
    """One PNG for each of the pages."""
    with serving(workspace) as printed, sync_playwright() as playwright:
        page = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS).new_page(
            viewport={"width": SIZE[0], "height": SIZE[1]}
        )
        page.set_default_timeout(PATIENCE)
        visit(page, printed, "Home")
        address = printed.partition("/?")[0]
        for name, title, path in PAGES:
            visit(page, f"{address}/{path}", title)
            page.wait_for_timeout(4000)  # charts are drawn after their page
            page.screenshot(path=folder / f"{name}.png")


if __name__ == "__main__":
    make(Path(sys.argv[1]), Path(sys.argv[2]))
