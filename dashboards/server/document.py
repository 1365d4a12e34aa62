"""The HTML document of every page, and the status of an address that names none.

Streamlit answers every address with its document and status 200. Its document does not know at which address the server's
own requests begin, so that each tab asks below the page first, `/runs/_stcore/health`, which fails.
"""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.responses import HTMLResponse, PlainTextResponse, Response
from streamlit import file_util

from dashboards.server.app import PAGE_OF, PATHS
from storage.ground.errors import unknown_name

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

NO_PAGES = ("_stcore", "app", "auth", "component", "exported", "media", "static")  # first parts of other addresses
ROOT = "<script>window.__streamlit = { BACKEND_BASE_URL: window.location.origin + '/' }</script>"
HEAD = "<head>"


class Documents:
    """Answers requests for pages; all others are passed to Streamlit."""

    def __init__(self, app: "ASGIApp") -> None:
        self.app = app

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Handle a request."""
        answer = page_of(scope["path"]) if scope["type"] == "http" and scope["method"] in ("GET", "HEAD") else None
        await (answer or self.app)(scope, receive, send)


def page_of(path: str) -> Response | None:
    """The document for a page's path, with status 404 for one that names no page; None for a path of something else."""
    name = path.removeprefix("/")
    first, _, rest = name.partition("/")
    # Streamlit redirects a path that ends with a slash, and its document asks for two files beside itself.
    if first in NO_PAGES or (name and not rest and (name.endswith("/") or _is_file(name))):
        return None
    if rest:  # below the root: the files that the document names would not be found
        error = unknown_name("page", name, PAGE_OF, next_command="open / on this host")
        return PlainTextResponse(f"rollmill dashboard: {error}\n", 404)
    return HTMLResponse(_document(), 200 if name in PATHS else 404, headers={"Cache-Control": "no-cache"})


def _is_file(name: str) -> bool:
    return "\0" not in name and (Path(file_util.get_static_dir()) / name).is_file()


@cache
def _document() -> str:
    """Streamlit's HTML document with the address of its server inserted."""
    text = (Path(file_util.get_static_dir()) / "index.html").read_text(encoding="utf-8")
    if HEAD not in text:
        raise RuntimeError(f"Streamlit's index.html has no {HEAD}")
    return text.replace(HEAD, f"{HEAD}\n    {ROOT}", 1)
