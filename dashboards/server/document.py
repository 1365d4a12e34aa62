"""The HTML document of every page, and the status of an address that names none.

Streamlit answers every address with its document and status 200. Its document does not know at which address the server's
own requests begin, so that each tab asks below the page first, `/runs/_stcore/health`, which fails.
"""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.responses import HTMLResponse, PlainTextResponse, Response
from streamlit import file_util

from rollmill.dashboards.server.menu import is_path, titles_by_path
from rollmill.dashboards.session.admission import PROTOCOL
from rollmill.ground.errors import unknown_name

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

NO_PAGES = frozenset(["_rollmill", "_stcore", "app", "auth", "component", "exported", "media", "report", "static"])
ROOT = "<script>window.__streamlit = { BACKEND_BASE_URL: window.location.origin + '/' }</script>"
ASKED = "/_rollmill/admitted"  # answers whether a browser may see the pages
KEY = "key="  # before the page secret, in the part of an address that browsers send nowhere
REFUSED = "This dashboard answers the user who started it: open the address with ?token=... that it printed at its start."
# Keeps the page secret in this origin's storage and brings it where the WebSocket opens (dashboards/session/admission.py).
ADMISSION = f"""<script>
(() => {{
  const name = "rollmill", mark = "#{KEY}";
  if (location.hash.startsWith(mark)) {{
    localStorage.setItem(name, location.hash.slice(mark.length));
    history.replaceState(null, "", location.pathname + location.search);
  }}
  const protocol = "{PROTOCOL}" + (localStorage.getItem(name) || "");
  const asked = new XMLHttpRequest();
  asked.open("GET", "{ASKED}", false);
  asked.setRequestHeader("X-Rollmill", protocol);
  asked.send();
  if (asked.status === 401) {{
    location.replace("{ASKED}");  // which says why
    return;
  }}
  const Socket = window.WebSocket;
  window.WebSocket = class extends Socket {{
    constructor(url, protocols) {{ super(url, [].concat(protocols || [], protocol)); }}
  }};
}})();
</script>"""
HEAD = "<head>"
# Streamlit's own scripts need eval and inline parts; nothing is loaded from, sent to or framed of another host.
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; worker-src 'self' blob:; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; media-src 'self' data: blob:; "
    "connect-src 'self' data: blob:; frame-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'"
)


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
        error = unknown_name("page", name, titles_by_path(), next_command="open / on this host")
        return PlainTextResponse(f"rollmill dashboard: {error}\n", 404)
    headers = {"Cache-Control": "no-cache", "Content-Security-Policy": POLICY}
    return HTMLResponse(_document(), 200 if is_path(name) else 404, headers=headers)


def _is_file(name: str) -> bool:
    return "\0" not in name and (Path(file_util.get_static_dir()) / name).is_file()


@cache
def _document() -> str:
    """Streamlit's HTML document with the address of its server and the secret of its pages inserted."""
    text = (Path(file_util.get_static_dir()) / "index.html").read_text(encoding="utf-8")
    if HEAD not in text:
        raise RuntimeError(f"Streamlit's index.html has no {HEAD}")
    return text.replace(HEAD, f"{HEAD}\n    {ADMISSION}\n    {ROOT}", 1)
