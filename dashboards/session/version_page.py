"""The HTML report of a version, at an address of its own and without scripts: whoever published the version wrote it.

The policy of the answer holds however the report is opened: no script runs, nothing is loaded, sent or navigated.
"""

import re
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from rollmill.dashboards.inert import visible
from rollmill.dashboards.session.scope import reader
from rollmill.ground.errors import RollmillError
from rollmill.storage.queries import version_report

WITHOUT_SCRIPTS = {
    "Content-Security-Policy": (
        "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; "
        "form-action 'none'; base-uri 'none'; frame-ancestors 'self'"
    ),
    "X-DNS-Prefetch-Control": "off",
    "Cache-Control": "no-store",
}
# Chromium connects for links (preconnect) and within frames before it asks any policy; reports of ours have neither.
_CONNECTING = re.compile(r"<(?=(?:link|iframe|frame|fencedframe|object|embed)\b)", re.IGNORECASE)


def report_address(reference: str) -> str:
    """Address of a version's report on this server."""
    return f"/report/{quote(reference, safe='')}"


def _report(request: Request) -> Response:
    try:
        text = version_report(reader(), request.path_params["reference"])
    except RollmillError as error:
        return PlainTextResponse(visible(str(error)), 404)
    return HTMLResponse(_CONNECTING.sub("&lt;", text), headers=WITHOUT_SCRIPTS)


REPORT_ROUTE = Route("/report/{reference}", _report)
