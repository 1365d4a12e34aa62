"""The report of a version that a stranger published, opened in Chromium: it runs nothing, sends nothing, leads nowhere."""

import hashlib
import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Dialog, Page, expect

from rollmill.storage.workspace import Workspace
from tests.chromium import PATIENCE
from tests.dashboards.conftest import run_in, serving
from tests.dashboards.test_browser import visit
from tests.flows.conftest import RECIPE, ROOT

pytestmark = [pytest.mark.security, pytest.mark.timeout(600)]
HOSTILE = """<!doctype html><html><head>
<script>window.top.document.title = 'owned';
fetch('{to}/script', {{mode: 'no-cors'}}); new WebSocket('{ws}/socket')</script>
<meta http-equiv=refresh content="0;url={to}/refresh"><base href="{to}/">
<link rel=stylesheet href="{to}/style"><LINK rel=preconnect href="{to}"><link rel=dns-prefetch href="{to}">
<link rel=prefetch href="{to}/prefetch"><link rel=icon href="{to}/icon">
<style>@import url({to}/import); body {{ background: url({to}/css) }} @font-face {{ font-family: f; src: url({to}/font) }}
p {{ font-family: f }}</style></head><body onload="fetch('{to}/onload')">
<p>Report of a stranger</p><img src="{to}/img" onerror="fetch('{to}/onerror')"><img srcset="{to}/srcset 1x">
<iframe src="{to}/frame"></iframe><iframe srcdoc="<img src={to}/srcdoc>"></iframe><object data="{to}/object"></object>
<embed src="{to}/embed"><video src="{to}/video" poster="{to}/poster"></video><audio src="{to}/audio" autoplay></audio>
<svg onload="fetch('{to}/svg')"><image href="{to}/svgimage"/><use href="{to}/use#a"/></svg>
<form id=f action="{to}/form" method=post target=_top><button>send</button><input autofocus onfocus="f.submit()"></form>
<a id=top href="{to}/top" target=_top>top</a> <a id=self href="{to}/self">self</a>
<a id=new href="{to}/new" target=_blank>new</a>
</body></html>"""


@contextmanager
def listening() -> Iterator[tuple[str, list[bytes]]]:
    """The address of a stranger's server (it stands for Prefect's as well), and what it was sent."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def listen() -> None:
            while True:
                try:
                    caller, _ = server.accept()
                except OSError:
                    return
                caller.settimeout(1)
                try:
                    heard.append(caller.recv(200))
                except OSError:
                    heard.append(b"")
                caller.close()

        threading.Thread(target=listen, daemon=True).start()
        yield f"127.0.0.1:{server.getsockname()[1]}", heard
        server.shutdown(socket.SHUT_RDWR)


def published(folder: Path, report: str) -> None:
    """A workspace whose version has this report, with a manifest that fits."""
    Workspace.init(folder).close()
    shutil.copyfile(ROOT / "tests" / "toys.py", folder / "toys.py")
    (folder / "toy.yaml").write_text(RECIPE)
    run_in(folder, ["curate", "toy.yaml", "--direct"])
    [page] = (folder / "datasets" / "toy").glob("v1-*/report.html")
    before, after = (hashlib.sha256(text).hexdigest() for text in (page.read_bytes(), report.encode()))
    page.write_text(report)
    for manifest in (page.with_name("manifest.json"), *(folder / "datasets" / "toy" / "manifests").glob("v1-*.json")):
        manifest.write_text(manifest.read_text().replace(before, after))


@pytest.fixture(scope="module")
def stranger() -> Iterator[tuple[str, list[bytes]]]:
    with listening() as found:
        yield found


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory, stranger: tuple[str, list[bytes]]) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("hostile") / "ws"
    published(folder, HOSTILE.format(to=f"http://{stranger[0]}", ws=f"ws://{stranger[0]}"))
    with serving(folder) as address:
        yield address


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": 1400, "height": 1200})
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    yield page
    context.close()


def test_a_stranger_hears_a_page_that_is_not_held(page: Page) -> None:
    with listening() as (address, heard):
        page.set_content(HOSTILE.format(to=f"http://{address}", ws=f"ws://{address}"), wait_until="commit")
        page.wait_for_timeout(1_500)
        assert len(heard) > 3


def told(dialog: Dialog, said: list[str]) -> None:
    said.append(dialog.message)
    dialog.dismiss()


def test_a_report_runs_nothing_and_reaches_nobody(page: Page, printed: str, stranger: tuple[str, list[bytes]]) -> None:
    served = printed.partition("/?")[0]
    said: list[str] = []
    page.on("dialog", lambda dialog: told(dialog, said))
    page.context.on("page", lambda other: said.append(other.url))
    page.goto(printed)
    stranger[1].clear()
    visit(page, f"{served}/datasets?dataset=toy&tab=Quality+report", "Datasets")
    report = page.frame_locator("iframe")
    expect(report.get_by_text("Report of a stranger")).to_be_visible()
    page.wait_for_timeout(1_000)
    assert stranger[1] == []
    for link in ("top", "new", "self"):  # a person clicks what is there
        report.locator(f"#{link}").click()
        page.wait_for_timeout(300)
    page.wait_for_timeout(1_000)
    assert b"".join(stranger[1]) == b""  # Chromium connects at the press of a button, and sends nothing
    stranger[1].clear()
    assert said == []
    assert page.title() == "Rollmill"
    assert page.url.startswith(served)
    page.goto(f"{served}/report/toy%40v1")  # opened by itself it is held as well
    expect(page.get_by_text("Report of a stranger")).to_be_visible()
    page.wait_for_timeout(1_000)
    assert page.evaluate("window.origin") == "null"
    assert (stranger[1], page.title()) == ([], "")


def test_nobody_without_the_printed_address_sees_a_page(page: Page, printed: str) -> None:
    page.goto(printed.partition("?")[0] + "runs")
    expect(page.get_by_text("This dashboard answers the user who started it: open the address with")).to_be_visible()
    assert page.get_by_test_id("stApp").count() == 0
