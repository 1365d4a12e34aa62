"""The built site in a browser: it asks nothing of another place, and its search works from disk."""

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("index.html", "tutorials/first-dataset.html", "reference/methods.html", "reference/python-api.html")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    build = ("build", "--strict", "--quiet", "-f", ".ci/mkdocs.yml", "--site-dir", str(folder))
    subprocess.run(
        [sys.executable, "-m", "mkdocs", *build], cwd=ROOT, env=os.environ | {"NO_MKDOCS_2_WARNING": "1"}, check=True
    )
    return folder


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_site_needs_no_network_and_is_searched_from_disk(
    chromium: "Browser", site: Path, scheme: Literal["light", "dark"]
) -> None:
    asked: list[str] = []
    with chromium.new_page(color_scheme=scheme) as page:
        page.on("request", lambda request: asked.append(request.url))
        grounds = set()
        for name in PAGES:
            page.goto((site / name).as_uri())
            grounds.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        page.keyboard.press("/")
        page.keyboard.type("temperature")
        page.locator(".md-search-result__item").first.wait_for()
    assert len(grounds) == 1
    assert (grounds == {"rgb(255, 255, 255)"}) == (scheme == "light")
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
